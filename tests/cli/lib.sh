# lib.sh - for the shell tests: runs the program, compares, counts. Source it from the repository root.
# SPDX-License-Identifier: MIT
#
#   run CODE ARGUMENT...     runs octet (standard input: the file $stdin, otherwise nothing); anything but CODE fails
#   out_is TEXT              standard output is exactly TEXT and a newline
#   out_has, err_has REGEX   a line of it matches
#   field NAME               the first value of that name in the JSON on standard output
#   ok NAME                  the checks since the last ok make one test
#   skip NAME REASON         a test that cannot be made here
#
# OCTET names the program. The last line is "N passed, N failed[, N skipped]"; the exit status is 1 if anything failed.
OCTET=${OCTET:-build/release/octet}
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
passed=0
failed=0
skipped=0
bad=
stdin=/dev/null

complain() {
	bad=1
	echo "  $1"
}

run() {
	wanted_status=$1
	shift
	"$OCTET" "$@" <"$stdin" >"$tmp/out" 2>"$tmp/err"
	status=$?
	[ "$status" = "$wanted_status" ] || {
		complain "octet $*: exit code $status, expected $wanted_status"
		sed 's/^/    /' "$tmp/err"
	}
}

out_is() {
	printf '%s\n' "$1" >"$tmp/want"
	cmp -s "$tmp/want" "$tmp/out" || {
		complain "standard output differs:"
		diff "$tmp/want" "$tmp/out" | sed 's/^/    /'
	}
}

out_has() {
	grep -Eq -e "$1" "$tmp/out" || complain "standard output lacks: $1"
}

err_has() {
	grep -Eq -e "$1" "$tmp/err" || {
		complain "standard error lacks: $1; it is"
		sed 's/^/    /' "$tmp/err"
	}
}

err_is_empty() {
	[ ! -s "$tmp/err" ] || complain "standard error is not empty: $(cat "$tmp/err")"
}

# field NAME: the number, string or null that standard output, one line of JSON, has first under that name.
field() {
	awk -v key="\"$1\": " '
		at = index($0, key) {
			rest = substr($0, at + length(key))
			if (match(rest, /^("([^"\\]|\\.)*"|[-+.0-9a-z]+)/))
				print substr(rest, 1, RLENGTH)
		}' "$tmp/out"
}

field_is() {
	[ "$(field "$1")" = "$2" ] || complain "$1 is $(field "$1"), expected $2"
}

# at_most NAME LIMIT, at_least NAME LIMIT: for numbers, e-notation included.
at_most() {
	awk -v x="$(field "$1")" -v y="$2" 'BEGIN { exit !(x != "" && x + 0 <= y + 0) }' || complain "$1 is $(field "$1"), expected at most $2"
}
at_least() {
	awk -v x="$(field "$1")" -v y="$2" 'BEGIN { exit !(x != "" && x + 0 >= y + 0) }' || complain "$1 is $(field "$1"), expected at least $2"
}

ok() {
	if [ -z "$bad" ]; then
		passed=$((passed + 1))
		echo "ok   $1"
	else
		failed=$((failed + 1))
		echo "FAIL $1"
	fi
	bad=
}

skip() {
	skipped=$((skipped + 1))
	bad=
	echo "skip $1: $2"
}

finish() {
	if [ "$skipped" = 0 ]; then
		echo "$passed passed, $failed failed"
	else
		echo "$passed passed, $failed failed, $skipped skipped"
	fi
	[ "$failed" = 0 ]
	exit
}
