/* read_turn.c - turns and tools in the shape that chat templates know.
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "api/body_scan.h"
#include "api/read_common.h"
#include "base/map.h"
#include "base/mem.h"

/* A prompt's text is bounded by this, so that references to a tool cannot multiply a body. */
enum { MADE_BYTES_MAX = 96 << 20, MADE_DEPTH_MAX = 2 * BODY_DEPTH_MAX + 20 };

void reader_init(struct reader *rd, struct api_request *r, const struct api_defaults *def, struct api_error *x)
{
    memset(rd, 0, sizeof *rd);
    rd->r = r;
    rd->def = def;
    rd->x = x;
    rd->values_left = BODY_VALUES_MAX;
    rd->known_at.borrow = true;
    rd->messages.limit = MADE_BYTES_MAX;
    rd->text.limit = rd->reasoning.limit = rd->calls.limit = rd->result_text.limit = MADE_BYTES_MAX;
}

void reader_deinit(struct reader *rd)
{
    buf_deinit(&rd->messages);
    buf_deinit(&rd->text);
    buf_deinit(&rd->reasoning);
    buf_deinit(&rd->calls);
    buf_deinit(&rd->result_text);
    mem_free(rd->tool);
    mem_free(rd->call);
    mem_free(rd->result);
    for (size_t i = 0; i < rd->n_known; i++)
        json_free(rd->known[i]);
    mem_free(rd->known);
    map_deinit(&rd->known_at);
}

static void begin_message(struct reader *rd, const char *role, struct str content)
{
    if (rd->messages.n)
        buf_z(&rd->messages, ", ");
    buf_z(&rd->messages, "{\"role\": ");
    json_write_str(&rd->messages, str_from(role));
    read_put(&rd->messages, "content", content);
}

/* --- results --- */

static int by_rank(const void *a, const void *b)
{
    const struct reader_result *x = a, *y = b;
    if (x->rank != y->rank)
        return x->rank < y->rank ? -1 : 1;
    return x->from < y->from ? -1 : x->from > y->from; /* in the order they came */
}

/* Which call each result belongs to; those without one come last. */
static void rank_results(struct reader *rd)
{
    struct map ranks = { .borrow = true };
    for (size_t i = rd->n_call; i-- > 0;) /* of equal ids the first counts */
        if (map_set(&ranks, rd->call[i].id, (uint32_t)i) < 0)
            break;
    for (size_t i = 0; i < rd->n_result; i++) {
        struct reader_result *res = &rd->result[i];
        uint32_t rank;
        res->rank = rd->n_call;
        if (!map_get(&ranks, res->id, &rank))
            continue;
        res->rank = rank;
        if (!res->name.n)
            res->name = rd->call[rank].name;
    }
    map_deinit(&ranks);
    qsort(rd->result, rd->n_result, sizeof *rd->result, by_rank);
}

static void flush_results(struct reader *rd)
{
    if (!rd->n_result)
        return;
    rank_results(rd);
    for (size_t i = 0; i < rd->n_result; i++) {
        const struct reader_result *res = &rd->result[i];
        begin_message(rd, "tool", str_sub(buf_view(&rd->result_text), res->from, res->to));
        if (res->id.n)
            read_put(&rd->messages, "tool_call_id", res->id);
        if (res->name.n)
            read_put(&rd->messages, "name", res->name);
        buf_char(&rd->messages, '}');
    }
    rd->n_result = 0;
    rd->messages.failed |= rd->result_text.failed;
    buf_reset(&rd->result_text);
}

void read_result(struct reader *rd, struct str id, struct str name, size_t from)
{
    read_turn_close(rd);
    rd->result = read_grow(rd->result, rd->n_result, &rd->cap_result, sizeof *rd->result);
    rd->result[rd->n_result++] = (struct reader_result){ id, name, from, rd->result_text.n, 0 };
}

/* --- turns --- */

void read_message(struct reader *rd, const char *role, struct str text)
{
    read_turn_close(rd);
    flush_results(rd);
    begin_message(rd, role, text);
    buf_char(&rd->messages, '}');
}

void read_turn(struct reader *rd)
{
    if (rd->turn_open)
        return;
    flush_results(rd);
    rd->turn_open = true;
    rd->n_call = 0;
    buf_reset(&rd->text);
    buf_reset(&rd->reasoning);
    buf_reset(&rd->calls);
}

