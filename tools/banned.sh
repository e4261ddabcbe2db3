#!/bin/sh
# banned.sh - refuses functions that this tree does without: unbounded string functions, number parsers that hide errors, allocation
# outside base/mem.c, the environment and exits outside cli.
# SPDX-License-Identifier: MIT
cd "$(dirname "$0")/.." || exit 1
bad=0
refuse() { # pattern, files to leave out, why
    found=$(grep -rnE "(^|[^a-zA-Z0-9_.>])($1)[ ]*\(" src --include='*.c' --include='*.h' | grep -vE "$2" | grep -vE ':[0-9]+: *(\*|/\*)')
    [ -z "$found" ] || { echo "$found"; echo "  $3"; bad=1; }
}
refuse 'strcpy|strcat|sprintf|vsprintf|strtok|gets' '^$' 'use base/buf.h'
refuse 'atoi|atol|atof|strtol|strtoul|strtoll|strtoull' '^$' 'use base/str.h'
refuse 'malloc|calloc|realloc|aligned_alloc|strdup|strndup' '^src/base/mem\.c' 'use base/mem.h'
refuse 'getenv|exit|_exit' '^src/cli/' 'only cli reads the environment and exits'
exit $bad
