/* batch.c - admission, growth and preemption of sequences, and what the tree learns of them.
 *
 * A sequence that is admitted takes all the pages of its prompt at once; a decoding one takes a page every KV_PAGE_TOK tokens. Where none can
 * be had: first what only the tree holds goes, then the pin of the sequence itself (it has references of its own on what it shares),
 * then the youngest sequence gives way.
 * SPDX-License-Identifier: MIT */
#include "engine/batch.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"

/* A waiting prompt is held back while a running one is about to compute this many tokens that both begin with. */
enum { WORTH_WAITING_TOK = 4 * KV_PAGE_TOK, MAX_HELD = 8 };

struct batch {
    struct batch_opts o;
    struct pages *pages;   /* owned */
    struct prefix *prefix; /* owned */
    struct batch_seq **v;  /* owned, with what they point to; in order of arrival */
    int n, cap;
    struct sched_seq *states; /* owned; [cap]: what the scheduler sees */
    struct sched_plan plan;
    uint64_t next_order, n_cached, n_preempted;
};

/* --- sizes ---------------------------------------------------------------------------------------------------------------------------- */

static size_t pages_for(size_t n_tok)
{
    return (n_tok + KV_PAGE_TOK - 1) / KV_PAGE_TOK;
}

/* First page that a sequence of n tokens still needs of a pool. */
static size_t first_needed(const struct keep_pool *k, size_t n)
{
    return k->kind == KEEP_WINDOW && n > k->window ? (n - k->window) / KV_PAGE_TOK : 0;
}

/* Bytes that a sequence needs at most on its way to n tokens, alone. */
static uint64_t bytes_for(const struct keep_plan *keep, size_t n)
{
    uint64_t all = 0;
    for (int p = 0; p < keep->n_pool; p++) {
        const struct keep_pool *k = &keep->pool[p];
        size_t n_page = k->kind == KEEP_STATE ? 1 : pages_for(n);
        all += (uint64_t)n_page * k->page_bytes;
    }
    return all;
}

int batch_fits(const struct batch_opts *o, size_t n, size_t n_new, struct err *e)
{
    if (!n || !n_new)
        return err_set(e, ERR_ARG,
                       "a prompt of %zu tokens and an answer of at most %zu: at least one of each is needed", n, n_new);
    /* The last token of an answer is drawn and never computed. */
    if (n > o->n_ctx || n_new - 1 > o->n_ctx - n)
        return err_set(e, ERR_LIMIT, "a prompt of %zu tokens and an answer of up to %zu: the context holds %zu", n,
                       n_new, o->n_ctx);
    uint64_t need = bytes_for(&o->keep, n + n_new - 1);
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
    for (int p = 0; p < o->keep.n_pool; p++)
        page_bytes[p] = o->keep.pool[p].page_bytes;
    int rc = pages_new(&b->pages, page_bytes, o->keep.n_pool, o->budget, e);
    if (!rc)
        rc = prefix_new(&b->prefix, b->pages, &o->keep, e);
    if (rc) {
        pages_free(b->pages);
        mem_free(b);
        return rc;
    }
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

/* Gives back the pages of a pool from page number `from` on. */
static void give_back(struct batch *b, struct batch_seq *s, int pool, size_t from)
{
    for (size_t i = from; i < s->n_page[pool]; i++)
        if (s->page[pool][i] >= 0)
            pages_unref(b->pages, pool, s->page[pool][i]);
    s->n_page[pool] = MIN(s->n_page[pool], from);
}

/* The sequence holds nothing any more. */
static void release(struct batch *b, struct batch_seq *s)
{
    prefix_unpin(b->prefix, s->pin);
    s->pin = NULL;
    for (int p = 0; p < b->o.keep.n_pool; p++)
        give_back(b, s, p, 0);
    s->n_done = 0;
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
    for (int p = 0; p < b->o.keep.n_pool; p++) {
        size_t most = b->o.keep.pool[p].kind == KEEP_STATE ? 1 : pages_for(s->n_max);
        s->page[p] = mem_try_calloc(most, sizeof *s->page[p]);
        if (!s->page[p]) {
            free_seq(s);
            return err_set(e, ERR_NOMEM, "no memory for the page table of %zu tokens", s->n_max);
        }
    }
    ids_append(&s->ids, ids, n);
    if (b->n == b->cap) {
        b->cap = b->cap ? 2 * b->cap : 32;
        b->v = xrealloc(b->v, (size_t)b->cap * sizeof *b->v);
        b->states = xrealloc(b->states, (size_t)b->cap * sizeof *b->states);
    }
    b->v[b->n++] = s;
    *out = s;
    return 0;
}

/* --- the tree ------------------------------------------------------------------------------------------------------------------------ */

/* A copy of the sequence's state as it is now, for the tree; -1: no page can be had. */
static int32_t take_snapshot(struct batch *b, const struct batch_seq *s, int pool)
{
    int32_t page = pages_take(b->pages, pool);
    if (page >= 0 && b->o.copy)
        b->o.copy(b->o.arg, pool, s->page[pool][0], page);
    return page;
}

/* Makes what the sequence has computed known. */
static void publish(struct batch *b, struct batch_seq *s)
{
    int32_t snapshot[PAGES_POOL_MAX];
    if (b->o.no_share || s->private_ids || !s->n_done)
        return;
    for (int p = 0; p < b->o.keep.n_pool; p++)
        snapshot[p] = b->o.keep.pool[p].kind == KEEP_STATE ? take_snapshot(b, s, p) : -1;
    s->pin = prefix_insert(b->prefix, s->ids.v, s->n_done, (const int32_t *const *)s->page, snapshot, s->pin);
    for (int p = 0; p < b->o.keep.n_pool; p++)
        if (snapshot[p] >= 0)
            pages_unref(b->pages, p, snapshot[p]);
}

void batch_end(struct batch *b, struct batch_seq *s, bool keep)
{
    if (keep)
        publish(b, s);
    release(b, s);
    int i = index_of(b, s);
    memmove(&b->v[i], &b->v[i + 1], (size_t)(b->n - i - 1) * sizeof *b->v);
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
                                           .served = s->served };
    }
}

