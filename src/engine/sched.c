/* sched.c - decode rows, short rests of prompts, guesses, chunks: the rules of sched.h.
 * SPDX-License-Identifier: MIT */
#include "engine/sched.h"

#include <math.h>

#include "base/base.h"

enum { PRIORITY_MAX = 16 }; /* beyond that priorities share alike */

static void add_part(struct sched_plan *p, int seq, int n_row)
{
    p->part[p->n_part++] = (struct sched_part){ seq, n_row };
}

/* Prompts before others in virtual time. */
static bool is_before(const struct sched_seq *a, const struct sched_seq *b)
{
    return a->served != b->served ? a->served < b->served : a->order < b->order;
}

/* The next prompt behind `after` (-1: the first) in virtual time of which `least` to `most` rows are left; -1: none. */
static int next_prompt(const struct sched_seq *v, int n, int after, size_t least, size_t most)
{
    int best = -1;
    for (int i = 0; i < n; i++) {
        const struct sched_seq *s = &v[i];
        if (s->phase != SCHED_PROMPT || s->n_left < least || s->n_left > most)
            continue;
        if (after >= 0 && (i == after || !is_before(&v[after], s)))
            continue;
        if (best < 0 || is_before(s, &v[best]))
            best = i;
    }
    return best;
}

static int plan_decode(struct sched_plan *out, const struct sched_seq *v, int n, int most)
{
    for (int i = 0; i < n && out->n_part < most; i++)
        if (v[i].phase == SCHED_DECODE)
            add_part(out, i, 1);
    return out->n_part;
}

/* Short rests of prompts, `room` rows in all; returns the rows. Each may end in a row with logits. */
static int plan_short(struct sched_plan *out, const struct sched_seq *v, int n, int room, int most_parts)
{
    int rows = 0;
    for (int i = -1; rows < room && out->n_part < most_parts;) {
        i = next_prompt(v, n, i, 1, (size_t)room);
        if (i < 0)
            break;
        int take = (int)MIN(v[i].n_left, (size_t)(room - rows));
        add_part(out, i, take);
        rows += take;
    }
    return rows;
}

/* Guesses, one to each in turn, for the first n_decode parts, until `left` rows are given. */
static void plan_guesses(struct sched_plan *out, const struct sched_seq *v, int n_decode, int left)
{
    for (bool any = true; any && left > 0;) {
        any = false;
        for (int k = 0; k < n_decode && left > 0; k++) {
            struct sched_part *p = &out->part[k];
            if (p->n_row - 1 >= v[p->seq].n_draft)
                continue;
            p->n_row++;
            left--;
            any = true;
        }
    }
}

static void plan_small(struct sched_plan *out, const struct sched_seq *v, int n, const struct sched_limits *l, int room)
{
    int most = MIN(MIN(l->small_rows, l->max_out), SCHED_MAX_PARTS);
    int n_decode = plan_decode(out, v, n, most);
    int rows = n_decode + plan_short(out, v, n, room, most);
    plan_guesses(out, v, n_decode, MIN(l->small_rows - rows, l->max_out - out->n_part));
}

static bool plan_chunk(struct sched_plan *out, const struct sched_seq *v, int n, const struct sched_limits *l, int room)
{
    int i = next_prompt(v, n, -1, (size_t)room + 1, SIZE_MAX);
    if (i < 0)
        return false;
    out->chunk = true;
    int most = v[i].scored ? MIN(l->scored_rows, l->chunk_rows) : l->chunk_rows;
    add_part(out, i, (int)MIN(v[i].n_left, (size_t)most));
    return true;
}

void sched_plan(struct sched_plan *out, const struct sched_seq *v, int n, const struct sched_limits *l,
                enum sched_turn turn)
{
    int n_decode = 0;
    for (int i = 0; i < n; i++)
        n_decode += v[i].phase == SCHED_DECODE;
    int room = MAX(MIN(n_decode ? l->small_prompt : l->small_rows, l->small_rows - n_decode), 0);
    out->n_part = 0;
    out->chunk = false;
    if (turn == SCHED_CHUNK_FIRST && plan_chunk(out, v, n, l, room))
        return;
    plan_small(out, v, n, l, room);
    if (turn == SCHED_SMALL_FIRST && !out->n_part)
        (void)plan_chunk(out, v, n, l, room);
}

int sched_admit(const struct sched_seq *v, int n, const struct sched_limits *l)
{
    int best = -1, running = 0;
    int most = MIN(MIN(l->max_running, SCHED_MAX_PARTS), MIN(l->small_rows, l->max_out));
    for (int i = 0; i < n; i++) {
        const struct sched_seq *s = &v[i];
        running += s->phase != SCHED_WAITING;
        if (s->phase != SCHED_WAITING || s->held)
            continue;
        if (best < 0 || s->priority > v[best].priority || (s->priority == v[best].priority && s->order < v[best].order))
            best = i;
    }
    return running < most ? best : -1;
}

int sched_victim(const struct sched_seq *v, int n, int not_this)
{
    int worst = -1;
    for (int i = 0; i < n; i++) {
        if ((v[i].phase != SCHED_PROMPT && v[i].phase != SCHED_DECODE) || i == not_this)
            continue;
        if (worst < 0 || v[i].priority < v[worst].priority ||
            (v[i].priority == v[worst].priority && v[i].order > v[worst].order))
            worst = i;
    }
    return worst;
}

double sched_newcomer(const struct sched_seq *v, int n)
{
    int least = -1;
    for (int i = 0; i < n; i++)
        if ((v[i].phase == SCHED_PROMPT || v[i].phase == SCHED_IDLE) && (least < 0 || v[i].served < v[least].served))
            least = i;
    return least < 0 ? 0 : v[least].served;
}

double sched_cost(int priority, int n_row)
{
    return ldexp(n_row, -MAX(MIN(priority, PRIORITY_MAX), -PRIORITY_MAX));
}
