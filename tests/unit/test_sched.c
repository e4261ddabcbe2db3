/* test_sched.c - plans of the scheduler, by table and by playing steps through.
 * SPDX-License-Identifier: MIT */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <string.h>

#include "base/base.h"
#include "base/rng.h"
#include "engine/sched.h"

enum { MAX_SEQ = 8 };

#define WAIT(o)                                                                                                        \
    {                                                                                                                  \
        SCHED_WAITING, 0, o, 10, 0, 0, false, false                                                                    \
    }
#define PROMPT(o, left, served)                                                                                        \
    {                                                                                                                  \
        SCHED_PROMPT, 0, o, left, 0, served, false, false                                                              \
    }
#define SCORED(o, left)                                                                                                \
    {                                                                                                                  \
        SCHED_PROMPT, 0, o, left, 0, 0, false, true                                                                    \
    }
#define DECODE(o, drafts)                                                                                              \
    {                                                                                                                  \
        SCHED_DECODE, 0, o, 1, drafts, 0, false, false                                                                 \
    }
#define IDLE(o)                                                                                                        \
    {                                                                                                                  \
        SCHED_IDLE, 0, o, 500, 0, 0, false, false                                                                      \
    }

static const struct sched_limits usual = {
    .small_rows = 16, .small_prompt = 6, .chunk_rows = 100, .scored_rows = 40, .max_running = 8, .max_out = 12
};

static const struct {
    const char *name;
    enum sched_turn turn;
    struct sched_limits limits; /* all zeros: the usual ones */
    int n;
    struct sched_seq v[MAX_SEQ];
    bool chunk;
    int n_part;
    struct sched_part part[MAX_SEQ];
} plans[] = {
    { .name = "nothing to do", .n = 2, .v = { WAIT(0), IDLE(1) } },
    { .name = "a long prompt alone is a chunk",
      .n = 1,
      .v = { PROMPT(0, 250, 0) },
      .chunk = true,
      .n_part = 1,
      .part = { { 0, 100 } } },
    { .name = "a chunk whose rows may all want logits is shorter",
      .n = 2,
      .v = { SCORED(0, 250), PROMPT(1, 250, 0) },
      .chunk = true,
      .n_part = 1,
      .part = { { 0, 40 } } },
    { .name = "in a small step they have room",
      .n = 2,
      .v = { SCORED(0, 5), DECODE(1, 0) },
      .n_part = 2,
      .part = { { 1, 1 }, { 0, 5 } } },
    { .name = "the rest of a prompt",
      .n = 1,
      .v = { PROMPT(0, 50, 0) },
      .chunk = true,
      .n_part = 1,
      .part = { { 0, 50 } } },
    { .name = "short prompts go together where nothing decodes, up to a small step",
      .n = 3,
      .v = { PROMPT(0, 7, 0), PROMPT(1, 6, 0), PROMPT(2, 7, 0) },
      .n_part = 3,
      .part = { { 0, 7 }, { 1, 6 }, { 2, 3 } } },
    { .name = "what decodes goes first, short rests beside it within their time",
      .n = 4,
      .v = { PROMPT(0, 5, 0), DECODE(1, 0), PROMPT(2, 4, 0), DECODE(3, 0) },
      .n_part = 4,
      .part = { { 1, 1 }, { 3, 1 }, { 0, 5 }, { 2, 1 } } },
    { .name = "least virtual time first, then arrival",
      .n = 4,
      .v = { PROMPT(3, 3, 5), PROMPT(2, 3, 5), PROMPT(1, 3, 9), DECODE(0, 0) },
      .n_part = 3,
      .part = { { 3, 1 }, { 1, 3 }, { 0, 3 } } },
    { .name = "a chunk of the least virtual time",
      .n = 3,
      .v = { PROMPT(0, 300, 20), PROMPT(2, 300, 10), PROMPT(1, 300, 10) },
      .chunk = true,
      .n_part = 1,
      .part = { { 2, 100 } } },
    { .name = "after a chunk, streams first",
      .n = 2,
      .v = { PROMPT(0, 300, 0), DECODE(1, 0) },
      .n_part = 1,
      .part = { { 1, 1 } } },
    { .name = "after a small step, the chunk",
      .turn = SCHED_CHUNK_FIRST,
      .n = 3,
      .v = { PROMPT(0, 300, 9), DECODE(1, 0), PROMPT(2, 2, 0) },
      .chunk = true,
      .n_part = 1,
      .part = { { 0, 100 } } },
    { .name = "no chunk to do: another small step",
      .turn = SCHED_CHUNK_FIRST,
      .n = 2,
      .v = { DECODE(0, 0), PROMPT(1, 6, 0) },
      .n_part = 2,
      .part = { { 0, 1 }, { 1, 6 } } },
    { .name = "while a chunk is suspended: no second one",
      .turn = SCHED_SMALL_ONLY,
      .n = 4,
      .v = { IDLE(0), PROMPT(1, 300, 0), DECODE(2, 0), PROMPT(3, 4, 0) },
      .n_part = 2,
      .part = { { 2, 1 }, { 3, 4 } } },
    { .name = "while a chunk is suspended: nothing else to do",
      .turn = SCHED_SMALL_ONLY,
      .n = 2,
      .v = { IDLE(0), PROMPT(1, 300, 0) } },
    { .name = "guesses in turn, behind prompts, as far as rows go",
      .n = 3,
      .v = { DECODE(0, 9), DECODE(1, 2), PROMPT(2, 6, 0) },
      .n_part = 3,
      .part = { { 0, 7 }, { 1, 3 }, { 2, 6 } } },
    { .name = "guesses as far as rows with logits go",
      .limits = { 16, 6, 100, 8, 5 },
      .n = 3,
      .v = { DECODE(0, 9), DECODE(1, 9), PROMPT(2, 6, 0) },
      .n_part = 3,
      .part = { { 0, 2 }, { 1, 2 }, { 2, 6 } } },
    { .name = "no more than wanted",
      .n = 2,
      .v = { DECODE(0, 1), DECODE(1, 0) },
      .n_part = 2,
      .part = { { 0, 2 }, { 1, 1 } } },
    { .name = "no time for prompt rows: they go in chunks",
      .turn = SCHED_CHUNK_FIRST,
      .limits = { 16, 0, 100, 8, 12 },
      .n = 2,
      .v = { DECODE(0, 0), PROMPT(1, 1, 0) },
      .chunk = true,
      .n_part = 1,
      .part = { { 1, 1 } } },
    { .name = "streams fill the small step: prompts go in chunks",
      .turn = SCHED_CHUNK_FIRST,
      .limits = { 2, 6, 100, 8, 12 },
      .n = 3,
      .v = { DECODE(0, 0), DECODE(1, 0), PROMPT(2, 1, 0) },
      .chunk = true,
      .n_part = 1,
      .part = { { 2, 1 } } },
};

