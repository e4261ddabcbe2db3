/* replay.c - remembered answers: two hash indexes over entries in the order of use, and a log of them on disk.
 * SPDX-License-Identifier: MIT */
#include "api/replay.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "format/repr.h"

enum { BUCKETS = 1 << 14, RECORD_BYTES_MAX = 16 << 20 };
static const size_t default_bytes = (size_t)64 << 20;
static const uint32_t record_magic = 0x3159414c; /* "LAY1" */

/* Parts of an entry, one behind the other in `data`. */
enum part { PART_KEY, PART_ID, PART_CONTENT, PART_REASONING, PART_IDS, N_PART };

struct entry {
    struct entry *newer, *older;          /* all entries, in the order of use */
    struct entry *next_id, *next_content; /* of the same bucket, later added first */
    uint64_t id_hash, content_hash;
    uint32_t len[N_PART]; /* bytes */
    char data[];
};

/* What a record on disk begins with; lengths and data follow, and the hash is over both. */
struct record_head {
    uint32_t magic, n_bytes;
    uint64_t hash;
};

struct replay {
    pthread_mutex_t mu;
    size_t max_bytes, bytes, n;
    struct entry *newest, *oldest;
    struct entry **by_id, **by_content; /* owned; [BUCKETS]; the entries are owned through the list */
    char *path;                         /* owned; NULL: only in memory */
    int fd;
    size_t file_bytes;
};

/* --- values as JavaScript sees them --- */

/* An array index in JavaScript's sense: such keys come first in an object, in numeric order. */
static bool is_index(struct str key, uint64_t *out)
{
    if (!key.n || (key.n > 1 && key.p[0] == '0') || key.p[0] == '+' || key.p[0] == '-')
        return false;
    return str_to_u64(key, out) && *out < 4294967295u;
}

struct indexed {
    uint64_t index;
    struct str key;
    const struct json *value;
};

static int by_index(const void *a, const void *b)
{
    const struct indexed *x = a, *y = b;
    return x->index < y->index ? -1 : x->index > y->index;
}

static void js_member(struct buf *out, struct str key, const struct json *value)
{
    json_write_str(out, key);
    buf_char(out, ':');
    replay_js_value(out, value);
    buf_char(out, ',');
}

static void js_object(struct buf *out, const struct json *v)
{
    struct json_iter it;
    size_t n = 0;
    struct indexed *first = mem_try_calloc(json_len(v) + 1, sizeof *first);
    if (!first) {
        out->failed = true;
        return;
    }
    for (bool more = json_first(&it, v); more; more = json_next(&it))
        if (is_index(it.key, &first[n].index)) {
            first[n].key = it.key;
            first[n++].value = it.value;
        }
    qsort(first, n, sizeof *first, by_index);
    buf_char(out, '{');
    for (size_t i = 0; i < n; i++)
        js_member(out, first[i].key, first[i].value);
    uint64_t index;
    for (bool more = json_first(&it, v); more; more = json_next(&it))
        if (!is_index(it.key, &index))
            js_member(out, it.key, it.value);
    buf_char(out, '}');
    mem_free(first);
}

static void js_number(struct buf *out, const struct json *v)
{
    double x = json_double(v);
    if (!isfinite(x))
        buf_z(out, "null"); /* JSON.stringify(Infinity) */
    else if (x == 0)
        buf_char(out, '0'); /* and of -0 */
    else
        repr_double(out, x);
}

void replay_js_value(struct buf *out, const struct json *v)
{
    switch (json_type(v)) {
    case JSON_INT:
    case JSON_DOUBLE:
        js_number(out, v);
        break;
    case JSON_OBJECT:
        js_object(out, v);
        break;
    case JSON_ARRAY:
        buf_char(out, '[');
        for (size_t i = 0; i < json_len(v); i++) {
            replay_js_value(out, json_at(v, i));
            buf_char(out, ',');
        }
        buf_char(out, ']');
        break;
    default:
        json_write(out, v);
    }
}

/* What two answers must share: text without the white space at its ends, names, arguments. */
static void content_text(struct buf *out, struct str text)
{
    json_write_str(out, str_trim(text));
}

static void content_call(struct buf *out, struct str name, const struct json *args)
{
    buf_char(out, '\n');
    json_write_str(out, name);
    replay_js_value(out, args);
}

/* --- entries --- */

static const char *part_data(const struct entry *x, enum part p)
{
    const char *at = x->data;
    for (int i = 0; i < (int)p; i++)
        at += x->len[i];
    return at;
}

static struct str part_str(const struct entry *x, enum part p)
{
    return (struct str){ part_data(x, p), x->len[p] };
}