/* The sequence gives its pages back and waits; what it has computed stays in the tree while there is room. */
static void preempt(struct batch *b, struct batch_seq *s)
{
    publish(b, s);
    release(b, s);
    s->phase = SCHED_WAITING;
    s->n_target = s->ids.n;
    s->n_preempted++;
    b->n_preempted++;
}

/* Frees pages until n of the pool can be taken. `who` wants them: others that run may have to give way for it, or itself. False if that is
 * not enough; `who` may have been preempted then. */
static bool make_room(struct batch *b, struct batch_seq *who, int pool, size_t n, bool may_preempt)
{
    size_t bytes = n * pages_page_bytes(b->pages, pool);
    while (pages_free_bytes(b->pages) < bytes) {
        if (prefix_evict(b->prefix, bytes))
            continue;
        if (who->pin) {
            prefix_unpin(b->prefix, who->pin);
            who->pin = NULL;
            continue;
        }
        fill_states(b);
        int victim = may_preempt && batch_n_running(b) > 1 ? sched_victim(b->states, b->n, -1) : -1;
        if (victim < 0)
            return false;
        preempt(b, b->v[victim]);
        if (b->v[victim] == who)
            return false;
    }
    return true;
}

/* Pages of its own up to n tokens. */
static bool grow(struct batch *b, struct batch_seq *s, size_t n, bool may_preempt)
{
    for (int p = 0; p < b->o.keep.n_pool; p++) {
        bool is_state = b->o.keep.pool[p].kind == KEEP_STATE;
        size_t want = is_state ? 1 : pages_for(n);
        if (s->n_page[p] >= want)
            continue;
        if (!make_room(b, s, p, want - s->n_page[p], may_preempt))
            return false;
        while (s->n_page[p] < want) {
            int32_t page = pages_take(b->pages, p);
            if (page < 0)
                return false;
            s->page[p][s->n_page[p]++] = page;
            if (is_state && b->o.copy)
                b->o.copy(b->o.arg, p, -1, page);
        }
    }
    return true;
}

/* --- admission ----------------------------------------------------------------------------------------------------------------------- */

