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
    x = layer_of($1); y = layer_of($2)
    if (!(top(x) in known)) { print "src/" $1 ": layer " top(x) " is not in tools/layers.txt"; bad = 1 }
    else if (!may(x, y)) { print "src/" $1 ":" $3 ": " x " may not include " $2 " (tools/layers.txt)"; bad = 1 }
    from[NR] = $1; to[NR] = $2; n = NR
    out[$1] = out[$1] " " $2
}
function layer_of(path,    p) {
    split(path, p, "/")
    return ((p[1] "/" p[2]) in known) ? p[1] "/" p[2] : p[1]
}
function top(layer) { sub(/\/.*/, "", layer); return layer }
# Between layers the layers decide, within one its folders.
function may(x, y) { return top(x) != top(y) ? (top(x), top(y)) in allowed : (x, y) in allowed }
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
