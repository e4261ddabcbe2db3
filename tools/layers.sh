#!/bin/sh
# layers.sh - refuses an include that tools/layers.txt does not allow, and cycles between headers.
# SPDX-License-Identifier: MIT
set -eu
cd "$(dirname "$0")/.."
edges=$(mktemp)
trap 'rm -f "$edges"' EXIT

# "file included" for every quoted include below src.
find src -name '*.[ch]' | sort | xargs grep -Hn '^#include "' |
    sed 's/^src\/\([^:]*\):\([0-9]*\):#include "\([^"]*\)".*/\1 \3 \2/' >"$edges"

awk '
FNR == NR {
    if ($0 ~ /^#/ || NF == 0) next
    layer = $1; sub(/:$/, "", layer); known[layer] = 1; allowed[layer, layer] = 1
    for (i = 2; i <= NF; i++) allowed[layer, $i] = 1
    next
}
{
    split($1, a, "/"); split($2, b, "/")
    if (!(a[1] in known)) { print "src/" $1 ": layer " a[1] " is not in tools/layers.txt"; bad = 1 }
    else if (!((a[1], b[1]) in allowed)) {
        print "src/" $1 ":" $3 ": " a[1] " may not include " $2 " (tools/layers.txt)"; bad = 1
    }
    from[NR] = $1; to[NR] = $2; n = NR
    out[$1] = out[$1] " " $2
}
function visit(f,    list, k, i) {
    state[f] = 1; path[++depth] = f
    k = split(out[f], list, " ")
    for (i = 1; i <= k; i++) {
        if (state[list[i]] == 1) { print "cycle of includes: " trail(list[i]) list[i]; bad = 1 }
        else if (!state[list[i]]) visit(list[i])
    }
    state[f] = 2; depth--
}
function trail(f,    i, s, on) {
    for (i = 1; i <= depth; i++) { if (path[i] == f) on = 1; if (on) s = s path[i] " -> " }
    return s
}
END { for (f in out) if (!state[f]) visit(f); exit bad }
' tools/layers.txt "$edges"