/* Takes over what the tree has: references on whole pages, a copy of a page that the sequence will write on. */
static bool adopt(struct batch *b, struct batch_seq *s, const struct prefix_hit *hit)
{
    size_t whole = hit->n / KV_PAGE_TOK;
    bool partial = hit->n % KV_PAGE_TOK != 0;
    for (int p = 0; p < b->o.keep.n_pool; p++) {
        const struct keep_pool *k = &b->o.keep.pool[p];
        bool is_state = k->kind == KEEP_STATE;
        for (size_t i = 0; !is_state && i < whole; i++) {
            int32_t page = i < first_needed(k, hit->n) ? -1 : prefix_hit_page(b->prefix, hit, p, i * KV_PAGE_TOK);
            if (page >= 0)
                pages_ref(b->pages, p, page);
            s->page[p][s->n_page[p]++] = page;
        }
        if (!partial && !is_state)
            continue;
        if (!make_room(b, s, p, 1, false))
            return false;
        int32_t from = prefix_hit_page(b->prefix, hit, p, hit->n - 1), to = pages_take(b->pages, p);
        if (to < 0)
            return false;
        if (b->o.copy)
            b->o.copy(b->o.arg, p, from, to);
        s->page[p][s->n_page[p]++] = to;
    }
    s->n_done = hit->n;
    return true;
}

/* Gives a waiting sequence its pages, or leaves it as it was. */
static bool admit(struct batch *b, struct batch_seq *s)
{
    struct prefix_hit hit = { 0 };
    if (!b->o.no_share)
        hit = prefix_lookup(b->prefix, s->ids.v, s->n_target);
    s->pin = hit.node;
    bool ok = (!hit.n || adopt(b, s, &hit)) && grow(b, s, s->n_target, false);
    if (!ok) {
        release(b, s);
        return false;
    }
    s->phase = SCHED_PROMPT;
    if (!s->admitted) {
        s->n_cached = hit.n;
        b->n_cached += hit.n;
    }
    s->admitted = true;
    if (b->o.on_admit)
        b->o.on_admit(b->o.arg, s);
    return true;
}

static size_t common(const struct batch_seq *a, const struct batch_seq *c)
{
    size_t n = MIN(a->n_target, c->n_target), i = 0;
    while (i < n && a->ids.v[i] == c->ids.v[i])
        i++;
    return i;
}

/* Whether a running sequence is about to compute what this one would have to. */
static bool is_being_computed(const struct batch *b, const struct batch_seq *s)
{
    if (b->o.no_share)
        return false;
    size_t known = prefix_probe(b->prefix, s->ids.v, s->n_target);
    for (int i = 0; i < b->n; i++) {
        const struct batch_seq *r = b->v[i];
        bool computes = (r->phase == SCHED_PROMPT || r->phase == SCHED_IDLE) && !r->private_ids;
        if (computes && r->n_target >= known + WORTH_WAITING_TOK && common(r, s) >= known + WORTH_WAITING_TOK)
            return true;
    }
    return false;
}

static void admit_waiting(struct batch *b)
{
    int n_held = 0;
    int which[MAX_HELD];
    for (;;) {
        fill_states(b);
        for (int k = 0; k < n_held; k++)
            b->states[which[k]].held = true;
        int i = sched_admit(b->states, b->n, &b->o.limits);
        if (i < 0)
            return;
        struct batch_seq *s = b->v[i];
        if (is_being_computed(b, s)) {
            if (n_held == MAX_HELD)
                return;
            which[n_held++] = i;
            continue;
        }
        double served = sched_newcomer(b->states, b->n);
        if (!admit(b, s))
            return;
        s->served = MAX(s->served, served);
    }
}

/* --- steps --------------------------------------------------------------------------------------------------------------------------- */

/* Pages for what each running sequence may compute next, the oldest first; guesses are dropped where their pages cannot be had. */
static void grow_running(struct batch *b)
{
    for (int i = 0; i < b->n; i++) {
        struct batch_seq *s = b->v[i];
        s->stuck = false;
        if (s->phase == SCHED_PROMPT) {
            s->stuck = !grow(b, s, s->n_target, true);
        } else if (s->phase == SCHED_DECODE) {
            size_t next = s->n_done + 1, most = s->n_max - MIN(next, s->n_max);
            s->n_want_draft = (int)MIN((size_t)MAX(s->n_want_draft, 0), most);
            if (pages_for(next + (size_t)s->n_want_draft) > s->n_page[0] &&
                !grow(b, s, next + (size_t)s->n_want_draft, false))
                s->n_want_draft = 0;
            s->stuck = !grow(b, s, next, true);
        }
    }
}

