# lib.sh - for the tests with official SDKs: adds up what their scripts report. Source it from the repository root.
# SPDX-License-Identifier: MIT
#
#   need py|js               whether those SDKs are installed (tools/clients.sh); says why not
#   script COMMAND...        runs a script that ends with "N passed, N failed"
#   await FILE               waits until FILE has a line
#   finish                   the sum
clients=build/clients
tmp=$(mktemp -d) || exit 1
server=
trap 'stop_server; rm -rf "$tmp"' EXIT
passed=0
failed=0
skipped=0

stop_server() {
	[ -z "$server" ] || { kill "$server" 2>/dev/null; wait "$server" 2>/dev/null; }
	server=
}

need() {
	[ -f $clients/"$1".done ] && { [ "$1" = py ] || [ -x $clients/node/node ]; } && return
	skipped=$((skipped + 1))
	echo "skip $1: the SDKs are not installed; make test-clients-deps says why"
	return 1
}

script() {
	"$@" >"$tmp/log" 2>&1
	status=$?
	cat "$tmp/log"
	p=$(tail -n 1 "$tmp/log" | sed -n 's/^\([0-9]*\) passed, [0-9]* failed$/\1/p')
	f=$(tail -n 1 "$tmp/log" | sed -n 's/^[0-9]* passed, \([0-9]*\) failed$/\1/p')
	if [ -z "$p" ]; then
		echo "FAIL $*: ended with status $status and no sum"
		p=0 f=1
	fi
	passed=$((passed + p))
	failed=$((failed + f))
}

await() {
	tries=0
	until [ -s "$1" ]; do
		tries=$((tries + 1))
		[ $tries -le 600 ] || { echo "nothing in $1 after 60 s"; return 1; }
		sleep 0.1
	done
}

finish() {
	echo "$passed passed, $failed failed$([ $skipped = 0 ] || echo ", $skipped skipped")"
	[ $failed = 0 ]
	exit
}
