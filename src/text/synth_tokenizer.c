/* synth_tokenizer.c - the made vocabulary, level by level: every token of a level is two tokens of earlier levels.
 * SPDX-License-Identifier: MIT */
#include "text/synth_tokenizer.h"

#include <stddef.h>
#include <string.h>

#include "base/utf8.h"
#include "format/json.h"
#include "text/bytelevel.h"

enum { N_BYTE = 256, N_LETTER = 26, MAX_DIGIT = 4 };

/* By frequency in English. */
static const char letters[] = "etaoinshrdlcumwfgypbvkjxqz";

/* How byte-level BPE spells a space and a line feed. */
#define SPACE "\xc4\xa0"
#define NEWLINE "\xc4\x8a"

static const char *const added[SYNTH_TOKENIZER_N_ADDED] = {
    "<|endoftext|>",   "<|im_start|>",     "<|im_end|>", "<tool_call>", "</tool_call>",
    "<tool_response>", "</tool_response>", "<think>",    "</think>",
};

/* Three fixed pieces beside the letters, each of two earlier tokens. */
static const char *const runs[][2] = { { SPACE, SPACE }, { SPACE SPACE, SPACE SPACE }, { NEWLINE, NEWLINE } };

/* A level: all tokens of n_digit letters, behind `prefix`, merged from the prefix or the first `left` letters and the rest. */
static const struct level {
    const char *prefix;
    int n_digit, left;
} levels[] = { { "", 2, 1 }, { SPACE, 1, 0 }, { SPACE, 2, 0 }, { "", 3, 2 }, { SPACE, 3, 0 }, { "", 4, 2 } };

struct maker {
    struct buf vocab, merges;
    int next, end; /* ids */
};

const char synth_tokenizer_template[] =
    "{#- ChatML turns; tools as JSON in the system turn, calls as JSON by the assistant. -#}\n"
    "{%- if tools -%}\n"
    "    {{- '<|im_start|>system\\n' -}}\n"
    "    {%- if messages and messages[0].role == 'system' -%}{{ messages[0].content ~ '\\n\\n' }}{%- endif -%}\n"
    "    {{- '# Tools\\n\\n<tools>' -}}\n"
    "    {%- for tool in tools -%}{{ '\\n' ~ (tool | tojson) }}{%- endfor -%}\n"
    "    {{- '\\n</tools>\\n\\nTo call a tool, write:\\n<tool_call>\\n{\"name\": NAME, \"arguments\": "
    "OBJECT}\\n</tool_call><|im_end|>\\n' -}}\n"
    "{%- endif -%}\n"
    "{%- for message in messages -%}\n"
    "    {%- if message.role == 'tool' -%}\n"
    "        {{- '<|im_start|>user\\n<tool_response>\\n' ~ message.content ~ '\\n</tool_response><|im_end|>\\n' -}}\n"
    "    {%- elif not (tools and loop.first and message.role == 'system') -%}\n"
    "        {{- '<|im_start|>' ~ message.role ~ '\\n' ~ (message.content if message.content is string else '') -}}\n"
    "        {%- for entry in message.tool_calls or [] -%}\n"
    "            {%- set call = entry.function if entry.function is defined else entry -%}\n"
    "            {{- '\\n<tool_call>\\n{\"name\": ' ~ (call.name | tojson) ~ ', \"arguments\": ' -}}\n"
    "            {{- (call.arguments if call.arguments is string else call.arguments | tojson) ~ '}\\n</tool_call>' "
    "-}}\n"
    "        {%- endfor -%}\n"
    "        {{- '<|im_end|>\\n' -}}\n"
    "    {%- endif -%}\n"
    "{%- endfor -%}\n"
    "{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\\n' }}{%- endif -%}\n";

int32_t synth_tokenizer_id(enum synth_tokenizer_added token, int n_vocab)
{
    return n_vocab - SYNTH_TOKENIZER_N_ADDED + (int32_t)token;
}

static void add_token(struct maker *m, struct str text)
{
    buf_z(&m->vocab, m->next ? "," : "");
    json_write_str(&m->vocab, text);
    buf_printf(&m->vocab, ":%d", m->next++);
}

static void add_merge(struct maker *m, struct str left, struct str right)
{
    char both[64];
    memcpy(both, left.p, left.n);
    memcpy(both + left.n, right.p, right.n);
    add_token(m, (struct str){ both, left.n + right.n });
    buf_z(&m->merges, m->merges.n ? ",[" : "[");
    json_write_str(&m->merges, left);
    buf_char(&m->merges, ',');
    json_write_str(&m->merges, right);
    buf_char(&m->merges, ']');
}

/* In the order of the characters that stand for them: first those that stand for themselves. */
static void add_bytes(struct maker *m)
{
    for (int pass = 0; pass < 2; pass++)
        for (int byte = 0; byte < N_BYTE; byte++) {
            uint32_t c = bytelevel_char((unsigned char)byte);
            char text[UTF8_MAX];
            if ((c >= N_BYTE) == (pass == 1))
                add_token(m, (struct str){ text, (size_t)utf8_encode(text, c) });
        }
}

