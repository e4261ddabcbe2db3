/* cmd_run.c - octet run: answers one prompt, or chats.
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "cli/chat_loop.h"
#include "cli/cmd.h"
#include "cli/conversation.h"
#include "cli/figures.h"
#include "cli/interrupt.h"
#include "cli/load.h"
#include "cli/model_opts.h"
#include "cli/progress.h"
#include "cli/sampling_opts.h"
#include "format/json.h"

enum { MAX_PROMPT_BYTES = 256 << 20, CHAT_CONTEXT = 32768 };

struct run {
    /* options */
    const char *prompt, *system, *tools;
    bool json, raw;
    struct model_cli model_opts;
    struct sampling_cli sampling;
    struct opts_parsed got;
    /* what they name */
    char *model_path; /* owned */
    const char *const *files;
    size_t n_file;
    struct load l;
    struct conversation talk;
    struct buf text; /* the prompt's text */
    struct ids ids;  /* its tokens */
};

/* The answer on its way out. */
struct stream {
    struct buf *keep; /* borrowed: where the text goes; NULL: to stdout at once */
    struct progress bar;
    bool lost; /* stdout takes no more */
    char last; /* byte written */
};

/* Whether the first argument names the model: a directory; what can be no prompt; or, where the prompt comes from an option, anything. */
static bool names_model(const struct run *r, const char *arg)
{
    struct str name = str_from(arg);
    return file_is_dir(arg) || r->prompt || str_ends(name, STR(".gguf")) || str_ends(name, STR(".safetensors"));
}

static int find_model(struct run *r, struct err *e)
{
    const struct opt_list *args = &r->got.args;
    const char *first = args->n ? args->v[0] : NULL;
    bool is_model = first && names_model(r, first);
    if (first && !is_model && strcmp(first, "-") != 0 && !file_exists(first))
        return err_set(e, ERR_ARG, "%s: no such file or directory; expected a model directory or a file with a prompt",
                       first);
    r->files = args->v + is_model;
    r->n_file = args->n - is_model;
    if (r->n_file && r->prompt)
        return err_set(e, ERR_ARG, "%s: a prompt comes from --prompt or from files, not from both", r->files[0]);
    if (r->raw && (r->system || r->tools))
        return err_set(e, ERR_ARG, "--raw leaves the template out, so that --%s has no place",
                       r->system ? "system" : "tools");
    r->model_path = is_model ? xstrdup(first) : load_default_model(e);
    return r->model_path ? 0 : e->code;
}

static int read_prompt(struct run *r, struct err *e)
{
    static const char *const standard_input[] = { "-" };
    const char *const *files = r->files;
    size_t n = r->n_file;
    r->text.limit = MAX_PROMPT_BYTES;
    if (r->prompt && strcmp(r->prompt, "-") != 0) {
        buf_z(&r->text, r->prompt);
    } else if (r->prompt || !n) {
        files = standard_input;
        n = 1;
    }
    for (size_t i = 0; i < n; i++)
        if (file_read(&r->text, files[i], e))
            return e->code;
    if (buf_check(&r->text, "the prompt", e))
        return e->code;
    if (!r->text.n)
        return err_set(e, ERR_ARG, "the prompt is empty");
    if (!utf8_valid(buf_view(&r->text)))
        return err_set(e, ERR_FORMAT, "the prompt is not UTF-8 text");
    return 0;
}

static int encode_prompt(struct run *r, struct err *e)
{
    if (r->raw)
        return tokenizer_encode(r->l.tok, buf_view(&r->text), TOKENIZER_ADDED_ALL, &r->ids, e);
    if (!chat_has_template(r->l.chat))
        return err_set(e, ERR_UNSUPPORTED, "%s has no chat template; --raw gives it the prompt as it is",
                       r->model_path);
    conversation_add(&r->talk, "user", buf_view(&r->text));
    return conversation_ids(&r->talk, r->l.chat, r->l.tok, &r->ids, e);
}

static bool on_progress(void *arg, size_t done, size_t total)
{
    struct stream *s = arg;
    progress_update(&s->bar, done, total);
    return interrupt_pending();
}

static bool on_text(void *arg, struct str piece)
{
    struct stream *s = arg;
    progress_end(&s->bar);
    if (s->keep)
        buf_str(s->keep, piece);
    else if (piece.n) {
        s->lost = fwrite(piece.p, 1, piece.n, stdout) != piece.n || fflush(stdout) != 0;
        s->last = piece.p[piece.n - 1];
    }
    return s->lost || interrupt_pending();
}

