#!/bin/sh
# test_synth.sh - octet synth: what it writes, that the model runs, what it refuses.
# SPDX-License-Identifier: MIT
. tests/cli/lib.sh
shape=tests/data/quant/affine-4bit-g64/config.json

run 0 synth $shape "$tmp/a" --threads 1
err_has '0\.6 million parameters, .* in 1 file'
for f in config.json generation_config.json model.safetensors model.safetensors.index.json tokenizer.json \
	tokenizer_config.json chat_template.jinja; do
	[ -s "$tmp/a/$f" ] || complain "no $f"
done
[ "$(grep -c '"quantization\(_config\)\?": {' "$tmp/a/config.json")" = 2 ] || complain "config.json lacks a quantisation map"
ok "writes a checkpoint"

run 0 synth $shape "$tmp/b" --threads 2 --quiet
err_is_empty
diff -r "$tmp/a" "$tmp/b" >/dev/null || complain "two threads write other files than one"
run 0 synth $shape "$tmp/c" --seed 2 --quiet
! cmp -s "$tmp/a/model.safetensors" "$tmp/c/model.safetensors" || complain "another seed writes the same weights"
ok "same seed, same files"

run 0 inspect "$tmp/a" --json
field_is model_type '"qwen3_moe"'
ok "the checkpoint can be inspected"

run 0 run "$tmp/a" -p 'hello' --max-tokens 8 --ignore-eos --json
field_is generated_tokens 8
ok "the checkpoint answers"

run 2 synth $shape "$tmp/a"
err_has 'is not empty; --force'
run 0 synth $shape "$tmp/a" --force --quiet
ok "writes into a directory with files only when told so"

echo keep >"$tmp/note"
mkdir "$tmp/d"
cp "$tmp/note" "$tmp/d/"
touch "$tmp/d/model-00009-of-00009.safetensors"
run 0 synth $shape "$tmp/d" --force --quiet
[ ! -e "$tmp/d/model-00009-of-00009.safetensors" ] || complain "an old shard is still there"
cmp -s "$tmp/note" "$tmp/d/note" || complain "a file that is no part of a model was touched"
ok "--force removes the old weights and nothing else"

run 2 synth no-such-preset "$tmp/e"
err_has 'no-such-preset is neither a file nor a preset; presets: qwen3-coder-30b-a3b'
sed 's/"vocab_size": 384/"vocab_size": 100/; s/"eos_token_id": 383/"eos_token_id": 1/' $shape >"$tmp/small.json"
run 2 synth "$tmp/small.json" "$tmp/e"
err_has 'vocab_size: found 100'
sed 's/"moe_intermediate_size": 128/"moe_intermediate_size": 4194304/; s/"num_experts": 4/"num_experts": 10000/' $shape >"$tmp/large.json"
run 2 synth "$tmp/large.json" "$tmp/e"
err_has 'needs [0-9.]+ GB for [0-9.]+ billion parameters, and has'
run 2 synth $shape
err_has 'found 1 arguments'
[ ! -e "$tmp/e" ] || complain "a refused shape leaves a directory"
ok "refuses what it cannot make"

finish