static uint64_t hash_of(struct str key, char kind, struct str what)
{
    uint64_t seed = XXH3_64bits(key.p ? key.p : "", key.n) + (uint64_t)kind;
    return XXH3_64bits_withSeed(what.p ? what.p : "", what.n, seed);
}

static size_t data_bytes(const struct entry *x)
{
    size_t n = 0;
    for (int i = 0; i < N_PART; i++)
        n += x->len[i];
    return n;
}

static size_t entry_bytes(const struct entry *x)
{
    return sizeof *x + data_bytes(x);
}

/* NULL: too large, or memory is out. */
static struct entry *new_entry(const struct str parts[N_PART])
{
    size_t n = 0;
    for (int i = 0; i < N_PART; i++) {
        if (parts[i].n > RECORD_BYTES_MAX)
            return NULL;
        n += parts[i].n;
    }
    struct entry *x = n > RECORD_BYTES_MAX ? NULL : mem_try_calloc(1, sizeof *x + n);
    if (!x)
        return NULL;
    char *at = x->data;
    for (int i = 0; i < N_PART; i++) {
        x->len[i] = (uint32_t)parts[i].n;
        if (parts[i].n)
            memcpy(at, parts[i].p, parts[i].n);
        at += parts[i].n;
    }
    x->id_hash = hash_of(parts[PART_KEY], 'i', parts[PART_ID]);
    x->content_hash = hash_of(parts[PART_KEY], 'c', parts[PART_CONTENT]);
    return x;
}

static void unlink_use(struct replay *r, struct entry *x)
{
    *(x->newer ? &x->newer->older : &r->newest) = x->older;
    *(x->older ? &x->older->newer : &r->oldest) = x->newer;
}

static void link_use(struct replay *r, struct entry *x)
{
    x->newer = NULL;
    x->older = r->newest;
    *(r->newest ? &r->newest->newer : &r->oldest) = x;
    r->newest = x;
}

static void touch(struct replay *r, struct entry *x)
{
    unlink_use(r, x);
    link_use(r, x);
}

static void unlink_hashes(struct replay *r, struct entry *x)
{
    struct entry **at = &r->by_id[x->id_hash % BUCKETS];
    while (*at != x)
        at = &(*at)->next_id;
    *at = x->next_id;
    at = &r->by_content[x->content_hash % BUCKETS];
    while (*at != x)
        at = &(*at)->next_content;
    *at = x->next_content;
}

static void forget(struct replay *r, struct entry *x)
{
    unlink_use(r, x);
    unlink_hashes(r, x);
    r->bytes -= entry_bytes(x);
    r->n--;
    mem_free(x);
}

static void forget_all(struct replay *r)
{
    while (r->oldest)
        forget(r, r->oldest);
}

static void insert(struct replay *r, struct entry *x)
{
    struct entry **id = &r->by_id[x->id_hash % BUCKETS], **content = &r->by_content[x->content_hash % BUCKETS];
    x->next_id = *id;
    *id = x;
    x->next_content = *content;
    *content = x;
    link_use(r, x);
    r->bytes += entry_bytes(x);
    r->n++;
    while (r->bytes > r->max_bytes && r->oldest != x)
        forget(r, r->oldest);
}

static bool same(const struct entry *x, struct str key, struct str content, struct str reasoning)
{
    return str_eq(part_str(x, PART_KEY), key) && str_eq(part_str(x, PART_CONTENT), content) &&
           str_eq(str_trim(part_str(x, PART_REASONING)), reasoning);
}

/* The id decides between answers of the same content. */
static struct entry *find(struct replay *r, struct str key, struct str id, struct str content, struct str reasoning)
{
    uint64_t h = hash_of(key, 'i', id);
    for (struct entry *x = id.n ? r->by_id[h % BUCKETS] : NULL; x; x = x->next_id)
        if (x->id_hash == h && str_eq(part_str(x, PART_ID), id) && same(x, key, content, reasoning))
            return x;
    h = hash_of(key, 'c', content);
    for (struct entry *x = r->by_content[h % BUCKETS]; x; x = x->next_content)
        if (x->content_hash == h && same(x, key, content, reasoning))
            return x;
    return NULL;
}

/* --- the log --- */

