/* batch.c - the life of sequences: admission, growth, preemption, steps, and what the tree learns of them.
 *
 * Pages are taken before a step is planned, so that a plan never fails: first every running sequence gets what its next rows need, in order of
 * arrival, then waiting ones are admitted, then the scheduler plans over those that have their pages.
 * SPDX-License-Identifier: MIT */
#include "engine/batch.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "engine/holding.h"

/* A prompt is held back while a running one is about to compute at least this many tokens that both begin with. */
enum { WORTH_WAITING_TOK = 4 * KV_PAGE_TOK };

struct batch {
    struct batch_opts o;
    struct pages *pages;   /* owned */
    struct prefix *prefix; /* owned */
    struct holding h;
    struct batch_seq **v; /* owned, with what they point to; in order of arrival */
    int n, cap;
    struct sched_seq *states; /* owned; [cap]: what the scheduler sees */
    struct sched_plan plan;
    bool has_state; /* among the kinds that are kept */
    bool only_full;
    bool was_small; /* the last step */
    uint64_t next_order, n_cached, n_preempted;
};

int batch_fits(const struct batch_opts *o, size_t n, size_t n_new, struct err *e)
{
    if (!n || !n_new)
        return err_set(e, ERR_ARG,
                       "a prompt of %zu tokens and an answer of at most %zu: at least one of each is needed", n, n_new);
    /* The last token of an answer is drawn and never computed. */
    if (n > o->n_ctx || n_new - 1 > o->n_ctx - n)
        return err_set(e, ERR_LIMIT, "a prompt of %zu tokens and an answer of up to %zu: the context holds %zu", n,
                       n_new, o->n_ctx);
    uint64_t need = holding_most(o, n + n_new - 1);
    if (need > o->budget)
        return err_set(
            e, ERR_LIMIT,
            "a prompt of %zu tokens and an answer of up to %zu need %.1f MB for keys and values, the budget is "
            "%.1f MB",
            n, n_new, (double)need * 1e-6, (double)o->budget * 1e-6);
    return 0;
}

/* --- making and unmaking ------------------------------------------------------------------------------------------------------- */

int batch_new(struct batch **out, const struct batch_opts *o, struct err *e)
{
    size_t page_bytes[PAGES_POOL_MAX];
    struct batch *b = xcalloc(1, sizeof *b);
    *out = NULL;
    b->o = *o;
    b->only_full = true;
    for (int p = 0; p < o->keep.n_pool; p++) {
        page_bytes[p] = o->keep.pool[p].page_bytes;
        b->has_state |= o->keep.pool[p].kind == KEEP_STATE;
        b->only_full &= o->keep.pool[p].kind == KEEP_FULL;
    }
    int rc = pages_new(&b->pages, page_bytes, o->keep.n_pool, o->budget, e);
    if (!rc)
        rc = prefix_new(&b->prefix, b->pages, &o->keep, e);
    if (rc) {
        pages_free(b->pages);
        mem_free(b);
        return rc;
    }
    b->h = (struct holding){ .pages = b->pages, .prefix = b->prefix, .o = &b->o };
    *out = b;
    return 0;
}

static int index_of(const struct batch *b, const struct batch_seq *s)
{
    int i = 0;
    while (b->v[i] != s)
        i++;
    return i;
}

/* The sequence holds nothing any more, and nobody waits for it. */
static void release(struct batch *b, struct batch_seq *s)
{
    prefix_unpin(b->prefix, s->pin);
    s->pin = NULL;
    holding_release(&b->h, s);
    for (int i = 0; i < b->n; i++)
        if (b->v[i]->waits_for == s)
            b->v[i]->waits_for = NULL;
}

static void free_seq(struct batch_seq *s)
{
    for (int p = 0; p < PAGES_POOL_MAX; p++)
        mem_free(s->page[p]);
    ids_deinit(&s->ids);
    mem_free(s);
}

void batch_free(struct batch *b)
{
    if (!b)
        return;
    while (b->n)
        batch_end(b, b->v[b->n - 1], false);
    prefix_free(b->prefix);
    pages_free(b->pages);
    mem_free(b->v);
    mem_free(b->states);
    mem_free(b);
}

/* Copies the ids, and makes room for page tables; sizes that come from a request may fail. */
static bool fill_seq(const struct batch *b, struct batch_seq *s, const int32_t *ids, size_t n)
{
    for (int p = 0; p < b->o.keep.n_pool; p++) {
        size_t most = b->o.keep.pool[p].kind == KEEP_STATE ? 1 : s->n_max / KV_PAGE_TOK + 1;
        s->page[p] = mem_try_calloc(most, sizeof *s->page[p]);
        if (!s->page[p])
            return false;
    }
    s->ids.v = mem_try_calloc(n + 1, sizeof *s->ids.v);
    if (!s->ids.v)
        return false;
    s->ids.cap = n + 1;
    ids_append(&s->ids, ids, n);
    return true;
}

