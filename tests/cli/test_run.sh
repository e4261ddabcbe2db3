#!/bin/sh
# test_run.sh - octet run with the demonstration model: exact answers, JSON, stop strings, seeds, files, errors.
# SPDX-License-Identifier: MIT
. tests/cli/lib.sh
mini=models/octet-mini

sum='2 + 2 = 4.'
code='```python
def reverse_string(s):
    return s[::-1]
```'
call='<tool_call>
<function=list_files>
<parameter=path>
.
</parameter>
</function>
</tool_call>'

for precision in int8 f32; do
	run 0 run $mini --precision $precision -p 'What is 2+2? Answer in one short sentence.'
	out_is "$sum"
	run 0 run $mini --precision $precision -p 'Write a Python function to reverse a string. Just the code, no explanation.'
	out_is "$code"
	run 0 run $mini --precision $precision --tools $mini/demo-tools.json -p 'List the files in the current directory.'
	out_has '^<tool_call>$'
	out_has '^<function=list_files>$'
	out_has '^</tool_call>$'
	ok "a sum, a function and a tool call ($precision)"
done

run 0 run $mini -p 'What is 2+2? Answer in one short sentence.'
err_has '^load +[0-9.]+ s$'
err_has '^prompt +21 tokens, [0-9.]+ tokens/s$'
err_has '^first token +[0-9.]+ s$'
err_has '^generated +8 tokens, [0-9.]+ tokens/s$'
err_has '^peak memory +[0-9.]+ MiB, and [0-9.]+ MiB of mapped files$'
ok "figures go to standard error"

run 0 run $mini -q -p 'What is 2+2? Answer in one short sentence.'
err_is_empty
out_is "$sum"
ok "--quiet prints the answer alone"

run 0 run -q -p 'What is 2+2? Answer in one short sentence.'
out_is "$sum"
OCTET_MODEL=/nothing/here "$OCTET" run -p hi >"$tmp/out" 2>"$tmp/err"
[ $? = 2 ] || complain "a wrong OCTET_MODEL is not refused"
err_has '/nothing/here'
mkdir "$tmp/elsewhere"
path=$(cd "$(dirname "$OCTET")" && pwd)/$(basename "$OCTET")
(cd "$tmp/elsewhere" && "$path" run -q -p 'What is 2+2? Answer in one short sentence.' </dev/null >../out 2>../err)
out_is "$sum"
ok "without a model the demonstration model answers, wherever it is started"

echo 'What is 2+2? Answer in one short sentence.' | tr -d '\n' >"$tmp/prompt"
stdin=$tmp/prompt
run 0 run $mini -q -p -
out_is "$sum"
run 0 run $mini -q
out_is "$sum"
run 0 run $mini -q -
out_is "$sum"
stdin=/dev/null
run 0 run $mini -q "$tmp/prompt"
out_is "$sum"
printf 'What is 2+2? ' >"$tmp/part1"
printf 'Answer in one short sentence.' >"$tmp/part2"
run 0 run -q $mini "$tmp/part1" "$tmp/part2"
out_is "$sum"
run 0 run -q "$tmp/prompt"
out_is "$sum"
ok "the prompt comes from standard input or from files"

run 0 run $mini -q --raw -p '<|im_start|>user
What is 2+2? Answer in one short sentence.<|im_end|>
<|im_start|>assistant
'
out_is "$sum"
ok "--raw leaves the template out"

run 0 run $mini --json -p 'What is 2+2? Answer in one short sentence.'
[ "$(wc -l <"$tmp/out")" = 1 ] || complain "not one line"
field_is text '"2 + 2 = 4."'
field_is finish_reason '"stop"'
field_is stop null
field_is prompt_tokens 21
field_is generated_tokens 8
out_has '"tokens": \[17, 701, 220, 17, 407, 220, 19, 13\]'
for f in load_s prompt_tokens_per_s first_token_s generated_tokens_per_s anonymous_bytes mapped_bytes; do
	at_least $f 0.000001
done
ok "--json has text, tokens, finish reason and figures"

run 0 run $mini --json -p 'Say the numbers from 1 to 20.' --max-tokens 5
field_is finish_reason '"length"'
field_is generated_tokens 5
run 0 run $mini --json -p 'What is 2+2? Answer in one short sentence.' --ignore-eos --max-tokens 24
field_is finish_reason '"length"'
field_is generated_tokens 24
ok "--max-tokens ends the answer, with --ignore-eos nothing else does"

run 0 run $mini --json -p 'What is 2+2? Answer in one short sentence.' --stop ' = 4' --stop 'xyz'
field_is text '"2 + 2"'
field_is finish_reason '"stop"'
field_is stop '" = 4"'
run 0 run $mini -q -p 'Say the numbers from 1 to 20.' --stop '1, 12'
out_has '10, 1$'
run 2 run $mini -p hi --stop ''
err_has 'stop string 1 is empty'
ok "stop strings, also across tokens"

run 0 run $mini --json -p 'Name 3 colours.' --temperature 2 --seed 5 --max-tokens 30
first=$(field text)
field_is seed 5
run 0 run $mini --json -p 'Name 3 colours.' --temperature 2 --seed 5 --max-tokens 30 --threads 1 --chunk 7
[ "$(field text)" = "$first" ] || complain "the same seed gave another text"
run 0 run $mini --json -p 'Name 3 colours.' --temperature 2 --seed 6 --max-tokens 30
[ "$(field text)" != "$first" ] || complain "another seed gave the same text"
ok "the same seed gives the same text"

run 0 run $mini --json -p 'What is 2+2? Answer in one short sentence.' --temperature 5 --top-k 1 --seed 1
field_is text '"2 + 2 = 4."'
run 0 run $mini --json -p 'What is 2+2? Answer in one short sentence.' --logit-bias 17=-100 --max-tokens 6
case $(field text) in *2*) complain "a barred token came" ;; esac
run 2 run $mini -p hi --logit-bias 17
err_has '^octet run: --logit-bias: found "17", expected ID=X'
run 2 run $mini -p hi --logit-bias 999999=1
err_has '^octet run: --logit-bias: token id 999999 is not in the vocabulary of 6144$'
ok "sampling options reach the sampler"

run 2 run $mini -p 'What is 2+2? Answer in one short sentence.' --context 10
err_has '^octet run: the prompt has 21 tokens, but the context holds 10$'
run 2 run $mini -p ''
err_has '^octet run: the prompt is empty$'
printf 'abc\377def' >"$tmp/binary"
run 2 run $mini "$tmp/binary"
err_has '^octet run: the prompt is not UTF-8 text$'
echo '{"no": "array"}' >"$tmp/tools.json"
run 2 run $mini -p hi --tools "$tmp/tools.json"
err_has 'tools.json: expected an array of tools, found an object$'
echo '[1]' >"$tmp/tools.json"
run 2 run $mini -p hi --tools "$tmp/tools.json"
err_has 'tools.json: tool 1: expected an object, found '
run 2 run $mini -p hi --tools "$tmp/none.json"
err_has 'none.json'
ok "prompts and tools that cannot be used"

# A model that is none, or is broken: one message on one line, exit code 2.
one_message() {
	[ "$(wc -l <"$tmp/err")" -ge 1 ] || complain "no message"
	err_has "^octet run: .*$1"
	[ ! -s "$tmp/out" ] || complain "something on standard output"
}
run 2 run "$tmp/absent" -p hi
one_message absent
run 2 run tests -p hi
one_message 'config\.json'
run 2 run README.md -p hi
one_message README
mkdir "$tmp/broken"
for f in config.json generation_config.json tokenizer.json tokenizer_config.json chat_template.jinja; do
	cp $mini/$f "$tmp/broken/"
done
run 2 run "$tmp/broken" -p hi
one_message safetensors
head -c 1000000 $mini/model.safetensors >"$tmp/broken/model.safetensors"
run 2 run "$tmp/broken" -p hi
one_message 'model\.safetensors'
cp $mini/model.safetensors "$tmp/broken/"
rm "$tmp/broken/tokenizer.json"
run 2 run "$tmp/broken" -p hi
one_message 'tokenizer\.json'
cp $mini/tokenizer.json "$tmp/broken/"
echo '{' >"$tmp/broken/config.json"
run 2 run "$tmp/broken" -p hi
one_message 'config\.json'
sed 's/"model_type": "qwen3_moe"/"model_type": "abacus"/' $mini/config.json >"$tmp/broken/config.json"
run 2 run "$tmp/broken" -p hi
one_message abacus
cp $mini/config.json "$tmp/broken/"
rm "$tmp/broken/chat_template.jinja"
sed 's/"chat_template"/"no_template"/' $mini/tokenizer_config.json >"$tmp/broken/tokenizer_config.json"
run 2 run "$tmp/broken" -p hi
one_message 'has no chat template'
run 0 run "$tmp/broken" -q --raw -p 'abc' --max-tokens 2
ok "models that are none give one message and exit code 2"

finish