static bool write_all(int fd, const char *p, size_t n)
{
    while (n) {
        ssize_t done = write(fd, p, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return false;
        p += done;
        n -= (size_t)done;
    }
    return true;
}

static void write_record(const struct entry *x, struct buf *out)
{
    struct buf body = { 0 };
    buf_add(&body, x->len, sizeof x->len);
    buf_add(&body, x->data, data_bytes(x));
    struct record_head head = { record_magic, (uint32_t)body.n, XXH3_64bits(body.p, body.n) };
    buf_add(out, &head, sizeof head);
    buf_str(out, buf_view(&body));
    buf_deinit(&body);
}

/* Writes a file beside the log and renames it, 0600 from the first byte on. */
static bool replace_file(const char *path, struct str content)
{
    struct buf part = { 0 };
    buf_printf(&part, "%s.%ld.tmp", path, (long)getpid());
    (void)unlink(part.p);
    int fd = open(part.p, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool ok = fd >= 0 && write_all(fd, content.p, content.n);
    ok = (fd < 0 || close(fd) == 0) && ok;
    ok = ok && rename(part.p, path) == 0;
    if (!ok && fd >= 0)
        (void)unlink(part.p);
    buf_deinit(&part);
    return ok;
}

static void open_log(struct replay *r)
{
    r->fd = open(r->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
}

/* The file anew, with what is in memory. */
static void rewrite(struct replay *r)
{
    struct buf all = { 0 };
    for (const struct entry *x = r->oldest; x; x = x->newer)
        write_record(x, &all);
    if (r->fd >= 0)
        (void)close(r->fd);
    if (all.failed || !replace_file(r->path, buf_view(&all)))
        log_warn("remembered answers: %s: cannot write: %s", r->path, strerror(errno));
    open_log(r);
    r->file_bytes = all.n;
    buf_deinit(&all);
}

static void append(struct replay *r, const struct entry *x)
{
    struct buf record = { 0 };
    if (r->fd < 0)
        return;
    write_record(x, &record);
    if (record.failed || !write_all(r->fd, record.p, record.n)) {
        log_warn("remembered answers: %s: cannot write: %s", r->path, strerror(errno));
        (void)close(r->fd);
        r->fd = -1;
    }
    r->file_bytes += record.n;
    buf_deinit(&record);
    if (r->fd >= 0 && r->file_bytes > 2 * r->max_bytes)
        rewrite(r);
}

/* The entry of one record; NULL: it is damaged. */
static struct entry *parse_body(struct str body)
{
    uint32_t len[N_PART];
    struct str parts[N_PART];
    if (body.n < sizeof len)
        return NULL;
    memcpy(len, body.p, sizeof len);
    size_t at = sizeof len;
    for (int i = 0; i < N_PART; i++) {
        if (len[i] > body.n - at)
            return NULL;
        parts[i] = (struct str){ body.p + at, len[i] };
        at += len[i];
    }
    if (at != body.n || !len[PART_IDS] || len[PART_IDS] % sizeof(int32_t))
        return NULL;
    return new_entry(parts);
}

/* The record at the beginning of *rest, which moves behind it; NULL: none, *rest moves on one byte. */
static struct entry *parse_record(struct str *rest)
{
    struct record_head head;
    struct str body = { 0 };
    bool ok = rest->n >= sizeof head;
    if (ok) {
        memcpy(&head, rest->p, sizeof head);
        ok = head.magic == record_magic && head.n_bytes <= rest->n - sizeof head;
    }
    if (ok) {
        body = str_sub(*rest, sizeof head, sizeof head + head.n_bytes);
        ok = XXH3_64bits(body.p, body.n) == head.hash;
    }
    struct entry *x = ok ? parse_body(body) : NULL;
    *rest = str_sub(*rest, x ? sizeof head + body.n : 1, rest->n);
    return x;
}

static int load(struct replay *r, struct err *e)
{
    struct buf text = BUF_INIT(8 * r->max_bytes + RECORD_BYTES_MAX);
    bool damaged = false;
    if (file_exists(r->path) && file_read(&text, r->path, NULL) != 0)
        damaged = true;
    struct str rest = buf_view(&text);
    while (rest.n) {
        struct entry *x = parse_record(&rest);
        if (x)
            insert(r, x);
        else
            damaged = true;
    }
    r->file_bytes = text.n;
    buf_deinit(&text);
    open_log(r);
    if (r->fd < 0)
        return err_errno(e, "%s: cannot keep remembered answers", r->path);
    if (damaged || r->file_bytes > 2 * r->max_bytes)
        rewrite(r);
    return 0;
}

/* --- the interface --- */

int replay_open(struct replay **out, const struct replay_opts *o, struct err *e)
{
    struct replay *r = xcalloc(1, sizeof *r);
    int rc = 0;
    *out = NULL;
    (void)pthread_mutex_init(&r->mu, NULL);
    r->max_bytes = o->max_bytes ? o->max_bytes : default_bytes;
    r->by_id = xcalloc(BUCKETS, sizeof(struct entry *));
    r->by_content = xcalloc(BUCKETS, sizeof(struct entry *));
    r->fd = -1;
    if (o->dir) {
        struct buf name = { 0 };
        buf_printf(&name, "replay-%016llx.log", (unsigned long long)XXH3_64bits(o->identity.p, o->identity.n));
        r->path = file_join(o->dir, name.p);
        buf_deinit(&name);
        if (mkdir(o->dir, 0700) != 0 && errno != EEXIST)
            rc = err_errno(e, "%s: cannot be made", o->dir);
        else
            rc = load(r, e);
    }
    if (rc != 0)
        replay_close(r);
    else
        *out = r;
    return rc;
}

void replay_close(struct replay *r)
{
    if (!r)
        return;
    forget_all(r);
    if (r->fd >= 0)
        (void)close(r->fd);
    (void)pthread_mutex_destroy(&r->mu);
    mem_free(r->by_id);
    mem_free(r->by_content);
    mem_free(r->path);
    mem_free(r);
}

/* False: the arguments of a call are no object. */
static bool turn_content(const struct replay_turn *t, struct buf *out)
{
    content_text(out, t->text);
    for (size_t i = 0; i < t->n_call; i++) {
        struct json *args = NULL;
        bool ok = json_parse(&args, t->call[i].args, "arguments", NULL, NULL) == 0 && json_type(args) == JSON_OBJECT;
        if (ok)
            content_call(out, t->call[i].name, args);
        json_free(args);
        if (!ok)
            return false;
    }
    return !out->failed;
}

/* Takes x. */
static void remember(struct replay *r, struct entry *x)
{
    (void)pthread_mutex_lock(&r->mu);
    struct entry *old = find(r, part_str(x, PART_KEY), part_str(x, PART_ID), part_str(x, PART_CONTENT),
                             str_trim(part_str(x, PART_REASONING)));
    if (old && str_eq(part_str(old, PART_ID), part_str(x, PART_ID)) &&
        str_eq(part_str(old, PART_IDS), part_str(x, PART_IDS))) {
        touch(r, old);
        mem_free(x);
    } else {
        insert(r, x);
        append(r, x);
    }
    (void)pthread_mutex_unlock(&r->mu);
}

void replay_add(struct replay *r, struct str key_id, const struct replay_turn *t)
{
    struct buf content = BUF_INIT(RECORD_BYTES_MAX);
    if (!t->n_ids || !turn_content(t, &content)) {
        buf_deinit(&content);
        return;
    }
    struct str id = t->n_call ? t->call[0].id : STR("");
    const struct str parts[N_PART] = {
        [PART_KEY] = key_id,
        [PART_ID] = id,
        [PART_CONTENT] = buf_view(&content),
        [PART_REASONING] = t->reasoning,
        [PART_IDS] = { (const char *)t->ids, t->n_ids * sizeof *t->ids },
    };
    struct entry *x = new_entry(parts);
    if (x)
        remember(r, x);
    buf_deinit(&content);
}

static struct str string_member(const struct json *v, const char *key)
{
    const struct json *s = json_get(v, key);
    return json_type(s) == JSON_STRING ? json_str(s) : STR("");
}

bool replay_find(struct replay *r, struct str key_id, const struct json *message, struct ids *out)
{
    const struct json *calls = json_get(message, "tool_calls");
    struct buf content = BUF_INIT(RECORD_BYTES_MAX);
    content_text(&content, string_member(message, "content"));
    for (size_t i = 0; i < json_len(calls); i++) {
        const struct json *function = json_get(json_at(calls, i), "function");
        content_call(&content, string_member(function, "name"), json_get(function, "arguments"));
    }
    struct str id = json_len(calls) ? string_member(json_at(calls, 0), "id") : STR("");
    struct str reasoning = str_trim(string_member(message, "reasoning_content"));
    (void)pthread_mutex_lock(&r->mu);
    struct entry *x = content.failed ? NULL : find(r, key_id, id, buf_view(&content), reasoning);
    if (x) {
        touch(r, x);
        size_t n = x->len[PART_IDS] / sizeof(int32_t), from = out->n;
        for (size_t i = 0; i < n; i++)
            ids_add(out, 0);
        memcpy(out->v + from, part_data(x, PART_IDS), n * sizeof(int32_t));
    }
    (void)pthread_mutex_unlock(&r->mu);
    buf_deinit(&content);
    return x != NULL;
}

void replay_clear(struct replay *r)
{
    (void)pthread_mutex_lock(&r->mu);
    forget_all(r);
    if (r->path)
        rewrite(r);
    (void)pthread_mutex_unlock(&r->mu);
}

void replay_stats(struct replay *r, struct replay_stats *out)
{
    (void)pthread_mutex_lock(&r->mu);
    *out = (struct replay_stats){ r->n, r->bytes };
    (void)pthread_mutex_unlock(&r->mu);
}