int batch_add(struct batch *b, struct batch_seq **out, const int32_t *ids, size_t n, size_t n_new, int priority,
              bool private_ids, void *owner, struct err *e)
{
    *out = NULL;
    int rc = batch_fits(&b->o, n, n_new, e);
    if (rc)
        return rc;
    struct batch_seq *s = xcalloc(1, sizeof *s);
    s->owner = owner;
    s->n_prompt = s->n_target = n;
    s->n_max = n + n_new - 1;
    s->priority = priority;
    s->private_ids = private_ids;
    s->order = b->next_order++;
    if (!fill_seq(b, s, ids, n)) {
        free_seq(s);
        return err_set(e, ERR_NOMEM, "no memory for the records of a sequence of up to %zu tokens", n + n_new - 1);
    }
    if (b->n == b->cap) {
        b->cap = b->cap ? 2 * b->cap : 32;
        b->v = xrealloc(b->v, (size_t)b->cap * sizeof(struct batch_seq *));
        b->states = xrealloc(b->states, (size_t)b->cap * sizeof *b->states);
    }
    b->v[b->n++] = s;
    *out = s;
    return 0;
}

void batch_score(struct batch_seq *s)
{
    s->n_score = s->n_prompt - 1;
}

/* Whether logits of its prompt are still to come. */
static bool is_scored(const struct batch_seq *s)
{
    return s->n_scored < s->n_score;
}

/* --- the tree ------------------------------------------------------------------------------------------------------------------------ */

/* Copies of the sequence's states as they are now, for the tree; -1: no page can be had without taking it from somebody. */
static void take_snapshots(struct batch *b, const struct batch_seq *s, int32_t *out)
{
    for (int p = 0; p < b->o.keep.n_pool; p++) {
        if (b->o.keep.pool[p].kind != KEEP_STATE)
            continue;
        out[p] = pages_take(b->pages, p);
        if (out[p] >= 0 && b->o.copy)
            b->o.copy(b->o.arg, p, s->page[p][0], out[p]);
    }
}

/* Makes what the sequence has computed known; with snapshots of states if it is worth it. */
static void publish(struct batch *b, struct batch_seq *s, bool snapshots)
{
    int32_t snapshot[PAGES_POOL_MAX] = { -1, -1, -1 };
    assert(b->o.keep.n_pool <= PAGES_POOL_MAX);
    if (b->o.no_share || s->private_ids || !s->n_done)
        return;
    if (snapshots)
        take_snapshots(b, s, snapshot);
    s->pin = prefix_insert(b->prefix, s->ids.v, s->n_done, (const int32_t *const *)s->page, snapshot, s->pin);
    for (int p = 0; p < b->o.keep.n_pool; p++)
        if (snapshot[p] >= 0)
            pages_unref(b->pages, p, snapshot[p]);
}

void batch_end(struct batch *b, struct batch_seq *s, bool keep)
{
    if (keep && !s->n_loading)
        publish(b, s, true);
    release(b, s);
    int i = index_of(b, s);
    memmove(&b->v[i], &b->v[i + 1], (size_t)(b->n - i - 1) * sizeof(struct batch_seq *));
    b->n--;
    free_seq(s);
}

/* --- memory -------------------------------------------------------------------------------------------------------------------------- */

static void fill_states(struct batch *b)
{
    for (int i = 0; i < b->n; i++) {
        const struct batch_seq *s = b->v[i];
        b->states[i] = (struct sched_seq){ .phase = s->stuck && s->phase != SCHED_WAITING ? SCHED_IDLE : s->phase,
                                           .priority = s->priority,
                                           .order = s->order,
                                           .n_left = s->n_target - MIN(s->n_done, s->n_target),
                                           .n_draft = s->n_want_draft,
                                           .served = s->served,
                                           .held = s->held,
                                           .scored = is_scored(s) };
    }
}

/* The sequence gives its pages back and waits; it will be resumed from what the tree has then. */
static void send_back(struct batch *b, struct batch_seq *s)
{
    release(b, s);
    s->phase = SCHED_WAITING;
    s->n_target = s->ids.n;
    s->n_loading = 0;
    s->n_preempted++;
    b->n_preempted++;
}

static void preempt(struct batch *b, struct batch_seq *s)
{
    publish(b, s, true);
    send_back(b, s);
}

