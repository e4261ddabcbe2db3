/* sched.c - decode rows first, then short rests of prompts, then one chunk; fair by virtual time.
 * SPDX-License-Identifier: MIT */
#include "engine/sched.h"

#include "base/base.h"

static bool is_running(const struct sched_seq *s)
{
    return s->phase != SCHED_WAITING;
}

static void add_part(struct sched_plan *p, int seq, int n_row)
{
    p->part[p->n_part++] = (struct sched_part){ seq, n_row };
}

/* One row for every decoding sequence, oldest first as they come; then guesses, in turn, as far as rows with logits go. Returns the rows. */
static int plan_decode(struct sched_plan *out, const struct sched_seq *v, int n, const struct sched_limits *l)
{
    int rows = 0, most = MIN(l->small_rows, l->max_out);
    for (int i = 0; i < n && rows < most && out->n_part < SCHED_MAX_PARTS; i++)
        if (v[i].phase == SCHED_DECODE) {
            add_part(out, i, 1);
            rows++;
        }
    for (bool granted = true; granted && rows < most;) {
        granted = false;
        for (int k = 0; k < out->n_part && rows < most; k++) {
            struct sched_part *p = &out->part[k];
            if (p->n_row - 1 >= v[p->seq].n_draft)
                continue;
            p->n_row++;
            rows++;
            granted = true;
        }
    }
    return rows;
}

static bool is_planned(const struct sched_plan *p, int seq)
{
    for (int k = 0; k < p->n_part; k++)
        if (p->part[k].seq == seq)
            return true;
    return false;
}

/* The prompt that was given least and is not planned yet, of at most `most` rows left; -1: none. */
static int least_served(const struct sched_plan *p, const struct sched_seq *v, int n, size_t most)
{
    int best = -1;
    for (int i = 0; i < n; i++) {
        if (v[i].phase != SCHED_PROMPT || v[i].n_left > most || is_planned(p, i))
            continue;
        if (best < 0 || v[i].served < v[best].served || (v[i].served == v[best].served && v[i].order < v[best].order))
            best = i;
    }
    return best;
}

void sched_plan(struct sched_plan *out, const struct sched_seq *v, int n, const struct sched_limits *l, bool suspended)
{
    out->n_part = 0;
    out->chunk = false;
    int rows = plan_decode(out, v, n, l);
    int room = MIN(l->small_rows - rows, rows ? l->small_prompt : l->small_rows), outs = l->max_out - rows;
    int first = least_served(out, v, n, SIZE_MAX);
    if (first < 0)
        return;
    /* Rests that fit go along, so that short prompts never wait for long ones. */
    for (int i;
         room > 0 && outs > 0 && (i = least_served(out, v, n, (size_t)room)) >= 0 && out->n_part < SCHED_MAX_PARTS;
         outs--) {
        add_part(out, i, (int)v[i].n_left);
        room -= (int)v[i].n_left;
    }
    bool short_ones = out->n_part > 0 && v[out->part[out->n_part - 1].seq].phase == SCHED_PROMPT;
    first = least_served(out, v, n, SIZE_MAX);
    if (suspended && first >= 0 && room > 0 && out->n_part < SCHED_MAX_PARTS)
        add_part(out, first, (int)MIN((size_t)room, v[first].n_left));
    if (suspended || short_ones || first < 0)
        return;
    out->n_part = 0;
    out->chunk = true;
    add_part(out, first, (int)MIN((size_t)l->chunk_rows, v[first].n_left));
}

int sched_admit(const struct sched_seq *v, int n, const struct sched_limits *l)
{
    int best = -1, running = 0;
    for (int i = 0; i < n; i++) {
        running += is_running(&v[i]);
        if (v[i].phase != SCHED_WAITING || v[i].held)
            continue;
        if (best < 0 || v[i].priority > v[best].priority ||
            (v[i].priority == v[best].priority && v[i].order < v[best].order))
            best = i;
    }
    return running < l->max_running ? best : -1;
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
    bool found = false;
    double least = 0;
    for (int i = 0; i < n; i++)
        if (is_running(&v[i]) && (!found || v[i].served < least)) {
            least = v[i].served;
            found = true;
        }
    return least;
}
