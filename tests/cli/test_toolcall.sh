#!/bin/sh
# test_toolcall.sh - octet toolcall: recorded outputs replayed.
# SPDX-License-Identifier: MIT
. tests/cli/lib.sh
tools='[{"type": "function", "function": {"name": "list_files", "parameters": {"type": "object", "properties": {"path": {"type": "string"}}}}}]'
xml='<tool_call>\n<function=list_files>\n<parameter=path>\n.\n</parameter>\n</function>\n</tool_call>'

printf '{"tools": %s, "text": "Sure.\\n' "$tools" >"$tmp/one.json"
printf '%s' "$xml" >>"$tmp/one.json"
printf '"}' >>"$tmp/one.json"
run 0 toolcall "$tmp/one.json"
out_is '{"content": "Sure.\n", "reasoning": "", "calls": [{"name": "list_files", "arguments": "{\"path\": \".\"}"}], "finish": "tool_calls", "events": [{"type": "text", "text": "Sure.\n"}, {"type": "begin", "name": "list_files", "index": 0}, {"type": "arguments", "text": "{\"path\": \".\"}", "index": 0}, {"type": "end", "complete": true, "index": 0}]}'
err_is_empty
cp "$tmp/out" "$tmp/first"
stdin=$tmp/one.json
run 0 toolcall
cmp -s "$tmp/out" "$tmp/first" || complain "standard input and a file differ"
stdin=/dev/null
ok "one output, from a file and from standard input"

cat >"$tmp/lines" <<END
{"tools": $tools, "chunks": ["Hm", "m <tool", "_call>\n<function=list_files>\n<parameter=path>", "\nsrc/", "a\n</param"], "truncated": true}

{"text": "plain", "prompt_opens_think": true}
{"format": "hermes-json", "tools": $tools, "text": "<tool_call>{\"name\": \"list_files\"}</tool_call>"}
{"format": "qwen3_coder", "text": "<think>\na\n</think>\n\nb"}
END
stdin=$tmp/lines
run 0 toolcall --lines
out_is '{"content": "Hmm ", "reasoning": "", "calls": [], "unfinished": {"name": "list_files", "arguments": "{\"path\": \"src/a"}, "finish": "length", "events": [{"type": "text", "text": "Hm"}, {"type": "text", "text": "m "}, {"type": "begin", "name": "list_files", "index": 0}, {"type": "arguments", "text": "{\"path\": \"src/", "index": 0}, {"type": "arguments", "text": "a", "index": 0}, {"type": "end", "complete": false, "index": 0}]}
{"content": "", "reasoning": "plain", "calls": [], "finish": "stop", "events": [{"type": "reasoning", "text": "plain"}]}
{"content": "", "reasoning": "", "calls": [{"name": "list_files", "arguments": "{}"}], "finish": "tool_calls", "events": [{"type": "begin", "name": "list_files", "index": 0}, {"type": "arguments", "text": "{}", "index": 0}, {"type": "end", "complete": true, "index": 0}]}
{"content": "b", "reasoning": "a", "calls": [], "finish": "stop", "events": [{"type": "reasoning", "text": "a"}, {"type": "text", "text": "b"}]}'
ok "lines: chunks, a cut call, reasoning, formats"

for file in tests/data/toolcall/*.jsonl; do
	stdin=$file
	run 0 toolcall --lines
	[ "$(wc -l <"$tmp/out")" = "$(wc -l <"$file")" ] || complain "$file: not one line for each"
	# What each line should be stands in it, up to the events.
	sed 's/^.*"want": {/{/; s/}$//; s/}$//' "$file" >"$tmp/want"
	sed 's/, "events": \[.*$//' "$tmp/out" >"$tmp/got"
	cmp -s "$tmp/want" "$tmp/got" || {
		complain "$file differs:"
		diff "$tmp/want" "$tmp/got" | head -n 4 | cut -c 1-300
	}
done
ok "the recorded cases are what the program says of them"

check() {
	printf '%s\n' "$1" >"$tmp/lines"
	stdin=$tmp/lines
	run 2 toolcall --lines
	err_has "$2"
}
check '{"text": 5}' '^octet toolcall: line 1: .*text: expected a string, found 5$'
check '{}' 'text: expected a string, found nothing'
check '[]' 'expected an object'
check '{"text": "a", "format": "no-such"}' 'format: expected "qwen3-coder-xml" or "hermes-json", found "no-such"'
check '{"chunks": ["a", 5]}' 'expected a string, found 5'
check '{"text": "a", "tools": [{"type": "function"}]}' 'tools\[0\].*expected a tool with a name'
check '{"text": "a", "truncated": 1}' 'truncated: expected'
check '{"text": ' 'line 1'
stdin=/dev/null
run 2 toolcall --lines x
err_has 'expected at most one FILE'
run 2 toolcall "$tmp/nothing.json"
err_has 'nothing\.json'
ok "what is no recorded output"

finish
