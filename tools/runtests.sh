#!/bin/sh
# runtests.sh - runs test programs and shell tests, shows those that fail in full, and ends with "N passed, N failed" (", N skipped").
#
#   runtests.sh [-t SECONDS] PROGRAM...
#
# A cmocka program counts its tests; one that crashes, exceeds its time or ends without a summary counts one failure more. A shell test counts
# as one; exit code 77 means that it was skipped, and its last line says why. $RUN runs a program (an emulator).
# SPDX-License-Identifier: MIT
limit=600
if [ "$1" = -t ]; then limit=$2; shift 2; fi
out=$(mktemp)
trap 'rm -f "$out"' EXIT
passed=0 failed=0 skipped=0

count() { # the number of lines that hold the pattern
    grep -c "$1" "$out"
}

for program; do
    start=$(date +%s)
    CMOCKA_MESSAGE_OUTPUT=STDOUT timeout "$limit" $RUN "$program" >"$out" 2>&1 </dev/null
    rc=$?
    p=0 f=0 s=0
    case $program in
    *.sh)
        case $rc in 0) p=1 ;; 77) s=1 ;; *) f=1 ;; esac
        ;;
    *)
        p=$(count '^\[       OK \]') f=$(count '^\[  FAILED  \] [a-z0-9_]*$') s=$(count '^\[  SKIPPED \] [a-z0-9_]*$')
        # cmocka prints a failed or skipped test once where it happens and once in its summary.
        bad=$(sed -n 's/^\[  FAILED  \] \([a-z0-9_]*\)$/\1/p' "$out" | sort -u | wc -l) f=$((bad))
        s=$(sed -n 's/^\[  SKIPPED \] \([a-z0-9_]*\)$/\1/p' "$out" | sort -u | wc -l)
        [ $rc -eq 0 ] || [ "$f" -gt 0 ] || f=1
        [ $((p + f + s)) -gt 0 ] || f=1
        ;;
    esac
    took=$(($(date +%s) - start))
    note=
    [ $rc -ne 124 ] || note=" (stopped after $limit s)"
    echo "$program: $p passed, $f failed, $s skipped, $took s$note"
    if [ "$f" -gt 0 ]; then
        sed 's/^/    /' "$out"
    elif [ "$s" -gt 0 ]; then
        grep -i 'skip' "$out" | grep -v '^\[' | sed 's/^/    /'
    fi
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
done
if [ $skipped -gt 0 ]; then
    echo "$passed passed, $failed failed, $skipped skipped"
else
    echo "$passed passed, $failed failed"
fi
[ $failed -eq 0 ]