void batch_plan(struct batch *b, struct batch_step *out, bool suspended)
{
    out->n_part = 0;
    grow_running(b);
    admit_waiting(b);
    fill_states(b);
    sched_plan(&b->plan, b->states, b->n, &b->o.limits, suspended);
    out->chunk = b->plan.chunk;
    for (int k = 0; k < b->plan.n_part; k++) {
        const struct sched_part *p = &b->plan.part[k];
        struct batch_seq *s = b->v[p->seq];
        bool decodes = s->phase == SCHED_DECODE;
        size_t end = s->n_done + (size_t)p->n_row;
        out->part[out->n_part++] = (struct batch_part){ .seq = s,
                                                        .from = s->n_done,
                                                        .n_row = p->n_row,
                                                        .n_draft = decodes ? p->n_row - 1 : 0,
                                                        .draws = decodes || end == s->n_target };
    }
    if (out->chunk && out->n_part)
        out->part[0].seq->phase = SCHED_IDLE;
    for (int i = 0; i < b->n; i++)
        b->v[i]->n_want_draft = 0;
}

/* What a window has moved past goes back. */
static void slide_windows(struct batch *b, struct batch_seq *s)
{
    for (int p = 0; p < b->o.keep.n_pool; p++) {
        size_t first = first_needed(&b->o.keep.pool[p], s->n_done);
        for (size_t i = first; i-- > 0 && s->page[p][i] >= 0;) {
            pages_unref(b->pages, p, s->page[p][i]);
            s->page[p][i] = -1;
        }
    }
}

void batch_commit(struct batch *b, const struct batch_step *st)
{
    for (int k = 0; k < st->n_part; k++) {
        const struct batch_part *p = &st->part[k];
        struct batch_seq *s = p->seq;
        bool was_prompt = s->phase != SCHED_DECODE;
        s->n_done = p->from + (size_t)(p->n_row - p->n_draft);
        if (was_prompt) {
            s->phase = p->draws ? SCHED_DECODE : SCHED_PROMPT;
            s->served += p->n_row / (double)(1 << MIN(MAX(s->priority, 0), 8));
            publish(b, s);
        }
        slide_windows(b, s);
    }
}

void batch_abort(struct batch *b, const struct batch_step *st)
{
    (void)b;
    for (int k = 0; k < st->n_part; k++)
        if (st->part[k].seq->phase == SCHED_IDLE)
            st->part[k].seq->phase = SCHED_PROMPT;
}

void batch_push(struct batch *b, struct batch_seq *s, int32_t id, bool computed)
{
    ids_add(&s->ids, id);
    s->n_target = s->ids.n;
    if (computed) {
        s->n_done++;
        slide_windows(b, s);
    }
}

void batch_want_draft(struct batch_seq *s, int n)
{
    s->n_want_draft = n;
}

void batch_set_loading(struct batch_seq *s, bool loading)
{
    s->phase = loading ? SCHED_IDLE : SCHED_PROMPT;
}

bool batch_reserve(struct batch *b, struct batch_seq *s, size_t from, size_t n)
{
    for (int p = 0; p < b->o.keep.n_pool; p++)
        give_back(b, s, p, b->o.keep.pool[p].kind == KEEP_STATE ? 1 : from / KV_PAGE_TOK);
    s->n_done = MIN(s->n_done, from);
    return grow(b, s, MAX(n, s->n_target), false);
}

void batch_loaded(struct batch *b, struct batch_seq *s, size_t n)
{
    s->n_done = n;
    publish(b, s);
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

void batch_check(struct batch *b)
{
    prefix_check(b->prefix);
    assert(pages_used_bytes(b->pages) <= pages_budget(b->pages));
    for (int i = 0; i < b->n; i++) {
        const struct batch_seq *s = b->v[i];
        bool holds = s->phase != SCHED_WAITING;
        assert(s->n_done <= s->ids.n && s->ids.n <= s->n_max + 1);
        for (int p = 0; p < b->o.keep.n_pool; p++) {
            assert(holds || !s->n_page[p]);
            for (size_t k = 0; k < s->n_page[p]; k++)
                assert(s->page[p][k] < 0 || pages_refs(b->pages, p, s->page[p][k]) > 0);
        }
    }
}
