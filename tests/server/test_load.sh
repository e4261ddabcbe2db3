#!/bin/sh
# test_load.sh - many streams at once and many requests one after another, over HTTP with the demonstration model: every answer is the one that its
# prompt gets alone, and memory does not grow. With OCTET_TEST_FULL=1 (make test-load) in full length.
# SPDX-License-Identifier: MIT
. tests/cli/lib.sh
mini=models/octet-mini
server=

stop_server() {
	[ -z "$server" ] && return 0
	kill "$server" 2>/dev/null
	wait "$server"
	server_status=$?
	server=
}
trap 'stop_server; rm -rf "$tmp"' EXIT

# Starts the server with the options given; url is where it is, from its ready line.
start_server() {
	stop_server
	: >"$tmp/ready"
	"$OCTET" serve $mini --port 0 --host 127.0.0.1 "$@" >"$tmp/ready" 2>"$tmp/log" </dev/null &
	server=$!
	url=
	for _ in $(seq 300); do
		url=$(grep -o 'http://[0-9.]*:[0-9]*' "$tmp/ready" | head -n 1)
		[ -n "$url" ] && return
		kill -0 $server 2>/dev/null || break
		sleep 0.1
	done
	complain "the server does not get ready: $(cat "$tmp/log")"
}

# number NAME: the number under that name in the last report.
number() {
	grep -o "\"$1\": [0-9.]*" "$tmp/out" | head -n 1 | sed 's/.*: //'
}

# small A B LIMIT NAME: B is at most LIMIT more than A.
grows_little() {
	[ $(($2 - $1)) -le "$3" ] || complain "$4 grew from $1 to $2"
}

streams=256 tokens=32 distinct=16 n_warm=60 n_after=150
[ -n "$OCTET_TEST_FULL" ] && tokens=200 distinct=256 n_warm=200 n_after=1000

start_server --parallel $streams --kv-memory 2G
run 0 bench serve "$url" --requests $streams --streams $streams --distinct $distinct --max-tokens $tokens --shared 60 \
	--check --json --pid $server
[ "$(number answered)" = $streams ] || complain "$(number answered) of $streams were answered: $(cat "$tmp/out")"
[ "$(number differ)" = 0 ] || complain "$(number differ) answers are not those that their prompts get alone"
echo "  $streams streams at once: $(number tokens_per_second) tokens/s, longest gap $(number longest_gap_ms) ms," \
	"$(number server_peak) bytes at most"
ok "$streams streams at once get the answers that they get alone"

# Their prompts return, so that what the prefix cache keeps does not grow; what is left is the server's own.
start_server --kv-memory 512M
run 0 bench serve "$url" --requests $n_warm --streams 1 --distinct 20 --max-tokens 8 --shared 60 --json --pid $server
run 0 bench serve "$url" --requests $n_after --streams 1 --distinct 20 --max-tokens 8 --shared 60 --json --pid $server
[ "$(number answered)" = $n_after ] || complain "$(number answered) of $n_after were answered: $(cat "$tmp/out")"
grows_little "$(number server_resident_before)" "$(number server_resident_after)" 4000000 "resident memory"
echo "  $n_after requests: $(number server_resident_before) bytes before, $(number server_resident_after) after"
ok "$n_after requests one after another need no more memory"

stop_server
[ "$server_status" = 0 ] || complain "after SIGTERM the exit code is $server_status: $(tail -n 5 "$tmp/log")"
ok "a server that was loaded ends as it should"

finish
