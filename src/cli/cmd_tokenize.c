/* cmd_tokenize.c - octet tokenize: text to token ids and back, and the prompt that a conversation becomes.
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/base.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "cli/cmd.h"
#include "cli/lines.h"
#include "cli/opts.h"
#include "format/json.h"
#include "text/template/chat.h"
#include "text/tokenizer.h"

enum { FOUND_MAX = 40 }; /* bytes of wrong input in a message */

struct tokenize {
    bool decode, lines, no_added;
    const char *chat; /* a file with a conversation */
    struct opts_parsed got;
    struct tokenizer *tok; /* owned */
};

static enum tokenizer_added added_of(const struct tokenize *v)
{
    return v->no_added ? TOKENIZER_ADDED_NONE : TOKENIZER_ADDED_ALL;
}

/* The bytes of a token between quotes; a byte that is not part of a character, and a control character, as \xHH. */
static void write_piece(struct buf *out, struct str s)
{
    buf_char(out, '"');
    while (s.n) {
        uint32_t cp = 0;
        int n = utf8_decode(s, &cp);
        if (n == 1 && (cp == '"' || cp == '\\'))
            buf_printf(out, "\\%c", (char)cp);
        else if (n == 1 && cp == '\n')
            buf_z(out, "\\n");
        else if (n <= 0 || cp < 0x20 || cp == 0x7f || (cp >= 0x80 && cp < 0xa0))
            for (int i = 0; i < MAX(n, 1); i++)
                buf_printf(out, "\\x%02x", (unsigned)(unsigned char)s.p[i]);
        else
            buf_add(out, s.p, (size_t)n);
        s = str_sub(s, (size_t)MAX(n, 1), s.n);
    }
    buf_char(out, '"');
}

static void write_table(struct buf *out, const struct tokenizer *t, const struct ids *ids)
{
    for (size_t i = 0; i < ids->n; i++) {
        buf_printf(out, "%7d  ", (int)ids->v[i]);
        write_piece(out, tokenizer_bytes(t, ids->v[i]));
        buf_z(out, tokenizer_is_added(t, ids->v[i]) ? "  added\n" : "\n");
    }
}

static int add_id(const struct json *v, struct ids *ids, struct err *e)
{
    int64_t id;
    if (!json_i64(v, &id) || id < 0 || id > INT32_MAX)
        return err_set(e, ERR_FORMAT, "expected token ids, integers from 0, found %s", json_type_name(json_type(v)));
    ids_add(ids, (int32_t)id);
    return 0;
}

/* An array of ids in, their text out. */
static int decode_line(const struct tokenize *v, const struct json *j, struct buf *out, struct err *e)
{
    struct ids ids = { 0 };
    struct buf text = { 0 };
    int rc = json_type(j) == JSON_ARRAY ? 0 : json_expected(j, NULL, "an array of token ids", e);
    for (size_t i = 0; i < json_len(j) && !rc; i++)
        rc = add_id(json_at(j, i), &ids, e);
    if (!rc) {
        tokenizer_decode(v->tok, ids.v, ids.n, false, &text);
        json_write_str(out, buf_view(&text));
        rc = buf_check(&text, "the text", e);
    }
    buf_deinit(&text);
    ids_deinit(&ids);
    return rc;
}

/* A string in, the array of its ids out. */
static int encode_line(const struct tokenize *v, const struct json *j, struct buf *out, struct err *e)
{
    struct ids ids = { 0 };
    int rc = json_type(j) == JSON_STRING ? 0 : json_expected(j, NULL, "a string", e);
    if (!rc)
        rc = tokenizer_encode(v->tok, json_str(j), added_of(v), &ids, e);
    buf_char(out, '[');
    for (size_t i = 0; i < ids.n; i++)
        buf_printf(out, i ? ", %d" : "%d", (int)ids.v[i]);
    buf_char(out, ']');
    ids_deinit(&ids);
    return rc;
}

