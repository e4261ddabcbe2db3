#!/bin/sh
# test_launch.sh - octet launch: what it prints, and what it says where it cannot start.
# SPDX-License-Identifier: MIT
. tests/cli/lib.sh

run 0 launch claude --model m --context 1000 --print
out_has "^export ANTHROPIC_BASE_URL=http://127.0.0.1:8082$"
out_has "^export CLAUDE_CODE_MAX_CONTEXT_TOKENS=1000$"
out_has "^claude$"
run 0 launch claude --model m --context 1000 --print -- -p "don't"
out_has "^claude -p 'don'\\\\''t'$"
ok "what would be set is printed, what would be started too"

run 2 launch
err_has '^octet launch: expected an agent: claude, codex, opencode, qwen or anyclaude$'
run 2 launch vim --model m --context 1000
err_has '^octet launch: agent: expected claude, codex, opencode, qwen or anyclaude, found "vim"$'
run 2 launch claude --url ftp://x
err_has '^octet launch: URL: expected http://HOST\[:PORT\], found "ftp://x"$'
ok "what is wrong is named"

run 2 launch claude --url http://127.0.0.1:1
err_has '^octet launch: is octet serve running\?: no connection to http://127.0.0.1:1'
ok "no server"

# The agent gets the environment and the arguments behind --.
printf '#!/bin/sh\necho "$OPENAI_BASE_URL $OPENAI_MODEL $*"\n' >"$tmp/qwen"
chmod +x "$tmp/qwen"
PATH=$tmp:$PATH
run 0 launch qwen --url http://[::1]:9/ --model 'a b' --context 9000 -- -p 'hi there'
out_has '^http://\[::1\]:9/v1 a b --auth-type openai -p hi there$'
ok "the agent is started with environment and arguments"

# Addresses of agents end in /v1.
run 0 launch qwen --url http://127.0.0.1:9/v1/ --model m --context 9000
out_has '^http://127.0.0.1:9/v1 m '
ok "an address with /v1 is the same address"

# The server's own file of keys.
printf '# keys\n\n  sk-first \nsk-second\n' >"$tmp/keys"
run 0 launch qwen --model m --context 9000 --api-key-file "$tmp/keys" --print
out_has '^export OPENAI_API_KEY=sk-first$'
printf '# none\n' >"$tmp/keys"
run 2 launch qwen --model m --context 9000 --api-key-file "$tmp/keys" --print
err_has 'found no key, expected one a line$'
ok "the first key of a file is taken"

# The file that is written for anyclaude holds the key.
octet=$(realpath "$OCTET")
printf '#!/bin/sh\n' >"$tmp/anyclaude"
chmod +x "$tmp/anyclaude"
private() {
	[ "$(stat -c %a "$tmp/.anyclauderc.json")" = 600 ] || complain "others can read .anyclauderc.json"
	grep -q sk-secret "$tmp/.anyclauderc.json" || complain "no key in .anyclauderc.json"
	rm -f "$tmp/.anyclauderc.json"
}
(umask 022 && cd "$tmp" && OCTET_API_KEY=sk-secret "$octet" launch anyclaude --model m --context 9000)
private
(umask 022 && cd "$tmp" && OCTET_API_KEY=sk-secret "$octet" launch anyclaude --model m --context 9000 --print | sh)
private
ok "a file with the key is for its owner alone, also where a shell writes it"

finish
