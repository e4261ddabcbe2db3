#!/bin/sh
# symcycles.sh - refuses cycles between object files: A uses a symbol of B, and B, perhaps through others, one of A.
#
#   symcycles.sh OBJECT...
# SPDX-License-Identifier: MIT
set -eu
nm -A -g "$@" | awk '
{
    split($1, a, ":"); file = a[1]; type = $(NF - 1); name = $NF
    if (type == "U" || type == "w") { use[++n] = file " " name }
    else owner[name] = file
}
END {
    for (i = 1; i <= n; i++) {
        split(use[i], u, " ")
        if (u[2] in owner && owner[u[2]] != u[1] && !((u[1], owner[u[2]]) in seen)) {
            seen[u[1], owner[u[2]]] = u[2]
            out[u[1]] = out[u[1]] " " owner[u[2]]
        }
    }
    for (f in out) if (!state[f]) visit(f)
    exit bad
}
function visit(f,    list, k, i) {
    state[f] = 1; path[++depth] = f
    k = split(out[f], list, " ")
    for (i = 1; i <= k; i++) {
        if (state[list[i]] == 1) { show(list[i]); bad = 1 }
        else if (!state[list[i]]) visit(list[i])
    }
    state[f] = 2; depth--
}
function show(f,    i, on) {
    print "cycle of object files:"
    for (i = 1; i <= depth; i++) {
        if (path[i] == f) on = 1
        if (on) print "  " path[i] " uses " seen[path[i], i < depth ? path[i + 1] : f]
    }
}'