static int on_line(void *arg, struct str line, struct buf *out, struct err *e)
{
    const struct tokenize *v = arg;
    struct json *j;
    int rc = json_parse(&j, line, "the value", NULL, e);
    if (!rc)
        rc = v->decode ? decode_line(v, j, out, e) : encode_line(v, j, out, e);
    json_free(j);
    return rc;
}

static int not_ids(struct str found, struct err *e)
{
    struct buf piece = { 0 };
    write_piece(&piece, str_sub(found, 0, utf8_whole(str_sub(found, 0, FOUND_MAX))));
    int rc = err_set(e, ERR_FORMAT, "expected token ids with spaces or commas between, found %s", piece.p);
    buf_deinit(&piece);
    return rc;
}

/* Ids as they are written in many places: numbers with anything but digits between them. */
static int decode_text(const struct tokenize *v, struct str s, struct buf *out, struct err *e)
{
    static const char separators[] = " ,;[]\t\r\n";
    struct ids ids = { 0 };
    int rc = 0;
    while (s.n && !rc) {
        size_t n = 0;
        int64_t id = 0;
        while (n < s.n && s.p[n] >= '0' && s.p[n] <= '9')
            n++;
        if (n && (!str_to_i64(str_sub(s, 0, n), &id) || id >= tokenizer_size(v->tok)))
            rc = err_set(e, ERR_FORMAT, "%.*s is no token id: they go from 0 to %d", (int)MIN(n, FOUND_MAX), s.p,
                         (int)tokenizer_size(v->tok) - 1);
        else if (n)
            ids_add(&ids, (int32_t)id);
        else if (!memchr(separators, s.p[0], sizeof separators - 1))
            rc = not_ids(s, e);
        s = str_sub(s, MAX(n, 1), s.n);
    }
    if (!rc) {
        tokenizer_decode(v->tok, ids.v, ids.n, false, out);
        buf_char(out, '\n');
    }
    ids_deinit(&ids);
    return rc;
}

static int encode_text(const struct tokenize *v, struct str s, struct buf *out, struct err *e)
{
    struct ids ids = { 0 };
    int rc = tokenizer_encode(v->tok, s, added_of(v), &ids, e);
    write_table(out, v->tok, &ids);
    ids_deinit(&ids);
    return rc;
}

/* The template's variables: the file's object, or its array as the messages of a conversation that awaits an answer. */
static int read_vars(struct json **out, const char *path, struct err *e)
{
    struct buf text = { 0 }, wrapped = { 0 };
    *out = NULL;
    int rc = file_read(&text, path, e);
    if (!rc && str_starts(str_trim(buf_view(&text)), STR("["))) {
        /* The array stands alone first, so that what is wrong with it is found at its own line. */
        rc = json_parse(out, buf_view(&text), path, NULL, e);
        json_free(*out);
        buf_printf(&wrapped, "{\"messages\": %s, \"add_generation_prompt\": true}", text.p);
        buf_reset(&text);
        buf_str(&text, buf_view(&wrapped));
    }
    if (!rc)
        rc = json_parse(out, buf_view(&text), path, NULL, e);
    buf_deinit(&text);
    buf_deinit(&wrapped);
    return rc;
}

/* The directory that the template is looked for in: the model's, or the one of the tokenizer.json that was named. */
static char *template_dir(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (file_is_dir(path))
        return xstrdup(path);
    return slash ? xstrndup(path, MAX((size_t)(slash - path), 1)) : xstrdup(".");
}

