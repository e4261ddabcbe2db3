/* cost.c - what steps cost, and what guesses are worth: moving averages and an expected value.
 *
 * A guess of g tokens whose first k are right gives k + 1 tokens for one step of g + 1 rows. With the chance a that a guessed token is right if
 * those before it were, that is sum of a^i for i in 0..g tokens. The number of rows to verify is the one with most tokens per time.
 * SPDX-License-Identifier: MIT */
#include "engine/cost.h"

#include "base/base.h"
#include "base/mem.h"

static const int row_points[] = { 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64 };
/* Lower ends of the classes of match lengths. */
static const int match_points[] = { 0, 6, 9, 13, 17, 25, 33, 65, 129 };

enum { N_ROWS = ARRAY_LEN(row_points), N_MATCH = ARRAY_LEN(match_points) };

struct cost {
    double step_ns[N_ROWS]; /* 0: never seen */
    double prompt_ns;       /* of a row; 0: never seen */
    double right[N_MATCH], guessed[N_MATCH];
};

/* A step seen weighs this much against all before: some ten steps make the average. */
static const double step_weight = 0.1;
/* Guesses from before count less and less, so that the table follows the text. */
static const double guess_decay = 0.98;
/* Each class begins as if so many guesses had been seen, of which the share below was right. */
static const double prior_guesses = 8;
static const double prior_right[N_MATCH] = { 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.9 };
/* A guess must promise this much more than none: the table is an estimate, and a wrong guess costs. */
static const double margin = 1.05;
/* What a row beyond the sizes seen is taken to cost, as a share of the largest seen. */
static const double unknown_row_cost = 0.3;

struct cost *cost_new(void)
{
    struct cost *c = xcalloc(1, sizeof *c);
    for (int i = 0; i < N_MATCH; i++) {
        c->guessed[i] = prior_guesses;
        c->right[i] = prior_guesses * prior_right[i];
    }
    return c;
}

void cost_free(struct cost *c)
{
    mem_free(c);
}

static int nearest_point(int n_row)
{
    int i = 0;
    while (i + 1 < N_ROWS && row_points[i + 1] <= n_row)
        i++;
    return i;
}

static void average(double *to, double seen)
{
    *to = *to == 0 ? seen : *to + step_weight * (seen - *to);
}

void cost_step(struct cost *c, int n_row, int64_t ns)
{
    int i = nearest_point(n_row);
    if (n_row <= row_points[N_ROWS - 1])
        average(&c->step_ns[i], (double)ns * row_points[i] / n_row);
}

/* Between what was seen below and above linear. Beyond it as if rows were cheap: so an unknown size is tried once where a guess is good,
 * and from then on it is known. */
static double expected(const struct cost *c, int n_row)
{
    int below = -1, above = -1;
    for (int i = 0; i < N_ROWS; i++) {
        if (c->step_ns[i] == 0)
            continue;
        if (row_points[i] <= n_row)
            below = i;
        else if (above < 0)
            above = i;
    }
    if (below < 0 && above < 0)
        return 0;
    if (below < 0)
        return c->step_ns[above];
    double x0 = row_points[below], y0 = c->step_ns[below];
    if (above < 0)
        return y0 * (1 + unknown_row_cost * (n_row / x0 - 1));
    double x1 = row_points[above], y1 = c->step_ns[above];
    return y0 + (y1 - y0) * (n_row - x0) / (x1 - x0);
}

int64_t cost_ns(const struct cost *c, int n_row)
{
    return (int64_t)expected(c, n_row);
}

void cost_prompt(struct cost *c, int n_row, int64_t ns)
{
    average(&c->prompt_ns, (double)ns / n_row);
}

int cost_rows_within(const struct cost *c, int64_t ns)
{
    double row = c->prompt_ns > 0 ? c->prompt_ns : expected(c, 1);
    return row > 0 ? (int)MAX(1, MIN((double)ns / row, 1 << 20)) : 1;
}

static int match_class(int match)
{
    int i = 0;
    while (i + 1 < N_MATCH && match_points[i + 1] <= match)
        i++;
    return i;
}

void cost_guess(struct cost *c, int match, int n_guess, int n_right)
{
    int i = match_class(match);
    /* Behind the first wrong token nothing was tried. */
    int n_tried = MIN(n_right + 1, n_guess);
    c->right[i] = c->right[i] * guess_decay + n_right;
    c->guessed[i] = c->guessed[i] * guess_decay + n_tried;
}

int cost_guess_worth(const struct cost *c, int match, int n_guess, int n_other)
{
    double a = c->right[match_class(match)] / c->guessed[match_class(match)];
    double base = expected(c, n_other + 1);
    if (base <= 0)
        return 0;
    double best = (n_other + 1) / base * margin, tokens = n_other + 1, power = 1;
    int worth = 0;
    for (int g = 1; g <= n_guess; g++) {
        power *= a;
        tokens += power;
        double rate = tokens / expected(c, n_other + 1 + g);
        if (rate > best) {
            best = rate;
            worth = g;
        }
    }
    return worth;
}
