/* repeat.c - tells when an answer repeats itself: for every period, how long the text has been equal to itself that much earlier.
 * SPDX-License-Identifier: MIT */
#include "engine/repeat.h"

#include "base/base.h"
#include "base/mem.h"

int repeat_check(const struct repeat_opts *o, struct err *e)
{
    if (o->max_period < 0 || o->max_period > REPEAT_MAX_PERIOD)
        return err_set(e, ERR_ARG, "repetition: found a period of %d tokens, expected 0 (off) to %d", o->max_period,
                       REPEAT_MAX_PERIOD);
    if (o->max_period && (o->times < 2 || o->times > REPEAT_MAX_TIMES))
        return err_set(e, ERR_ARG, "repetition: found %d times, expected 2 to %d", o->times, REPEAT_MAX_TIMES);
    if (o->max_period && o->min_tokens < 0)
        return err_set(e, ERR_ARG, "repetition: found at least %d tokens, expected 0 or more", o->min_tokens);
    return 0;
}

void repeat_init(struct repeat *r, const struct repeat_opts *o)
{
    *r = (struct repeat){ .o = *o };
    if (o->max_period > 0)
        r->run = xcalloc((size_t)o->max_period + 1, sizeof *r->run);
}

void repeat_deinit(struct repeat *r)
{
    mem_free(r->run);
    r->run = NULL;
}

bool repeat_push(struct repeat *r, const int32_t *ids, size_t n)
{
    bool found = false;
    for (int period = 1; r->run && period <= r->o.max_period && (size_t)period < n; period++) {
        bool same = ids[n - 1] == ids[n - 1 - (size_t)period];
        r->run[period] = same ? r->run[period] + 1 : 0;
        /* The first occurrence of the period lies before the tokens that were found equal. */
        int all = r->run[period] + period;
        found |= same && all >= r->o.times * period && all >= r->o.min_tokens;
    }
    return found;
}