/* Whether so many bytes are free, after evicting from the tree if need be. */
static bool evict_for(struct batch *b, size_t bytes)
{
    size_t n_free = pages_free_bytes(b->pages);
    if (n_free < bytes)
        (void)prefix_evict(b->prefix, bytes - n_free);
    return pages_free_bytes(b->pages) >= bytes;
}

/* For a sequence that is the only one to hold pages: whatever is not its own goes, if need be. */
static bool clear_for(struct batch *b, struct batch_seq *s, size_t bytes)
{
    prefix_unpin(b->prefix, s->pin);
    s->pin = NULL;
    if (!evict_for(b, bytes))
        prefix_clear(b->prefix);
    return pages_free_bytes(b->pages) >= bytes;
}

static bool is_junior(const struct batch_seq *a, const struct batch_seq *b)
{
    return a->priority != b->priority ? a->priority < b->priority : a->order > b->order;
}

/* Whether a sequence that cannot give way now (its chunk is suspended, it is loading) would have to before s. */
static bool waits_for_junior(const struct batch *b, const struct batch_seq *s)
{
    for (int i = 0; i < b->n; i++)
        if (b->v[i]->phase == SCHED_IDLE && is_junior(b->v[i], s))
            return true;
    return false;
}

/* Makes room for s to compute tokens up to n, at the cost of its juniors or of itself: then it waits again. False if there is none now. */
static bool make_room(struct batch *b, struct batch_seq *s, size_t n)
{
    for (;;) {
        size_t bytes = holding_missing(&b->h, s, n);
        if (evict_for(b, bytes))
            return true;
        if (batch_n_running(b) == 1)
            return clear_for(b, s, bytes);
        fill_states(b);
        int victim = sched_victim(b->states, b->n, -1);
        if (victim < 0 || (b->v[victim] == s && waits_for_junior(b, s)))
            return false;
        preempt(b, b->v[victim]);
        if (b->v[victim] == s)
            return false;
    }
}

static bool grow(struct batch *b, struct batch_seq *s, size_t n)
{
    return make_room(b, s, n) && holding_grow(&b->h, s, n);
}

/* --- admission ----------------------------------------------------------------------------------------------------------------------- */

/* Bytes that are to stay free for the running sequences to grow, so that a newcomer does not have to give way at once. */
static size_t margin(const struct batch *b)
{
    size_t bytes = 0;
    for (int p = 0; p < b->o.keep.n_pool; p++)
        bytes += b->o.keep.pool[p].page_bytes;
    return bytes * (size_t)batch_n_running(b);
}

static bool is_affordable(struct batch *b, size_t bytes)
{
    size_t n_free = pages_free_bytes(b->pages);
    bytes += margin(b);
    return bytes <= n_free || bytes <= n_free + prefix_evictable(b->prefix);
}

/* Pages for the prompt of s, behind what the tree has of its first `known` tokens. All or nothing. */
static bool take_prompt(struct batch *b, struct batch_seq *s, size_t known)
{
    struct prefix_hit hit = { 0 };
    if (!b->o.no_share)
        hit = prefix_lookup(b->prefix, s->ids.v, known);
    s->pin = hit.node;
    size_t bytes = holding_to_admit(&b->h, hit.n, s->n_target);
    bool alone = !batch_n_running(b);
    if ((alone || is_affordable(b, bytes)) && evict_for(b, bytes) && holding_adopt(&b->h, s, &hit) &&
        holding_grow(&b->h, s, s->n_target))
        return true;
    release(b, s);
    return false;
}

static bool admit(struct batch *b, struct batch_seq *s)
{
    size_t known = is_scored(s) ? s->n_scored : s->n_target;
    bool ok = take_prompt(b, s, known);
    if (!ok && !batch_n_running(b)) {
        /* Nobody else holds anything. What it copies from the tree must not be evicted before, and can be too much beside its own. */
        prefix_clear(b->prefix);
        ok = take_prompt(b, s, known);
    }
    if (!ok)
        return false;
    s->phase = SCHED_PROMPT;
    s->waits_for = NULL;
    if (!s->admitted) {
        s->n_cached = s->n_done;
        b->n_cached += s->n_done;
    }
    s->admitted = true;
    if (b->o.on_admit)
        b->o.on_admit(b->o.arg, s);
    return true;
}