/* The rendered prompt, an empty line, and its tokens. */
static int render(const struct tokenize *v, struct buf *out, struct err *e)
{
    struct json *vars = NULL;
    struct chat *chat = NULL;
    struct marked prompt = { 0 };
    struct ids ids = { 0 };
    char *dir = template_dir(v->got.args.v[0]);
    int rc = read_vars(&vars, v->chat, e);
    if (!rc)
        rc = chat_open(&chat, dir, e);
    if (!rc)
        rc = chat_render(chat, vars, (int64_t)time(NULL), &prompt, e);
    if (!rc)
        rc = tokenizer_encode_marked(v->tok, &prompt, &ids, e);
    if (!rc) {
        struct str text = buf_view(&prompt.text);
        buf_str(out, text);
        buf_z(out, str_ends(text, STR("\n")) ? "\n" : "\n\n");
        write_table(out, v->tok, &ids);
    }
    ids_deinit(&ids);
    marked_deinit(&prompt);
    chat_close(chat);
    json_free(vars);
    mem_free(dir);
    return rc;
}

static int check_arguments(const struct tokenize *v, struct err *e)
{
    size_t n = v->got.args.n;
    if (n < 1 || n > 2)
        return err_set(e, ERR_ARG, "expected a MODEL and perhaps a TEXT, found %zu arguments; see octet help tokenize",
                       n);
    if (v->chat && (v->lines || v->decode || v->no_added))
        return err_set(e, ERR_ARG, "--chat cannot be used with --lines, --decode or --no-added");
    if (n == 2 && (v->chat || v->lines))
        return err_set(e, ERR_ARG, "found a TEXT, though %s says where the text comes from",
                       v->chat ? "--chat" : "--lines");
    return 0;
}

static int tokenize(struct tokenize *v, struct err *e)
{
    struct buf in = { 0 }, out = { 0 };
    const char *text = v->got.args.n == 2 ? v->got.args.v[1] : "-";
    int rc = check_arguments(v, e);
    if (!rc)
        rc = tokenizer_open(&v->tok, v->got.args.v[0], e);
    if (rc || v->lines)
        return rc ? rc : lines_run(on_line, v, e);
    if (v->chat)
        rc = render(v, &out, e);
    else if (strcmp(text, "-") == 0)
        rc = file_read(&in, "-", e);
    else
        buf_z(&in, text);
    if (!rc && !v->chat)
        rc = v->decode ? decode_text(v, buf_view(&in), &out, e) : encode_text(v, buf_view(&in), &out, e);
    if (!rc)
        rc = buf_check(&out, "the output", e);
    if (!rc && out.n)
        fwrite(out.p, 1, out.n, stdout);
    buf_deinit(&in);
    buf_deinit(&out);
    return rc;
}

int cmd_tokenize(int argc, char **argv)
{
    struct tokenize v = { 0 };
    struct err e = ERR_INIT;
    int code = CMD_OK;
    const struct opt table[] = {
        OPT_FLAG(0, "decode", &v.decode, "token ids in, text out"),
        OPT_STRING(
            0, "chat", &v.chat, "FILE.json",
            "render the conversation in FILE with the model's template; FILE holds the template's variables (messages, "
            "tools, add_generation_prompt, ...) or the array of messages alone"),
        OPT_FLAG(0, "lines", &v.lines,
                 "each line of standard input is a JSON string, each line out the array of its ids; the reverse with "
                 "--decode"),
        OPT_FLAG(0, "no-added", &v.no_added, "match no added tokens, as in text that comes from a user"),
    };
    const struct opt_group groups[] = { { NULL, table, ARRAY_LEN(table) } };
    const struct opts opts = {
        "tokenize",
        "tokenize MODEL [TEXT] [OPTION]...",
        "Prints the token ids of TEXT (otherwise of standard input) and the bytes that each stands for. MODEL is a\n"
        "model directory or a tokenizer.json.",
        groups,
        ARRAY_LEN(groups),
    };
    if (opts_begin(&v.got, &opts, argc, argv, &code)) {
        code = tokenize(&v, &e) ? cmd_fail("tokenize", &e) : cmd_finish("tokenize");
        opts_end(&v.got);
    }
    tokenizer_close(v.tok);
    return code;
}