static void plans_follow_the_rules(void **state)
{
    (void)state;
    for (size_t c = 0; c < ARRAY_LEN(plans); c++) {
        struct sched_plan p;
        const struct sched_limits *l = plans[c].limits.small_rows ? &plans[c].limits : &usual;
        memset(&p, 0xff, sizeof p);
        sched_plan(&p, plans[c].v, plans[c].n, l, plans[c].turn);
        bool same = p.chunk == plans[c].chunk && p.n_part == plans[c].n_part;
        for (int i = 0; same && i < p.n_part; i++)
            same = p.part[i].seq == plans[c].part[i].seq && p.part[i].n_row == plans[c].part[i].n_row;
        if (same)
            continue;
        for (int i = 0; i < p.n_part; i++)
            print_error("  part %d: sequence %d, %d rows\n", i, p.part[i].seq, p.part[i].n_row);
        fail_msg("%s: chunk %d, %d parts", plans[c].name, p.chunk, p.n_part);
    }
}

static void admission_goes_by_priority_then_arrival(void **state)
{
    (void)state;
    struct sched_seq v[] = { WAIT(4), WAIT(2), WAIT(3), DECODE(0, 0), IDLE(1) };
    struct sched_limits l = usual;
    assert_int_equal(sched_admit(v, 5, &l), 1);
    v[1].held = true;
    assert_int_equal(sched_admit(v, 5, &l), 2);
    v[0].priority = 1;
    assert_int_equal(sched_admit(v, 5, &l), 0);
    v[0].held = v[2].held = true;
    assert_int_equal(sched_admit(v, 5, &l), -1);
    v[0].held = false;
    l.max_running = 2; /* one that is idle counts, too */
    assert_int_equal(sched_admit(v, 5, &l), -1);
    l.max_running = 3;
    assert_int_equal(sched_admit(v, 5, &l), 0);
    l.max_out = 2; /* all must be able to decode in one step */
    assert_int_equal(sched_admit(v, 5, &l), -1);
}

