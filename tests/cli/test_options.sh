#!/bin/sh
# test_options.sh - help, version, exit codes and messages of everything that is wrong before a model is opened.
# SPDX-License-Identifier: MIT
. tests/cli/lib.sh

run 0 --version
out_has '^octet [0-9]+\.[0-9]+\.[0-9]+$'
err_is_empty
ok "version"

run 2
err_has '^Usage: octet COMMAND'
ok "no command shows the usage and is an error"

run 0 help
for c in run inspect tokenize template eval synth launch; do
	out_has "^  $c "
done
out_has '^  130  interrupted'
err_is_empty
ok "help lists commands and exit codes"

for c in run inspect tokenize template eval synth launch; do
	run 0 help $c
	out_has "^Usage: octet $c"
	out_has '^  -h, --help'
	err_is_empty
	cp "$tmp/out" "$tmp/help"
	run 0 $c --help
	cmp -s "$tmp/help" "$tmp/out" || complain "help $c and $c --help differ"
done
ok "every command has help"

run 2 help frobnicate
err_has 'unknown command "frobnicate"'
run 2 inspcet
err_has '^octet: unknown command "inspcet"; did you mean "inspect"\?$'
ok "unknown commands"

run 2 run --temprature 1 -p hi
err_has '^octet run: unknown option --temprature; did you mean --temperature\?$'
run 2 eval --jsn models/octet-mini
err_has '^octet eval: unknown option --jsn; did you mean --json\?$'
run 2 inspect -Z models/octet-mini
err_has '^octet inspect: unknown option -Z; see octet help inspect$'
ok "unknown options name the nearest one"

run 2 run -p hi --temperature hot
err_has '^octet run: --temperature: found "hot", expected a number from 0 to 100$'
run 2 run -p hi --max-tokens 0
err_has '^octet run: --max-tokens: found "0", expected an integer from 1 to [0-9]+$'
run 2 run -p hi --top-p=1.5
err_has '^octet run: --top-p: found "1.5", expected a number from 0 to 1$'
run 2 run -p hi --precision f16
err_has '^octet run: --precision: found "f16", expected one of int8\|f32$'
run 2 run -p
err_has '^octet run: -p \(--prompt\) needs a value: TEXT$'
run 2 run -p hi --isa sse9
err_has '^octet run: --isa: .*sse9'
run 2 run -p hi --log-level loud
err_has '^octet run: --log-level: found "loud", expected one of error\|warn\|info\|debug$'
ok "wrong values name option, finding and range"

run 2 eval models/octet-mini
err_has '^octet eval: expected one of --text, --golden and --answers, found none$'
run 2 eval models/octet-mini --text a --answers b
err_has '^octet eval: expected one of --text, --golden and --answers, found several$'
run 2 eval models/octet-mini --text a --context 3
err_has '^octet eval: unknown option --context'
run 2 eval --text a
err_has '^octet eval: expected one MODEL, found 0 arguments'
run 2 inspect
err_has '^octet inspect: expected one MODEL, found 0 arguments'
ok "missing arguments"

run 2 run -p hi README.md extra.txt models/octet-mini
err_has '^octet run: extra.txt: a prompt comes from --prompt or from files, not from both$'
run 2 run nothing-of-this-name
err_has '^octet run: nothing-of-this-name: no such file or directory'
run 2 run --raw --system x -p hi
err_has '^octet run: --raw leaves the template out, so that --system has no place$'
ok "contradictions"

if [ -c /dev/full ]; then
	"$OCTET" help >/dev/full 2>"$tmp/err"
	code=$?
	[ $code = 1 ] || complain "exit code $code, expected 1"
	err_has 'cannot write to standard output'
	ok "output that cannot be written is a failure"
fi

finish
