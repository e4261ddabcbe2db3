#!/bin/sh
# test_answers.sh - the prompts with known answers, on both paths: the short ones, and with OCTET_TEST_FULL all of them.
# SPDX-License-Identifier: MIT
. tests/cli/lib.sh
mini=models/octet-mini
prompts=tests/data/eval_prompts.json

# In float32 arithmetic elsewhere the checkpoint answers 454 of all 464 exactly; 24 of these have long prompts.
for precision in int8 f32; do
	if [ -n "$OCTET_TEST_FULL" ]; then
		run 0 eval $mini --json --precision $precision --answers $prompts
		field_is total 464
		at_least right 452
	else
		run 0 eval $mini --json --precision $precision --answers $prompts --limit-prompt 3000
		field_is total 440
		at_least right 428
	fi
	cat "$tmp/out"
	ok "prompts with known answers, $precision"
done
finish
