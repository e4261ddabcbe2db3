#!/bin/sh
# test_schema_oracle.sh - random texts of the grammars of schemas are valid under them: ajv judges.
# SPDX-License-Identifier: MIT
. tests/cli/lib.sh

samples=$(dirname "$OCTET")/tests/unit/test_schema_samples
modules=build/suite-node/node_modules
node=node
[ ! -x build/clients/node/node ] || node=build/clients/node/node
if [ ! -d $modules/ajv ] || ! command -v $node >/dev/null 2>&1; then
	skip "texts of schemas are valid" "node or ajv is not installed (tools/fetch-json-schema-suite.sh)"
elif [ ! -x "$samples" ]; then
	skip "texts of schemas are valid" "$samples is not built"
else
	"$samples" --write "$tmp/samples" >"$tmp/log" 2>&1 || complain "$samples failed: $(tail -n 3 "$tmp/log")"
	$node tests/schema/validate.cjs $modules "$tmp/samples" >"$tmp/out" 2>&1 || complain "the validator failed"
	out_has '^[1-9][0-9]{3,} passed, 0 failed$'
	grep -A 2 '^FAIL' "$tmp/out" | head -30
	ok "texts of schemas are valid"
fi
finish