/* Whether a running sequence is about to compute what this one would have to. */
static bool is_being_computed(struct batch *b, struct batch_seq *s)
{
    if (s->waits_for && s->waits_for->n_done < s->waits_until)
        return true;
    s->waits_for = NULL;
    size_t known = SIZE_MAX;
    for (int i = 0; i < b->n && !b->o.no_share && !is_scored(s); i++) {
        const struct batch_seq *r = b->v[i];
        if ((r->phase != SCHED_PROMPT && r->phase != SCHED_IDLE) || r->private_ids)
            continue;
        size_t n = ids_common(r->ids.v, s->ids.v, MIN(r->n_target, s->n_target - 1));
        if (n < WORTH_WAITING_TOK || r->n_done >= n)
            continue;
        if (known == SIZE_MAX)
            known = prefix_probe(b->prefix, s->ids.v, s->n_target);
        if (n < known + WORTH_WAITING_TOK)
            continue;
        s->waits_for = r;
        s->waits_until = n;
        return true;
    }
    return false;
}

static void admit_waiting(struct batch *b)
{
    for (int i = 0; i < b->n; i++)
        b->v[i]->held = false;
    for (;;) {
        fill_states(b);
        int i = sched_admit(b->states, b->n, &b->o.limits);
        if (i < 0)
            return;
        struct batch_seq *s = b->v[i];
        s->held = is_being_computed(b, s);
        if (s->held)
            continue;
        double served = sched_newcomer(b->states, b->n);
        if (!admit(b, s))
            return;
        s->served = MAX(s->served, served);
    }
}

/* --- steps --------------------------------------------------------------------------------------------------------------------------- */

/* Guesses that s may have rows for: within its limit, and what pages it can get without anybody giving way. */
static int allowed_drafts(struct batch *b, struct batch_seq *s)
{
    size_t next = s->n_done + 1, most = s->n_max - MIN(next, s->n_max);
    size_t n = MIN((size_t)MAX(s->n_want_draft, 0), most);
    if (b->has_state || !n)
        return 0;
    if (!evict_for(b, holding_missing(&b->h, s, next + n)) || !holding_grow(&b->h, s, next + n))
        for (int p = 0; p < b->o.keep.n_pool; p++)
            n = MIN(n, s->n_page[p] * KV_PAGE_TOK - MIN(next, s->n_page[p] * KV_PAGE_TOK));
    return (int)n;
}

/* Pages for what each running sequence may compute next. */
static void grow_running(struct batch *b)
{
    for (int i = 0; i < b->n; i++)
        b->v[i]->stuck = false;
    for (int i = 0; i < b->n; i++) {
        struct batch_seq *s = b->v[i];
        if (s->phase == SCHED_PROMPT)
            s->stuck = !grow(b, s, s->n_target);
        else if (s->phase == SCHED_DECODE)
            s->stuck = s->n_done == s->ids.n || !grow(b, s, s->n_done + 1);
    }
    for (int i = 0; i < b->n; i++)
        if (b->v[i]->phase == SCHED_DECODE)
            b->v[i]->n_want_draft = allowed_drafts(b, b->v[i]);
}

/* The rows of the part whose logits are wanted for what they say of the prompt. */
static void fill_scores(struct batch_part *p)
{
    const struct batch_seq *s = p->seq;
    size_t from = MAX(p->from, s->n_scored), to = MIN(p->from + (size_t)p->n_row, s->n_score);
    if (from >= to)
        return;
    p->score = (int)(from - p->from);
    p->n_score = (int)(to - from);
}

static void fill_step(struct batch *b, struct batch_step *out)
{
    out->n_part = b->plan.n_part;
    out->chunk = b->plan.chunk;
    for (int k = 0; k < out->n_part; k++) {
        const struct sched_part *p = &b->plan.part[k];
        struct batch_seq *s = b->v[p->seq];
        bool decodes = s->phase == SCHED_DECODE;
        out->part[k] = (struct batch_part){ .seq = s,
                                            .from = s->n_done,
                                            .n_row = p->n_row,
                                            .n_draft = decodes ? p->n_row - 1 : 0,
                                            .draws = decodes || s->n_done + (size_t)p->n_row == s->n_target };
        fill_scores(&out->part[k]);
    }
    if (out->chunk)
        out->part[0].seq->phase = SCHED_IDLE;
}

void batch_plan(struct batch *b, struct batch_step *out, bool suspended)
{
    enum sched_turn turn = suspended ? SCHED_SMALL_ONLY : b->was_small ? SCHED_CHUNK_FIRST : SCHED_SMALL_FIRST;
    grow_running(b);
    admit_waiting(b);
    fill_states(b);
    sched_plan(&b->plan, b->states, b->n, &b->o.limits, turn);
    fill_step(b, out);
    if (!suspended)
        b->was_small = !out->chunk;
    for (int i = 0; i < b->n; i++)
        b->v[i]->n_want_draft = 0;
}