static void print_json(const struct run *r, const struct generate_request *req, const struct generate_result *res,
                       const struct buf *text)
{
    struct buf out = { 0 };
    struct figures f = figures_of(res, r->l.seconds);
    buf_z(&out, "{\"model\": ");
    json_write_str(&out, str_from(r->model_path));
    buf_z(&out, ", \"backend\": ");
    json_write_str(&out, str_from(model_backend(r->l.model)));
    buf_z(&out, ", \"text\": ");
    json_write_str(&out, buf_view(text));
    buf_printf(&out, ", \"finish_reason\": \"%s\", \"stop\": ", answer_finish_name(res->finish));
    if (res->stop >= 0)
        json_write_str(&out, req->answer.stops[res->stop]);
    else
        buf_z(&out, "null");
    buf_z(&out, ", \"tokens\": [");
    for (size_t i = 0; i < res->ids.n; i++)
        buf_printf(&out, i ? ", %d" : "%d", (int)res->ids.v[i]);
    buf_printf(&out, "], \"seed\": %llu, \"figures\": ", (unsigned long long)req->answer.sampling.seed);
    figures_write(&out, &f);
    buf_z(&out, "}\n");
    if (out.p)
        fwrite(out.p, 1, out.n, stdout);
    buf_deinit(&out);
}

/* How an answer that was generated ends the program. */
static int finish(const struct run *r, const struct stream *s, const struct generate_request *req,
                  const struct generate_result *res)
{
    if (s->keep)
        print_json(r, req, res, s->keep);
    else if (s->last && s->last != '\n')
        fputc('\n', stdout);
    int code = cmd_finish("run");
    if (!r->got.quiet) {
        struct figures f = figures_of(res, r->l.seconds);
        figures_print(stderr, &f);
    }
    return code ? code : interrupt_pending() ? CMD_INTERRUPTED : CMD_OK;
}

static int answer(struct run *r, struct generate_request *req, int *code, struct err *e)
{
    struct seq *seq = NULL;
    struct generate_result res = { 0 };
    struct buf text = { 0 };
    struct stream s = { .keep = r->json ? &text : NULL };
    if (encode_prompt(r, e))
        return e->code;
    size_t n_ctx = model_cli_context(&r->model_opts, r->l.model, r->ids.n + req->answer.max_tokens);
    int rc = seq_new(&seq, r->l.model, n_ctx, e);
    if (rc)
        return rc;
    req->prompt = r->ids.v;
    req->n_prompt = r->ids.n;
    req->on_text = on_text;
    req->on_progress = on_progress;
    req->arg = &s;
    interrupt_catch();
    progress_init(&s.bar, "prompt", "tokens", !r->got.quiet);
    rc = generate(&res, seq, r->l.tok, req, e);
    progress_end(&s.bar);
    if (!rc)
        *code = finish(r, &s, req, &res);
    generate_result_deinit(&res);
    seq_free(seq);
    buf_deinit(&text);
    return rc;
}

static int run(struct run *r, int *code, struct err *e)
{
    struct model_opts mo;
    struct generate_request req = { 0 };
    if (find_model(r, e) || model_cli_opts(&mo, &r->model_opts, e))
        return e->code;
    bool chat = !r->prompt && !r->n_file && !r->json && !r->raw && isatty(STDIN_FILENO);
    if (!chat && read_prompt(r, e))
        return e->code;
    conversation_set_system(&r->talk, r->system);
    if (r->tools && conversation_read_tools(&r->talk, r->tools, e))
        return e->code;
    if (load_open(&r->l, r->model_path, &mo, true, e) || sampling_cli_answer(&req.answer, &r->sampling, r->l.model, e))
        return e->code;
    if (!chat)
        return answer(r, &req, code, e);
    return chat_loop(&r->l, &r->talk, &req, model_cli_context(&r->model_opts, r->l.model, CHAT_CONTEXT), r->got.quiet,
                     e);
}

int cmd_run(int argc, char **argv)
{
    struct run r = { 0 };
    struct err e = ERR_INIT;
    int code = CMD_OK;
    model_cli_init(&r.model_opts);
    sampling_cli_init(&r.sampling);
    const struct opt table[] = {
        OPT_STRING('p', "prompt", &r.prompt, "TEXT", "the prompt; - reads it from standard input"),
        OPT_STRING('s', "system", &r.system, "TEXT", "the system message"),
        OPT_STRING(0, "tools", &r.tools, "FILE", "a JSON array of tools that the model may call"),
        OPT_FLAG(0, "raw", &r.raw, "no chat template: the prompt is given to the model as it is"),
        OPT_FLAG(0, "json", &r.json, "print one JSON object instead of the text"),
    };
    const struct opt_group groups[] = { { "Prompt", table, ARRAY_LEN(table) }, r.sampling.group, r.model_opts.group };
    const struct opts opts = {
        "run",
        "run [MODEL] [OPTION]...                 a chat\n"
        "run [MODEL] -p TEXT [OPTION]...\n"
        "run [MODEL] FILE... [OPTION]...         the files' contents are the prompt",
        "Answers one prompt on standard output, with figures on standard error; or chats, when standard\n"
        "input is a terminal and no prompt is given. MODEL is a directory; without it, $OCTET_MODEL or the\n"
        "demonstration model is used.",
        groups,
        ARRAY_LEN(groups),
    };
    if (opts_begin(&r.got, &opts, argc, argv, &code)) {
        if (run(&r, &code, &e))
            code = cmd_fail("run", &e);
        opts_end(&r.got);
    }
    load_close(&r.l);
    conversation_deinit(&r.talk);
    sampling_cli_deinit(&r.sampling);
    buf_deinit(&r.text);
    ids_deinit(&r.ids);
    mem_free(r.model_path);
    return code;
}
