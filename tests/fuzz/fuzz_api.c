/* fuzz_api.c - any bytes as the body of each API, and a prompt from what is read: never a crash, every refusal with words.
 * SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/prompt.h"
#include "api/read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char template[] =
    "{%- for m in messages -%}{{- '<s>' + m.role + ':' + (m.content | string) -}}{%- for c in "
    "m.tool_calls or [] -%}{%- for k, v in c.function.arguments | items -%}{{- k ~ v -}}{%- "
    "endfor -%}{%- endfor -%}{{- '<e>' -}}{%- endfor -%}{%- for t in tools or [] -%}{{- t | "
    "tojson -}}{%- endfor -%}{%- if add_generation_prompt -%}{{- '<s>assistant:' -}}{%- endif -%}";

/* Any bytes as they are, and half of the time inside a body that is well formed otherwise. */
static void body_of(enum api_dialect d, struct str bytes, struct buf *out)
{
    static const char *const before[] = { "{\"messages\":[{\"role\":\"user\",\"content\":\"u\"},", "{\"prompt\":\"p\",",
                                          "{\"input\":[", "{\"messages\":[" };
    static const char *const behind[] = { "]}", "}", "]}", "]}" };
    bool inside = bytes.n && bytes.p[0] % 2;
    bytes = str_sub(bytes, bytes.n ? 1 : 0, bytes.n);
    buf_z(out, inside ? before[d] : "");
    buf_str(out, bytes);
    buf_z(out, inside ? behind[d] : "");
}

struct fixed {
    struct chat *chat;
    struct tokenizer *tok;
    struct prompt_maker *maker;
    struct replay *replay;
    struct api_defaults def;
};

static struct fixed *make_fixed(void)
{
    struct fixed *f = calloc(1, sizeof *f);
    char path[] = "/tmp/fuzz-api-XXXXXX";
    struct replay_opts o = { 0 };
    int fd = mkstemp(path);
    if (!f || fd < 0 || write(fd, template, sizeof template - 1) < 0 || close(fd) || chat_open(&f->chat, path, NULL) ||
        tokenizer_open(&f->tok, "tests/data/tokenizer/tiny.json", NULL) || replay_open(&f->replay, &o, NULL))
        abort();
    (void)unlink(path);
    f->maker = prompt_maker_new(f->chat, f->tok);
    f->def = (struct api_defaults){ .sampling = { .top_p = 1, .repetition_penalty = 1 }, .max_n = 4 };
    prompt_maker_defaults(f->maker, &f->def);
    return f;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fixed *f;
    f = f ? f : make_fixed();
    for (int d = API_CHAT; d <= API_MESSAGES; d++) {
        struct buf body = { 0 };
        struct api_request r;
        struct api_error x;
        struct prompt p;
        struct prompt_opts o = { .replay = f->replay };
        body_of((enum api_dialect)d, (struct str){ (const char *)data, size }, &body);
        if (read_request(&r, (enum api_dialect)d, buf_view(&body), &f->def, &x)) {
            if (!x.message[0] || api_error_status(x.kind) >= 500)
                abort();
        } else if (prompt_build(&p, f->maker, &r, &o, NULL) == 0) {
            prompt_deinit(&p);
        }
        api_request_deinit(&r);
        buf_deinit(&body);
    }
    return 0;
}