static void begin_call(struct reader *rd, struct str id, struct str space, struct str name)
{
    struct buf shown = { 0 };
    rd->call = read_grow(rd->call, rd->n_call, &rd->cap_call, sizeof *rd->call);
    rd->call[rd->n_call++] = (struct reader_call){ id, name };
    read_shown_name(&shown, space, name);
    if (rd->calls.n)
        buf_z(&rd->calls, ", ");
    buf_z(&rd->calls, "{\"id\": ");
    json_write_str(&rd->calls, id);
    buf_z(&rd->calls, ", \"type\": \"function\", \"function\": {\"name\": ");
    json_write_str(&rd->calls, buf_view(&shown));
    buf_z(&rd->calls, ", \"arguments\": ");
    buf_deinit(&shown);
}

void read_turn_call(struct reader *rd, struct str id, struct str space, struct str name, const struct json *arguments)
{
    read_turn(rd);
    begin_call(rd, id, space, name);
    read_arguments(rd, arguments, &rd->calls);
    buf_z(&rd->calls, "}}");
}

void read_turn_custom_call(struct reader *rd, struct str id, struct str space, struct str name, struct str input)
{
    read_turn(rd);
    begin_call(rd, id, space, name);
    buf_z(&rd->calls, "{\"input\": ");
    json_write_str(&rd->calls, input);
    buf_z(&rd->calls, "}}}");
}

void read_turn_close(struct reader *rd)
{
    if (!rd->turn_open)
        return;
    rd->turn_open = false;
    begin_message(rd, "assistant", buf_view(&rd->text));
    if (rd->reasoning.n)
        read_put(&rd->messages, "reasoning_content", buf_view(&rd->reasoning));
    if (rd->calls.n) {
        buf_z(&rd->messages, ", \"tool_calls\": [");
        buf_str(&rd->messages, buf_view(&rd->calls));
        buf_char(&rd->messages, ']');
    }
    buf_char(&rd->messages, '}');
    rd->messages.failed |= rd->text.failed || rd->reasoning.failed || rd->calls.failed;
}

/* --- all of it --- */

static int parse_messages(struct reader *rd, struct json **out)
{
    static const struct json_limits limits = { .bytes = 2 * (size_t)MADE_BYTES_MAX, .depth = MADE_DEPTH_MAX };
    struct buf text = { 0 };
    struct err e = ERR_INIT;
    buf_char(&text, '[');
    buf_str(&text, buf_view(&rd->messages));
    buf_char(&text, ']');
    text.failed |= rd->messages.failed;
    int rc = buf_check(&text, "the messages with all that they refer to", &e);
    if (rc == 0)
        rc = json_parse(out, buf_view(&text), "messages", &limits, &e);
    buf_deinit(&text);
    if (rc != 0)
        api_error_from(rd->x, &e, rd->r->dialect == API_RESPONSES ? "input" : "messages");
    return rc ? -1 : 0;
}

/* {"messages", "tools", "shown"}; what is NULL is left out. */
static struct json *join(const struct json *messages, const struct json *tools, const struct json *shown)
{
    const struct json_member all[] = { { "messages", messages }, { "tools", tools }, { "shown", shown } };
    struct json_member v[3];
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        if (all[i].value)
            v[n++] = all[i];
    return json_join_object(v, n);
}

static int make(struct reader *rd)
{
    struct json *messages = NULL, *tools = NULL, *shown = NULL;
    int rc = parse_messages(rd, &messages);
    if (rc == 0 && rd->n_tool)
        rc = read_make_tools(rd, &tools, &shown);
    if (rc == 0) {
        rd->r->made = join(messages, tools, shown);
        if (!rd->r->made) {
            api_error_set(rd->x, API_ERR_INTERNAL, NULL, "no memory for the messages");
            rc = -1;
        }
    }
    json_free(messages);
    json_free(tools);
    json_free(shown);
    return rc;
}

int reader_finish(struct reader *rd)
{
    struct api_request *r = rd->r;
    read_turn_close(rd);
    flush_results(rd);
    if (make(rd))
        return -1;
    r->messages = json_get(r->made, "messages");
    r->tools = json_get(r->made, "tools");
    r->shown_tools = json_get(r->made, "shown");
    for (size_t i = 0; i < r->n_tool; i++)
        r->tool[i].shown = json_str(json_get(json_get(json_at(r->tools, i), "function"), "name"));
    bool any = false;
    for (size_t i = 0; i < r->n_tool; i++)
        any |= r->tool[i].allowed;
    if (r->tool_choice == API_TOOLS_REQUIRED && !any)
        return read_bad(rd, "tool_choice", "tools that can be called", NULL);
    if (r->tool_choice == API_TOOLS_AUTO && rd->some_allowed && !any)
        r->tool_choice = API_TOOLS_NONE;
    return 0;
}
