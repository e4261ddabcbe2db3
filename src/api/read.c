/* read.c - from bytes to the reader of a dialect.
 * SPDX-License-Identifier: MIT */
#include "api/read.h"

#include "api/body_scan.h"
#include "api/read_common.h"

static int parse_body(struct reader *rd, struct str body)
{
    struct body_scan cost;
    struct err e = ERR_INIT;
    int rc = body_scan(&cost, body, rd->values_left, &e);
    if (rc == 0)
        rc = json_parse(&rd->r->body, body, "request body", &body_limits, &e);
    if (rc != 0) {
        api_error_from(rd->x, &e, NULL);
        if (body.n > BODY_BYTES_MAX)
            rd->x->kind = API_ERR_TOO_LARGE;
        return -1;
    }
    rd->values_left -= cost.values;
    if (json_type(rd->r->body) != JSON_OBJECT) {
        api_error_set(rd->x, API_ERR_INVALID, NULL, "request body: expected a JSON object, found %s",
                      json_type_name(json_type(rd->r->body)));
        return -1;
    }
    return 0;
}

static int read_dialect(struct reader *rd)
{
    switch (rd->r->dialect) {
    case API_CHAT:
        return read_chat(rd);
    case API_COMPLETIONS:
        return read_completions(rd);
    case API_RESPONSES:
        return read_responses(rd);
    case API_MESSAGES:
        return read_messages(rd);
    }
    return -1;
}

int read_request(struct api_request *r, enum api_dialect d, struct str body, const struct api_defaults *def,
                 struct api_error *x)
{
    struct reader rd;
    api_request_init(r, d, def);
    reader_init(&rd, r, def, x);
    int rc = parse_body(&rd, body);
    if (rc == 0)
        rc = read_dialect(&rd);
    if (rc == 0)
        rc = reader_finish(&rd);
    reader_deinit(&rd);
    return rc;
}
