/* cost.c - what steps cost, and what guesses are worth: moving averages and an expected value.
 *
 * A guess of g tokens whose first k are right gives k + 1 tokens for one step of g + 1 rows. With the chance a that a guessed token is right if
 * those before it were, that is sum of a^i for i in 0..g tokens. The number of rows to verify is the one with most tokens per time.
 * SPDX-License-Identifier: MIT */
#include "engine/cost.h"

#include "base/base.h"
#include "base/mem.h"

static const int row_points[] = { 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256 };
/* Lower ends of the classes of match lengths. */
static const int match_points[] = { 0, 6, 9, 13, 17, 25, 33, 65, 129 };

enum { N_ROWS = ARRAY_LEN(row_points), N_MATCH = ARRAY_LEN(match_points) };

struct cost {
    double step_ns[N_ROWS]; /* 0: never seen */
    double seen[N_ROWS];    /* how many steps taught it, at most 1 / step_weight */
    double prompt_ns;       /* of a row; 0: never seen */
    double right[N_MATCH], guessed[N_MATCH];
};

/* A step seen weighs this much against all before: some ten steps make the average. */
static const double step_weight = 0.1;
/* By how much a size that one step taught comes down with each smaller step, of what it costs more than one might hope; less the more steps
 * taught it. A try in vain costs some twenty steps at most, and comes once in two thousand where ten have shown the same. */
static const double forget_weight = 0.005;
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

static int point_below(int n_row)
{
    int i = 0;
    while (i + 1 < N_ROWS && row_points[i + 1] <= n_row)
        i++;
    return i;
}

/* What n rows take if a step of n_row rows took ns and nothing else is known: as if more rows were cheap. */
static double hoped(double ns, double n_row, double n)
{
    return ns * (1 + unknown_row_cost * (n / n_row - 1));
}

/* A point that is first heard of through a step of another size. */
static void suppose(struct cost *c, int i, int n_row, double ns)
{
    if (c->step_ns[i] == 0)
        c->step_ns[i] = hoped(ns, n_row, row_points[i]);
}

static void teach(struct cost *c, int i, double share, double more)
{
    c->step_ns[i] += share * more;
    c->seen[i] = MIN(c->seen[i] + share, 1 / step_weight);
}

/* A larger size that was slow once, say because the weights had to be read from disk, would never be tried again: it comes down until it
 * is worth another try. */
static void forget(struct cost *c, int n_row, double ns)
{
    for (int i = 0; i < N_ROWS; i++) {
        double above = c->step_ns[i] - hoped(ns, n_row, row_points[i]);
        if (row_points[i] > n_row && above > 0)
            c->step_ns[i] -= forget_weight / MAX(c->seen[i], 1) * above;
    }
}

/* A step between two points moves both, each by its share in what was expected. */
void cost_step(struct cost *c, int n_row, int64_t ns)
{
    if (n_row > row_points[N_ROWS - 1])
        return;
    int i = point_below(n_row), k = MIN(i + 1, N_ROWS - 1);
    double share = k > i ? (double)(n_row - row_points[i]) / (row_points[k] - row_points[i]) : 0, rest = 1 - share;
    suppose(c, i, n_row, (double)ns);
    if (share > 0)
        suppose(c, k, n_row, (double)ns);
    forget(c, n_row, (double)ns);
    double off = (double)ns - (rest * c->step_ns[i] + share * c->step_ns[k]);
    double weight = 1 / (1 + rest * c->seen[i] + share * c->seen[k]);
    off *= MAX(weight, step_weight) / (rest * rest + share * share);
    teach(c, i, rest, off);
    if (share > 0)
        teach(c, k, share, off);
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
        return hoped(y0, x0, n_row);
    double x1 = row_points[above], y1 = c->step_ns[above];
    return y0 + (y1 - y0) * (n_row - x0) / (x1 - x0);
}

int64_t cost_ns(const struct cost *c, int n_row)
{
    return (int64_t)expected(c, n_row);
}

void cost_prompt(struct cost *c, int n_row, int64_t ns)
{
    double row = (double)ns / n_row;
    c->prompt_ns = c->prompt_ns > 0 ? c->prompt_ns + step_weight * (row - c->prompt_ns) : row;
}

/* Time of a prompt row; 0: nothing known. */
static double prompt_row_ns(const struct cost *c)
{
    return c->prompt_ns > 0 ? c->prompt_ns : expected(c, 1);
}

int64_t cost_prompt_ns(const struct cost *c, size_t n_row)
{
    return (int64_t)(prompt_row_ns(c) * (double)n_row);
}

int cost_rows_within(const struct cost *c, int64_t ns)
{
    double row = prompt_row_ns(c);
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
