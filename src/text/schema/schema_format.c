/* schema_format.c - the formats of strings that are enforced, as regular expressions.
 *
 * Dates are those of the calendar, leap years included. Times know no leap seconds. A pattern may match less than its format allows, never more.
 * SPDX-License-Identifier: MIT */
#include "text/schema/schema_format.h"

#include <stddef.h>

#include "base/base.h"

#define LEAP "(?:\\d\\d(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)"
#define DATE                                                                                                           \
    "(?:\\d{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\\d|30)|"                    \
    "02-(?:0[1-9]|1\\d|2[0-8]))|" LEAP "-02-29)"
#define HOURS "(?:[01]\\d|2[0-3]):[0-5]\\d"
#define TIME HOURS ":[0-5]\\d(?:\\.\\d{1,9})?(?:Z|[+-]" HOURS ")"
#define BYTE "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)"
#define IPV4 "(?:" BYTE "\\.){3}" BYTE
#define HEX "[0-9A-Fa-f]{1,4}"
#define LABEL "[A-Za-z0-9](?:[A-Za-z0-9-]{0,28}[A-Za-z0-9])?"
#define HOST LABEL "(?:\\." LABEL "){0,7}"
/* Of a URI: no limit on the length of its parts. */
#define NAME "[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?"
#define ESCAPED "%[0-9A-Fa-f]{2}"
#define PCHAR "(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|" ESCAPED ")"

static const struct {
    const char *name, *pattern;
} formats[] = {
    { "date", DATE },
    { "time", TIME },
    { "date-time", DATE "T" TIME },
    { "duration", "P(?:\\d{1,9}W|(?:\\d{1,9}Y(?:\\d{1,9}M(?:\\d{1,9}D)?)?|\\d{1,9}M(?:\\d{1,9}D)?|\\d{1,9}D)"
                  "(?:T(?:\\d{1,9}H(?:\\d{1,9}M(?:\\d{1,9}S)?)?|\\d{1,9}M(?:\\d{1,9}S)?|\\d{1,9}S))?|"
                  "T(?:\\d{1,9}H(?:\\d{1,9}M(?:\\d{1,9}S)?)?|\\d{1,9}M(?:\\d{1,9}S)?|\\d{1,9}S))" },
    { "email", "[A-Za-z0-9_+-]{1,32}(?:\\.[A-Za-z0-9_+-]{1,16}){0,3}@" LABEL "(?:\\." LABEL "){1,4}" },
    { "hostname", HOST },
    { "ipv4", IPV4 },
    { "ipv6", "(?:" HEX ":){7}(?:" HEX "|:)|::(?:" HEX "(?::" HEX "){0,6})?"
              "|(?:" HEX ":){1}:(?:" HEX "(?::" HEX "){0,5})?"
              "|(?:" HEX ":){2}:(?:" HEX "(?::" HEX "){0,4})?"
              "|(?:" HEX ":){3}:(?:" HEX "(?::" HEX "){0,3})?"
              "|(?:" HEX ":){4}:(?:" HEX "(?::" HEX "){0,2})?"
              "|(?:" HEX ":){5}:(?:" HEX "(?::" HEX "){0,1})?"
              "|(?:" HEX ":){6}:(?:" HEX ")?" },
    { "uuid", "[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}" },
    { "uri", "[A-Za-z][A-Za-z0-9+.-]*:(?://" NAME "(?::\\d{1,5})?(?:/" PCHAR "*)*|" PCHAR "+(?:/" PCHAR "*)*)"
             "(?:\\?(?:" PCHAR "|[/?])*)?(?:#(?:" PCHAR "|[/?])*)?" },
};

struct str schema_format_pattern(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(formats); i++)
        if (str_eqz(name, formats[i].name))
            return str_from(formats[i].pattern);
    return STR("");
}