static void the_youngest_of_the_lowest_priority_gives_way(void **state)
{
    (void)state;
    struct sched_seq v[] = { DECODE(0, 0), PROMPT(1, 5, 0), DECODE(2, 0), IDLE(3), WAIT(4) };
    assert_int_equal(sched_victim(v, 5, -1), 2);
    assert_int_equal(sched_victim(v, 5, 2), 1);
    v[0].priority = -1;
    assert_int_equal(sched_victim(v, 5, -1), 0);
    assert_int_equal(sched_victim(v + 3, 2, -1), -1);
}

static void a_newcomer_begins_at_the_least_of_the_prompts(void **state)
{
    (void)state;
    struct sched_seq v[] = { DECODE(0, 0), PROMPT(1, 5, 30), PROMPT(2, 5, 20), WAIT(3) };
    assert_true(sched_newcomer(v, 4) == 20);
    assert_true(sched_newcomer(v, 1) == 0);
    assert_true(sched_cost(0, 6) == 6 && sched_cost(1, 6) == 3 && sched_cost(-2, 6) == 24);
    assert_true(sched_cost(1000, 1) > 0);
}

/* --- playing steps ------------------------------------------------------------------------------------------------------------------ */

struct play {
    struct sched_seq v[MAX_SEQ];
    size_t given[MAX_SEQ];
    int n, last_step[MAX_SEQ]; /* in which a sequence had a row */
    enum sched_turn turn;
    bool was_chunk;
};

static void play_step(struct play *g, int step)
{
    struct sched_plan p;
    sched_plan(&p, g->v, g->n, &usual, g->turn);
    for (int i = 0; i < p.n_part; i++) {
        struct sched_seq *s = &g->v[p.part[i].seq];
        g->last_step[p.part[i].seq] = step;
        if (s->phase != SCHED_PROMPT)
            continue;
        g->given[p.part[i].seq] += (size_t)p.part[i].n_row;
        s->n_left -= (size_t)p.part[i].n_row;
        s->served += sched_cost(s->priority, p.part[i].n_row);
    }
    g->was_chunk = p.chunk;
    g->turn = p.chunk ? SCHED_SMALL_FIRST : SCHED_CHUNK_FIRST;
}

static void long_prompts_share_by_priority(void **state)
{
    (void)state;
    struct play g = { .n = 3, .v = { PROMPT(0, 1000000, 0), PROMPT(1, 1000000, 0), PROMPT(2, 1000000, 0) } };
    g.v[1].priority = 1;
    for (int step = 0; step < 400; step++) {
        play_step(&g, step);
        if (g.given[0] > 1000)
            assert_true((double)g.given[1] / (double)g.given[0] > 1.7);
    }
    assert_true(g.given[0] == g.given[2] && g.given[1] == 2 * g.given[0]);
}

static void newcomers_without_end_hold_up_nobody(void **state)
{
    (void)state;
    /* A stream, a long prompt, and for ever new short ones and long ones that arrive in its place. */
    struct play g = { .n = 4, .v = { DECODE(0, 3), PROMPT(1, 5000, 0), PROMPT(2, 4, 0), PROMPT(3, 400, 0) } };
    struct rng rng;
    rng_init(&rng, 5);
    int step = 0, n_chunk = 0;
    uint64_t order = 4;
    for (; g.v[1].n_left && step < 1000; step++) {
        play_step(&g, step);
        n_chunk += g.was_chunk;
        assert_true(step - g.last_step[0] <= 1);
        for (int i = 2; i < 4; i++)
            if (!g.v[i].n_left) {
                g.v[i].phase = SCHED_WAITING;
                double served = sched_newcomer(g.v, g.n);
                g.v[i] = (struct sched_seq)PROMPT(order++, i == 2 ? 1 + rng_below(&rng, 6) : 1 + rng_below(&rng, 900),
                                                  served);
            }
    }
    assert_int_equal(g.v[1].n_left, 0);
    assert_true(n_chunk <= 2 * 50 + 20); /* half of the chunks, give or take */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plans_follow_the_rules),
        cmocka_unit_test(admission_goes_by_priority_then_arrival),
        cmocka_unit_test(the_youngest_of_the_lowest_priority_gives_way),
        cmocka_unit_test(a_newcomer_begins_at_the_least_of_the_prompts),
        cmocka_unit_test(long_prompts_share_by_priority),
        cmocka_unit_test(newcomers_without_end_hold_up_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
