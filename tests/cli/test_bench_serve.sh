#!/bin/sh
# test_bench_serve.sh - octet bench serve against a small server whose answers, refusals and cut streams are known.
# SPDX-License-Identifier: MIT
. tests/cli/lib.sh

server=
stop_server() {
	[ -z "$server" ] || kill "$server" 2>/dev/null
	server=
}
trap 'stop_server; rm -rf "$tmp"' EXIT

# Starts the server with a behaviour; url is where it is.
start_server() {
	stop_server
	: >"$tmp/port"
	python3 tests/cli/fake_server.py "$1" >"$tmp/port" 2>"$tmp/server.err" &
	server=$!
	for _ in $(seq 100); do
		[ -s "$tmp/port" ] && break
		sleep 0.1
	done
	url=http://127.0.0.1:$(cat "$tmp/port")
}

field_is() {
	got=$(field "$1")
	[ "$got" = "$2" ] || complain "$1 is $got, expected $2"
}

if ! command -v python3 >/dev/null; then
	skip "octet bench serve" "needs python3"
else
	start_server good
	run 0 bench serve "$url" --api-key secret --requests 20 --streams 4 --json --check --pid $server
	field_is answered 20
	field_is failed 0
	field_is prompt_tokens 2000
	field_is cached_tokens 1500
	field_is answer_tokens 120
	field_is differ 0
	# Between five pieces there are four times.
	out_has '"between_tokens_ms": \{[^}]*"n": 80\}'
	out_has '"first_token_ms": \{[^}]*"n": 20\}'
	out_has '"server_cpu_us_per_token": [0-9.]+'
	ok "tokens, pieces and frames are counted"

	run 0 bench serve "$url/" --api-key secret --requests 12 --rate 200 --seed 3
	out_has '^answered +12 in .*; 0 failed$'
	out_has '^tokens +prompts 1200 \(75\.0 % cached\), answers 72: '
	ok "requests may arrive at random"

	printf '[{"prompt": "a"}, {"messages": [{"role": "user", "content": "b"}]}, "c"]' >"$tmp/prompts.json"
	run 0 bench serve "$url" --api-key secret --requests 6 --prompts "$tmp/prompts.json" --check
	out_has '^compared +6 answers with those of 3 conversations alone: 0 differ$'
	echo '[17]' >"$tmp/prompts.json"
	run 2 bench serve "$url" --api-key secret --prompts "$tmp/prompts.json"
	err_has 'expected a text, or an object with "messages" or "prompt"'
	ok "conversations come from a file"

	run 0 bench serve "$url" --api-key wrong --requests 3 --json
	field_is failed 3
	out_has '"first_error": "status 400: .*not what octet bench serve sends'
	ok "a refusal is a failed request, with what the server said"

	start_server plain
	run 0 bench serve "$url" --api-key secret --requests 5 --json
	field_is answered 5
	ok "a body may end with its connection"

	start_server busy
	run 0 bench serve "$url" --api-key secret --requests 10 --streams 1 --json
	field_is answered 5
	field_is failed 5
	out_has '"first_error": "status 429: '
	ok "requests that a full server turns away are counted"

	start_server cut
	run 0 bench serve "$url" --api-key secret --requests 4 --json
	field_is failed 4
	out_has '"first_error": "the connection ended before the answer did"'
	ok "a stream that is cut is no answer"

	start_server mixed
	run 2 bench serve "$url" --api-key secret --requests 8 --streams 8 --check
	err_has 'answers are not those that their prompts get alone'
	ok "an answer that differs from the one alone is found"

	start_server slow
	run 0 bench serve "$url" --api-key secret --requests 4 --slo-ttft 10000 --slo-itl 1 --json
	field_is good 0
	run 0 bench serve "$url" --api-key secret --requests 4 --slo-ttft 10000 --slo-itl 10000 --json
	field_is good 4
	ok "goodput counts those within the limits"

	stop_server
	run 2 bench serve "$url" --api-key secret
	err_has 'nothing answers at 127\.0\.0\.1 port '
	for wrong in ftp://127.0.0.1 http:// http://a:b http://a:99999 'http://[::1'; do
		run 2 bench serve "$wrong"
		err_has 'expected http://HOST'
	done
	ok "a wrong address is an error"
fi

finish
