#!/bin/sh
# links.sh - refuses links in documents that lead nowhere: relative links, and files of this tree named in `code`, from the root or from
# src/.
# SPDX-License-Identifier: MIT
set -eu
cd "$(dirname "$0")/.."
bad=0
refuse() { # document, link
    echo "$1: $2 is not there"
    bad=1
}
named() { # the paths in a document that begin with one of these directories
    grep -o '`\('"$2"'\)/[A-Za-z0-9_./*-]*`' "$1" | tr -d '`' | grep -v 'NAME\|MODULE\|MODEL_TYPE'
}
for doc in *.md */*.md */*/*.md; do
    case $doc in build/*) continue ;; esac
    for link in $(grep -o '](\([^)]*\))' "$doc" | sed 's/^](//; s/[)#].*$//'); do
        case $link in
        http://* | https://* | mailto:*) ;;
        *) [ -e "$(dirname "$doc")/$link" ] || refuse "$doc" "$link" ;;
        esac
    done
    for path in $(named "$doc" 'src\|tests\|tools\|docs\|models\|bench'); do
        ls -d $path >/dev/null 2>&1 || refuse "$doc" "$path"
    done
    for path in $(named "$doc" 'base\|format\|text\|kernel\|model\|engine\|cli'); do
        ls -d src/$path >/dev/null 2>&1 || refuse "$doc" "$path"
    done
done
exit $bad
