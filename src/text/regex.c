/* regex.c - PCRE2 behind two functions.
 * SPDX-License-Identifier: MIT */
#include "text/regex.h"

#include <stdint.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/buf.h"
#include "base/mem.h"
#include "text/onig.h"

enum {
    PATTERN_MAX = 1 << 16, /* bytes; published ones have a few hundred */
    JIT_STACK_MIN = 1 << 15,
    JIT_STACK_MAX = 1 << 26,
    HEAP_MAX_KIB = 1 << 16, /* of the interpreter, where there is no JIT */
    STEPS_MIN = 1 << 20,
    STEPS_PER_BYTE = 8, /* a match may go back over a long run once for each of its alternatives */
};

static void *pcre2_alloc(size_t n, void *ctx)
{
    (void)ctx;
    return xmalloc(n);
}

static void pcre2_release(void *p, void *ctx)
{
    (void)ctx;
    mem_free(p);
}

static int compile(struct regex *r, struct str pattern, uint32_t options, struct err *e)
{
    int code;
    size_t at;
    pcre2_general_context *general = pcre2_general_context_create(pcre2_alloc, pcre2_release, NULL);
    pcre2_compile_context *context = pcre2_compile_context_create(general);
    pcre2_set_newline(context, PCRE2_NEWLINE_LF);
    r->code = pcre2_compile((PCRE2_SPTR)pattern.p, pattern.n, options, &code, &at, context);
    pcre2_compile_context_free(context);
    pcre2_general_context_free(general);
    if (!r->code) {
        PCRE2_UCHAR why[256];
        pcre2_get_error_message(code, why, sizeof why);
        return err_set(e, ERR_FORMAT, "%s", (const char *)why);
    }
    r->jit = pcre2_jit_compile(r->code, PCRE2_JIT_COMPLETE) == 0;
    return 0;
}

int regex_compile(struct regex *r, struct str pattern, bool literal, struct err *e)
{
    *r = (struct regex){ 0 };
    if (pattern.n > PATTERN_MAX)
        return err_set(e, ERR_LIMIT, "a pattern of %zu bytes, more than %d", pattern.n, (int)PATTERN_MAX);
    if (literal)
        return compile(r, pattern, PCRE2_UTF | PCRE2_LITERAL, e);
    struct buf rewritten = { 0 };
    buf_z(&rewritten, "");
    int rc = onig_rewrite(pattern, &rewritten, e);
    if (!rc)
        rc = compile(r, buf_view(&rewritten), PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C, e);
    buf_deinit(&rewritten);
    return rc;
}

void regex_deinit(struct regex *r)
{
    pcre2_code_free(r->code);
    *r = (struct regex){ 0 };
}

static void run_init(struct regex_run *run)
{
    pcre2_general_context *general = pcre2_general_context_create(pcre2_alloc, pcre2_release, NULL);
    run->match = pcre2_match_data_create(1, general);
    run->context = pcre2_match_context_create(general);
    pcre2_set_heap_limit(run->context, HEAP_MAX_KIB);
    pcre2_general_context_free(general);
}

void regex_run_deinit(struct regex_run *run)
{
    pcre2_match_data_free(run->match);
    pcre2_match_context_free(run->context);
    pcre2_jit_stack_free(run->stack);
    *run = (struct regex_run){ 0 };
}

static int match(const struct regex *r, struct regex_run *run, struct str s, size_t from)
{
    PCRE2_SPTR p = (PCRE2_SPTR)s.p;
    if (!r->jit)
        return pcre2_match(r->code, p, s.n, from, PCRE2_NO_UTF_CHECK, run->match, run->context);
    int rc = pcre2_jit_match(r->code, p, s.n, from, PCRE2_NO_UTF_CHECK, run->match, run->context);
    if (rc != PCRE2_ERROR_JIT_STACKLIMIT || run->stack)
        return rc;
    /* Published patterns do well with the 32 KiB of the machine's stack that PCRE2 uses unless it is given one. */
    run->stack = pcre2_jit_stack_create(JIT_STACK_MIN, JIT_STACK_MAX, NULL);
    pcre2_jit_stack_assign(run->context, NULL, run->stack);
    return pcre2_jit_match(r->code, p, s.n, from, PCRE2_NO_UTF_CHECK, run->match, run->context);
}

int regex_find(const struct regex *r, struct regex_run *run, struct str s, size_t from, bool *found, size_t *start,
               size_t *end, struct err *e)
{
    if (!run->match)
        run_init(run);
    pcre2_set_match_limit(run->context, (uint32_t)MIN(STEPS_MIN + s.n * STEPS_PER_BYTE, UINT32_MAX));
    int rc = match(r, run, s, from);
    *found = rc >= 0;
    if (rc >= 0) {
        const size_t *v = pcre2_get_ovector_pointer(run->match);
        *start = v[0];
        *end = v[1];
        /* \K in a lookahead can put the start behind the end, or before `from`. */
        if (*start < from || *end < *start)
            return err_set(e, ERR_UNSUPPORTED, "a pattern of the tokenizer moves the start of its match");
        return 0;
    }
    if (rc == PCRE2_ERROR_NOMATCH)
        return 0;
    PCRE2_UCHAR why[256];
    pcre2_get_error_message(rc, why, sizeof why);
    return err_set(e, ERR_LIMIT, "a pattern of the tokenizer gives up on this text: %s", (const char *)why);
}
