/* cmd_eval.c - octet eval: measures a model.
 * SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "base/base.h"
#include "cli/cmd.h"
#include "cli/eval_answers.h"
#include "cli/eval_golden.h"
#include "cli/eval_text.h"
#include "cli/interrupt.h"
#include "cli/load.h"
#include "cli/model_opts.h"
#include "cli/progress.h"
#include "format/json.h"

enum { DEFAULT_WINDOW = 512, DEFAULT_NLL_LIMIT = 100, MAX_WINDOW = 1 << 20 };

struct eval {
    const char *text, *answers;
    struct opt_list golden, categories;
    int64_t window, nll_limit, prompt_limit;
    bool json;
    struct model_cli model_opts;
    struct opts_parsed got;
    struct load l;
    struct progress bar;
};

static int check(const struct eval *v, struct err *e)
{
    int n_mode = (v->text != NULL) + (v->answers != NULL) + (v->golden.n > 0);
    if (v->got.args.n != 1)
        return err_set(e, ERR_ARG, "expected one MODEL, found %zu arguments; see octet help eval", v->got.args.n);
    if (n_mode != 1)
        return err_set(e, ERR_ARG, "expected one of --text, --golden and --answers, found %s",
                       n_mode ? "several" : "none");
    return 0;
}

static int measure_golden(struct eval *v, struct buf *out, struct err *e)
{
    struct eval_golden g = { 0 };
    char what[64];
    int rc = 0;
    for (size_t i = 0; !rc && i < v->golden.n; i++) {
        snprintf(what, sizeof what, "file %zu of %zu", i + 1, v->golden.n);
        v->bar.what = what;
        rc = eval_golden_add(&g, v->l.model, v->golden.v[i], (size_t)v->nll_limit, &v->bar, e);
    }
    progress_end(&v->bar);
    if (!rc)
        eval_golden_write(&g, out, v->json);
    eval_golden_deinit(&g);
    return rc;
}

static int measure_answers(struct eval *v, struct buf *out, struct err *e)
{
    struct eval_answers a = { 0 };
    int rc = eval_answers_run(&a, &v->l, v->answers, (size_t)v->prompt_limit, &v->categories, &v->bar, e);
    if (!rc)
        eval_answers_write(&a, out, v->json);
    eval_answers_deinit(&a);
    return rc;
}

static int measure_text(struct eval *v, struct buf *out, struct err *e)
{
    struct eval_text t;
    int rc = eval_text(&t, &v->l, v->text, (size_t)v->window, &v->bar, e);
    if (!rc)
        eval_text_write(&t, out, v->json);
    return rc;
}

static int measure(struct eval *v, struct buf *out, struct err *e)
{
    if (v->golden.n)
        return measure_golden(v, out, e);
    return v->answers ? measure_answers(v, out, e) : measure_text(v, out, e);
}

static int eval(struct eval *v, struct err *e)
{
    struct model_opts mo;
    struct buf out = { 0 };
    if (check(v, e) || model_cli_opts(&mo, &v->model_opts, e) ||
        load_open(&v->l, v->got.args.v[0], &mo, !v->golden.n, e))
        return e->code;
    interrupt_catch();
    if (v->json) {
        buf_z(&out, "{\"model\": ");
        json_write_str(&out, str_from(v->got.args.v[0]));
        buf_z(&out, ", \"backend\": ");
        json_write_str(&out, str_from(model_backend(v->l.model)));
        buf_z(&out, ", ");
    }
    progress_init(&v->bar, "eval", v->answers ? "prompts" : "tokens", !v->got.quiet);
    int rc = measure(v, &out, e);
    progress_end(&v->bar);
    if (v->json)
        buf_z(&out, "}\n");
    if (!rc && !buf_check(&out, "the result", e))
        fwrite(out.p, 1, out.n, stdout);
    buf_deinit(&out);
    return rc;
}

int cmd_eval(int argc, char **argv)
{
    struct eval v = { .window = DEFAULT_WINDOW, .nll_limit = DEFAULT_NLL_LIMIT, .prompt_limit = INT64_MAX };
    struct err e = ERR_INIT;
    int code = CMD_OK;
    model_cli_init(&v.model_opts);
    const struct opt table[] = {
        OPT_STRING(0, "text", &v.text, "FILE", "perplexity of a text, with its standard error over windows"),
        OPT_LIST(0, "golden", &v.golden, "FILE",
                 "KL divergence, top-1 agreement and largest difference against stored logits (safetensors: tokens, "
                 "positions, logits); may be repeated"),
        OPT_STRING(0, "answers", &v.answers, "FILE",
                   "exact matches over a JSON array of {category, prompt, want}, greedy, at most 160 tokens"),
        OPT_FLAG(0, "json", &v.json, "print one JSON object"),
        OPT_INT(0, "window", &v.window, 2, MAX_WINDOW, "N", "with --text: tokens of a window (512)"),
        OPT_INT(0, "nll-limit", &v.nll_limit, 0, MAX_WINDOW, "N",
                "with --golden: the negative log-likelihood is taken over the sequences of at most N tokens (100)"),
        OPT_INT(0, "limit-prompt", &v.prompt_limit, 1, INT64_MAX, "N",
                "with --answers: leave out prompts of more than N tokens"),
        OPT_LIST(0, "category", &v.categories, "NAME", "with --answers: only this category; may be repeated"),
    };
    /* Windows and files say how long a sequence is: --context, the last of the model's options, would mean nothing here. */
    struct opt_group model = v.model_opts.group;
    model.n--;
    const struct opt_group groups[] = { { NULL, table, ARRAY_LEN(table) }, model };
    const struct opts opts = {
        "eval",
        "eval MODEL --text FILE [OPTION]...\n"
        "eval MODEL --golden FILE [--golden FILE]... [OPTION]...\n"
        "eval MODEL --answers FILE [OPTION]...",
        "Measures a model: the perplexity of a text, the agreement with stored logits of a reference, or how many\n"
        "of a set of prompts it answers exactly.",
        groups,
        ARRAY_LEN(groups),
    };
    if (opts_begin(&v.got, &opts, argc, argv, &code)) {
        code = eval(&v, &e) ? cmd_fail("eval", &e) : cmd_finish("eval");
        opts_end(&v.got);
    }
    load_close(&v.l);
    opt_list_deinit(&v.golden);
    opt_list_deinit(&v.categories);
    return code;
}
