#!/bin/sh
# runtests.sh - runs test programs and shell tests, shows those that fail in full, and ends with "N passed, N failed" (", N skipped").
#
#   runtests.sh [-t SECONDS] [-v] [-jN] PROGRAM... [-jN PROGRAM...]...
#
# A program of cmocka tests counts these; a shell test says in its last line how many passed, failed and were skipped. What crashes, exceeds
# its time or ends without a summary counts at least one failure. What was skipped is shown with its reason; with -v everything is
# shown. What failed stands once more before the sum, without the tests that passed, for a reader who has only the end. $RUN runs a
# program (an emulator). An argument NAME=VALUE sets that variable for what stands behind it. Behind -jN, N programs run at once, when
# all before have ended, and their lines come in the order in which they end.
# SPDX-License-Identifier: MIT
limit=600 verbose= sums=
while :; do
    case $1 in
    -t) limit=$2; shift 2 ;;
    -v) verbose=-v; shift ;;
    --one) sums=$2; shift 2 ;; # how this script calls itself: one program, its numbers to be added to a file
    *) break ;;
    esac
done

said() { # the number before the word in the last line of a shell test
    tail -n 1 "$out" | sed -n 's/^\(.* \)\{0,1\}\([0-9][0-9]*\) '"$1"'.*/\2/p' | grep . || echo 0
}

tests() { # how many tests of a cmocka program ended so; failed and skipped ones are named twice, the second time in its summary
    sed -n 's/^\[ *'"$1"' *\] \([A-Za-z0-9_]*\)$/\1/p' "$out" | sort -u | wc -l
}

one() { # runs $program, prints its lines at once, and adds its numbers to $sums
    start=$(date +%s)
    case $program in
    *.sh)
        timeout "$limit" sh "$program" >"$out" 2>&1 </dev/null
        rc=$?
        p=$(said passed) f=$(said failed) s=$(said skipped)
        ;;
    *)
        CMOCKA_MESSAGE_OUTPUT=STDOUT timeout "$limit" $RUN "$program" >"$out" 2>&1 </dev/null
        rc=$?
        p=$(tests OK) f=$(tests FAILED) s=$(tests SKIPPED)
        ;;
    esac
    if [ $rc -ne 0 ] && [ "$f" -eq 0 ] || [ $((p + f + s)) -eq 0 ]; then
        f=$((f + 1))
    fi
    took=$(($(date +%s) - start))
    note=
    [ $rc -ne 124 ] || note=" (stopped after $limit s)"
    {
        echo "$program: $p passed, $f failed, $s skipped, $took s$note"
        if [ "$f" -gt 0 ] || [ -n "$verbose" ]; then
            sed 's/^/    /' "$out"
        elif [ "$s" -gt 0 ]; then
            grep -i '^ *skip' "$out" | sed 's/^/    /'
        fi
    } >"$out.shown"
    cat "$out.shown"
    if [ "$f" -gt 0 ]; then # whole in one write, since others run beside
        { head -n 1 "$out.shown"; sed 's/^/    /' "$out" | grep -Ev '^    (ok |\[ *(RUN|OK) )' | tail -n 40; } >"$out.failed"
        cat "$out.failed" >>"$sums.failed"
    fi
    echo "$p $f $s" >>"$sums"
}

if [ -n "$sums" ]; then
    out=$(mktemp)
    trap 'rm -f "$out" "$out.shown" "$out.failed"' EXIT
    program=$1
    one
    exit 0
fi

sums=$(mktemp)
batch=$(mktemp)
trap 'rm -f "$sums" "$sums.failed" "$batch"' EXIT
jobs=1 ahead=
run_batch() {
    xargs -P "$jobs" -I '{}' sh -c '{}' <"$batch"
    : >"$batch"
}
for program; do
    case $program in
    -j*) run_batch; jobs=${program#-j} ;;
    *=*) ahead="$ahead $program" ;;
    *) echo "env$ahead sh $0 -t $limit $verbose --one $sums $program" >>"$batch" ;;
    esac
done
run_batch
if [ -s "$sums.failed" ]; then
    echo "Failed:"
    cat "$sums.failed"
fi
awk '{ p += $1; f += $2; s += $3 } END { printf "%d passed, %d failed", p, f; if (s) printf ", %d skipped", s; print ""; exit f > 0 || !NR }' "$sums"
