#!/bin/sh
# links.sh - refuses links in documents that lead nowhere: relative links, and paths of this tree named in `code`.
# SPDX-License-Identifier: MIT
set -eu
cd "$(dirname "$0")/.."
bad=0
refuse() { # document, link
    echo "$1: $2 is not there"
    bad=1
}
for doc in *.md */*.md */*/*.md; do
    [ -f "$doc" ] || continue
    case $doc in build/*) continue ;; esac
    for link in $(grep -o '](\([^)]*\))' "$doc" | sed 's/^](//; s/[)#].*$//'); do
        case $link in
        http://* | https://* | mailto:*) ;;
        *) [ -e "$(dirname "$doc")/$link" ] || refuse "$doc" "$link" ;;
        esac
    done
    for path in $(grep -o '`\(src\|tests\|tools\|docs\|models\|bench\)/[A-Za-z0-9_./*-]*`' "$doc" | tr -d '`'); do
        case $path in *NAME* | *MODULE*) continue ;; esac # placeholders
        ls -d $path >/dev/null 2>&1 || refuse "$doc" "$path"
    done
done
exit $bad
