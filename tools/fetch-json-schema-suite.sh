#!/bin/sh
# fetch-json-schema-suite.sh - puts the JSON Schema Test Suite, 4 MB, into build/suite/, and the validator ajv into build/suite-node/, once.
#
# It is not ours, so it is not in this repository; the tests that use it are skipped without it. It lies in the source distribution of the Python
# package jsonschema (MIT), with the documents that its schemas refer to, and is checked against its SHA-256. The validator's versions and digests
# are in tests/schema/package-lock.json. Exit status 1 and a reason if one of them cannot be had.
# SPDX-License-Identifier: MIT
set -eu
cd "$(dirname "$0")/.."
package=jsonschema==4.17.3
sha256=0f864437ab8b6076ba6707453ef8f98a6a0d512a80e93f8abdb676f737ecb60d
dir=build/suite

give_up() {
    echo "fetch-json-schema-suite: $1" >&2
    exit 1
}
digest() {
    { sha256sum "$1" 2>/dev/null || shasum -a 256 "$1"; } | cut -d ' ' -f 1
}

suite() {
    [ "$(cat "$dir/sha256" 2>/dev/null)" != "$sha256" ] || return 0
    archive=$tmp/jsonschema-4.17.3.tar.gz
    python3 -m pip download --quiet --no-deps --no-binary jsonschema --dest "$tmp" "$package" >"$tmp/log" 2>&1 ||
        give_up "pip cannot fetch $package: $(grep -m 1 . "$tmp/log" || echo no reason given)"
    [ "$(digest "$archive")" = "$sha256" ] || give_up "$package is not the file expected"
    tar -xzf "$archive" -C "$tmp"
    from=$tmp/jsonschema-4.17.3
    rm -rf "$dir"
    mkdir -p "$dir/tests" "$dir/remotes" "$dir/meta"
    cp -R "$from/json/tests/draft2020-12" "$dir/tests/"
    cp -R "$from/json/remotes/draft2020-12" "$from/json/remotes/"*-ref-*string.json "$dir/remotes/"
    cp "$from/jsonschema/schemas/draft2020-12.json" "$from/jsonschema/schemas/vocabularies/draft2020-12/"* "$dir/meta/"
    echo "$sha256" >"$dir/sha256"
}

validator() {
    want=$(digest tests/schema/package-lock.json)
    [ "$(cat build/suite-node/done 2>/dev/null)" != "$want" ] || return 0
    command -v npm >/dev/null 2>&1 || give_up "npm is not installed"
    rm -rf build/suite-node
    mkdir -p build/suite-node
    cp tests/schema/package.json tests/schema/package-lock.json build/suite-node/
    (cd build/suite-node && npm ci --silent --no-audit --no-fund --fetch-retries=1 >log 2>&1) ||
        give_up "npm cannot install ajv: $(grep -m 1 . build/suite-node/log || echo no reason given)"
    echo "$want" >build/suite-node/done
}

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
suite
validator