void batch_commit(struct batch *b, const struct batch_step *st)
{
    for (int k = 0; k < st->n_part; k++) {
        const struct batch_part *p = &st->part[k];
        struct batch_seq *s = p->seq;
        s->n_done = p->from + (size_t)(p->n_row - p->n_draft);
        s->n_scored += (size_t)p->n_score;
        if (s->phase != SCHED_DECODE) {
            s->phase = p->draws ? SCHED_DECODE : SCHED_PROMPT;
            s->served += sched_cost(s->priority, p->n_row);
            publish(b, s, st->chunk || p->draws);
        }
        holding_slide(&b->h, s);
    }
}

void batch_abort(struct batch *b, const struct batch_step *st)
{
    for (int k = 0; k < st->n_part; k++) {
        struct batch_seq *s = st->part[k].seq;
        if (s->phase == SCHED_IDLE)
            s->phase = SCHED_PROMPT;
        if (b->has_state)
            send_back(b, s);
    }
}

void batch_push(struct batch *b, struct batch_seq *s, int32_t id, bool computed)
{
    assert(s->ids.n < s->n_max); /* the last token of an answer is never computed */
    ids_add(&s->ids, id);
    s->n_target = s->ids.n;
    if (computed) {
        s->n_done++;
        holding_slide(&b->h, s);
    }
}

void batch_want_draft(struct batch_seq *s, int n)
{
    s->n_want_draft = n;
}

/* --- loading ------------------------------------------------------------------------------------------------------------------------- */

void batch_set_loading(struct batch_seq *s, bool loading)
{
    if (s->phase == SCHED_PROMPT || s->phase == SCHED_IDLE)
        s->phase = loading ? SCHED_IDLE : SCHED_PROMPT;
}

bool batch_reserve(struct batch *b, struct batch_seq *s, size_t from, size_t n)
{
    size_t bytes = holding_to_reserve(&b->h, s, from, n);
    if (!is_affordable(b, bytes) || !evict_for(b, bytes))
        return false;
    s->n_loading = n;
    if (holding_reserve(&b->h, s, from, n))
        return true;
    batch_loaded(b, s, from);
    return false;
}

void batch_loaded(struct batch *b, struct batch_seq *s, size_t n)
{
    bool whole = n == s->n_loading;
    s->n_loading = 0;
    if (!whole && !b->only_full) {
        send_back(b, s); /* the window before n, or the state after it, is not there */
        return;
    }
    s->n_done = n;
    publish(b, s, true);
    holding_slide(&b->h, s);
}

/* --- the rest ---------------------------------------------------------------------------------------------------------------------- */

void batch_set_small_prompt(struct batch *b, int n_row)
{
    b->o.limits.small_prompt = n_row;
}

uint64_t batch_cached_tokens(const struct batch *b)
{
    return b->n_cached;
}

uint64_t batch_n_preempted(const struct batch *b)
{
    return b->n_preempted;
}

struct prefix *batch_prefix(struct batch *b)
{
    return b->prefix;
}

struct pages *batch_pages(struct batch *b)
{
    return b->pages;
}

int batch_n_running(const struct batch *b)
{
    int n = 0;
    for (int i = 0; i < b->n; i++)
        n += b->v[i]->phase != SCHED_WAITING;
    return n;
}

int batch_n_waiting(const struct batch *b)
{
    return b->n - batch_n_running(b);
}

struct batch_seq *batch_at(struct batch *b, int i)
{
    return i < b->n ? b->v[i] : NULL;
}

/* References on the page that are known: of sequences, of the tree, of others. */
static int count_refs(const struct batch *b, int pool, int32_t page, const int *const *others)
{
    int n = prefix_page_refs(b->prefix, pool, page) + (others ? others[pool][page] : 0);
    for (int i = 0; i < b->n; i++)
        for (size_t k = 0; k < b->v[i]->n_page[pool]; k++)
            n += b->v[i]->page[pool][k] == page;
    return n;
}

void batch_check(struct batch *b, const int *const *others)
{
    prefix_check(b->prefix);
    pages_check(b->pages);
    for (int i = 0; i < b->n; i++) {
        const struct batch_seq *s = b->v[i];
        bool waits = s->phase == SCHED_WAITING;
        assert(s->n_done <= s->ids.n && s->ids.n <= s->n_max);
        for (int p = 0; p < b->o.keep.n_pool; p++)
            assert(!waits || !s->n_page[p]);
    }
    for (int p = 0; p < b->o.keep.n_pool; p++)
        for (int32_t page = 0; page < pages_capacity(b->pages, p); page++)
            assert(count_refs(b, p, page, others) == pages_refs(b->pages, p, page));
}