/* All tokens of a level whose letters' ranks sum to `sum`; the first `at` letters are chosen. */
static void add_level(struct maker *m, const struct level *v, char *word, int at, int sum)
{
    int others = (v->n_digit - at - 1) * (N_LETTER - 1);
    size_t prefix = strlen(v->prefix), left = prefix + (size_t)v->left;
    if (at == v->n_digit) {
        if (m->next < m->end)
            add_merge(m, (struct str){ word, left }, (struct str){ word + left, prefix + (size_t)at - left });
        return;
    }
    for (int d = MAX(0, sum - others); d <= MIN(N_LETTER - 1, sum) && m->next < m->end; d++) {
        word[prefix + (size_t)at] = letters[d];
        add_level(m, v, word, at + 1, sum - d);
    }
}

static void add_levels(struct maker *m)
{
    for (size_t i = 0; i < ARRAY_LEN(runs) && m->next < m->end; i++)
        add_merge(m, str_from(runs[i][0]), str_from(runs[i][1]));
    for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
        const struct level *v = &levels[i];
        char word[sizeof SPACE + MAX_DIGIT];
        memcpy(word, v->prefix, strlen(v->prefix));
        for (int sum = 0; sum <= v->n_digit * (N_LETTER - 1); sum++)
            add_level(m, v, word, 0, sum);
    }
}

static void write_added(struct buf *out, int n_vocab)
{
    for (int k = 0; k < SYNTH_TOKENIZER_N_ADDED; k++)
        buf_printf(out,
                   "%s    {\"id\": %d, \"content\": \"%s\", \"single_word\": false, \"lstrip\": false, "
                   "\"rstrip\": false, \"normalized\": false, \"special\": %s}",
                   k ? ",\n" : "", (int)synth_tokenizer_id((enum synth_tokenizer_added)k, n_vocab), added[k],
                   k <= SYNTH_TOKENIZER_IM_END ? "true" : "false");
}

int synth_tokenizer_json(struct buf *out, int n_vocab, struct err *e)
{
    struct maker m = { .end = n_vocab - SYNTH_TOKENIZER_N_ADDED };
    if (m.end < N_BYTE)
        return err_set(e, ERR_UNSUPPORTED, "vocab_size: found %d, a made tokenizer has at least %d tokens", n_vocab,
                       N_BYTE + SYNTH_TOKENIZER_N_ADDED);
    add_bytes(&m);
    add_levels(&m);
    int rc = m.next == m.end
                 ? 0
                 : err_set(e, ERR_UNSUPPORTED, "vocab_size: found %d, a made tokenizer has at most %d tokens", n_vocab,
                           m.next + SYNTH_TOKENIZER_N_ADDED);
    if (!rc) {
        buf_z(out,
              "{\n  \"version\": \"1.0\",\n  \"truncation\": null,\n  \"padding\": null,\n  \"added_tokens\": [\n");
        write_added(out, n_vocab);
        buf_z(out, "\n  ],\n  \"normalizer\": {\"type\": \"NFC\"},\n"
                   "  \"pre_tokenizer\": {\"type\": \"Sequence\", \"pretokenizers\": [\n"
                   "    {\"type\": \"Split\", \"pattern\": {\"Regex\": \"(?i:'s|'t|'re|'ve|'m|'ll|'d)|"
                   "[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?\\\\p{L}+|\\\\p{N}| ?[^\\\\s\\\\p{L}\\\\p{N}]+[\\\\r\\\\n]*|"
                   "\\\\s*[\\\\r\\\\n]+|\\\\s+(?!\\\\S)|\\\\s+\"}, \"behavior\": \"Isolated\", \"invert\": false},\n"
                   "    {\"type\": \"ByteLevel\", \"add_prefix_space\": false, \"trim_offsets\": false, "
                   "\"use_regex\": false}\n  ]},\n"
                   "  \"post_processor\": {\"type\": \"ByteLevel\", \"add_prefix_space\": false, "
                   "\"trim_offsets\": false, \"use_regex\": false},\n"
                   "  \"decoder\": {\"type\": \"ByteLevel\", \"add_prefix_space\": false, \"trim_offsets\": false, "
                   "\"use_regex\": false},\n"
                   "  \"model\": {\"type\": \"BPE\", \"dropout\": null, \"unk_token\": null, "
                   "\"continuing_subword_prefix\": \"\", \"end_of_word_suffix\": \"\", \"fuse_unk\": false, "
                   "\"byte_fallback\": false, \"ignore_merges\": false,\n    \"vocab\": {");
        buf_str(out, buf_view(&m.vocab));
        buf_z(out, "},\n    \"merges\": [");
        buf_str(out, buf_view(&m.merges));
        buf_z(out, "]}\n}\n");
        rc = buf_check(out, "tokenizer.json", e);
    }
    buf_deinit(&m.vocab);
    buf_deinit(&m.merges);
    return rc;
}

void synth_tokenizer_config(struct buf *out, int max_position)
{
    buf_printf(out,
               "{\n"
               "  \"add_prefix_space\": false,\n"
               "  \"bos_token\": null,\n"
               "  \"clean_up_tokenization_spaces\": false,\n"
               "  \"eos_token\": \"%s\",\n"
               "  \"errors\": \"replace\",\n"
               "  \"model_max_length\": %d,\n"
               "  \"pad_token\": \"%s\",\n"
               "  \"split_special_tokens\": false,\n"
               "  \"tokenizer_class\": \"Qwen2Tokenizer\",\n"
               "  \"unk_token\": null\n"
               "}\n",
               added[SYNTH_TOKENIZER_IM_END], max_position, added[SYNTH_TOKENIZER_ENDOFTEXT]);
}
