#!/bin/sh
# test_eval.sh - octet eval with the demonstration model: stored logits, answers, perplexity; and files that are not what they should be.
# SPDX-License-Identifier: MIT
. tests/cli/lib.sh
mini=models/octet-mini
golden=tests/data/golden

short=
for i in 0 1 2 3; do
	short="$short $golden/logits-$i?.safetensors"
done
short=$(echo $short $golden/logits-4[0-3].safetensors | sed 's/[^ ]*safetensors/--golden &/g')

# bounds PRECISION MEAN_KL TOP1 MAX_ABS: over all golden sequences of at most 1,000 tokens; nll over those of at most 100.
bounds() {
	run 0 eval $mini --json --precision "$1" $short
	field_is files 44
	at_most mean_kl "$2"
	at_least top1 "$3"
	at_most max_abs "$4"
	at_least max_kl "$(field median_kl)"
	field_is nll_positions 963
	at_least nll 0.43836
	at_most nll 0.44010
	ok "stored logits, $1"
}
# The largest difference of 2.5 million logits, nearly all of them of tokens that never come: 4e-5 on the exact path; with
# activations in 8 bits 1.2 to 1.5, of logits between -22 and 34.
bounds f32 1e-5 0.999 1e-3
bounds int8 2e-4 0.995 2.5

for type in bf16 q8; do
	for precision in f32 int8; do
		run 0 eval $mini --json --precision $precision --kv-type $type --golden $golden/logits-05.safetensors \
			--golden $golden/logits-20.safetensors --golden $golden/logits-42.safetensors
		at_most mean_kl "$([ $precision = f32 ] && echo 1e-5 || echo 2e-4)"
		at_least top1 0.995
	done
done
ok "keys and values in bf16 and q8 keep the bounds"

run 0 eval $mini --golden $golden/logits-00.safetensors
out_has '^positions  29$'
out_has '^mean KL +[0-9.e+-]+ nats$'
out_has '^top-1 +1.000000$'
run 0 eval $mini --json --nll-limit 0 --golden $golden/logits-00.safetensors
field_is nll null
ok "results for people, and without a negative log-likelihood"

run 0 eval $mini --json --answers tests/data/eval_prompts.json --category fixed --limit-prompt 200
field_is right 5
field_is total 5
out_has '"categories": \{"fixed": \[5, 5\]\}'
cat >"$tmp/answers.json" <<'END'
[{"category": "right", "extra": 1, "want": "2 + 2 = 4.",
  "prompt": "<|im_start|>user\nWhat is 2+2? Answer in one short sentence.<|im_end|>\n<|im_start|>assistant\n"},
 {"category": "wrong", "want": "2 + 2 = 5.",
  "prompt": "<|im_start|>user\nWhat is 2+2? Answer in one short sentence.<|im_end|>\n<|im_start|>assistant\n"}]
END
run 0 eval $mini --json --answers "$tmp/answers.json"
field_is right 1
field_is total 2
out_has '"categories": \{"right": \[1, 1\], "wrong": \[0, 1\]\}'
run 0 eval $mini --answers "$tmp/answers.json"
out_has '^  wanted "2 \+ 2 = 5\."$'
out_has '^  found  "2 \+ 2 = 4\."$'
out_has '^all +1 of +2, 0 left out$'
ok "answers are counted by category, and wrong ones shown"

cat README.md CONTRIBUTING.md ARCHITECTURE.md 2>/dev/null | head -c 3000 >"$tmp/text"
[ -s "$tmp/text" ] || seq 1 800 >"$tmp/text"
run 0 eval $mini --json --text "$tmp/text" --window 64
at_least windows 2
at_least nll 0.1
at_most nll 20
at_least perplexity_error 0.000001
whole=$(field nll)
run 0 eval $mini --json --text "$tmp/text" --window 64 --chunk 5 --threads 1
[ "$(field nll)" = "$whole" ] || complain "another chunk gave another likelihood"
run 0 eval $mini --json --text "$tmp/text" --window 1000000
field_is windows 1
field_is perplexity_error null
field_is unused_tokens 0
run 0 eval $mini --text "$tmp/text"
out_has '^perplexity  [0-9.]+ \+- [0-9.]+$'
ok "perplexity of a text"

run 2 eval $mini --golden "$tmp/none.safetensors"
err_has '^octet eval: .*none.safetensors'
run 2 eval $mini --golden $mini/model.safetensors
err_has 'a golden file needs a tensor "tokens" of type I32 with 1 dimension, found none$'
run 2 eval $mini --golden tests/data/quant/plain-f32/golden.safetensors
err_has '^octet eval: .*golden.safetensors: .*6144'
echo 'no tensors' >"$tmp/bad.safetensors"
run 2 eval $mini --golden "$tmp/bad.safetensors"
err_has 'bad.safetensors'
echo '{}' >"$tmp/bad.json"
run 2 eval $mini --answers "$tmp/bad.json"
err_has 'bad.json: expected an array of \{category, prompt, want\}, found an object$'
echo '[{"category": "x", "prompt": "y"}]' >"$tmp/bad.json"
run 2 eval $mini --answers "$tmp/bad.json"
err_has 'bad.json.*want'
run 2 eval $mini --answers tests/data/eval_prompts.json --category nonsense
err_has 'of 464 prompts none is left to ask$'
: >"$tmp/empty"
run 2 eval $mini --text "$tmp/empty"
err_has 'has 0 tokens, at least 2 are needed$'
ok "files that are not what they should be"

finish
