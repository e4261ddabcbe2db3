#!/bin/sh
# test_sdk.sh - the official SDKs against `octet serve` with the demonstration model: streams and objects, calls, parallel requests, errors,
# cancellation, usage, counts, schemas.
# SPDX-License-Identifier: MIT
. tests/clients/lib.sh
OCTET=${OCTET:-build/release/octet}

need py && py=1
need js && js=1
[ "${py-}${js-}" ] || finish

OCTET_CONTEXT=4096
"$OCTET" serve models/octet-mini --port 0 --context $OCTET_CONTEXT --script tests/clients/script.jsonl >"$tmp/ready" 2>"$tmp/serve" &
server=$!
await "$tmp/ready" || { cat "$tmp/serve"; exit 1; }
OCTET_URL=$(sed -n 's|.*listening on \(http://127[^ ;]*\).*|\1|p' "$tmp/ready")
export OCTET_URL OCTET_CONTEXT

[ -z "${py-}" ] || script $clients/py/bin/python tests/clients/sdk.py
[ -z "${js-}" ] || script $clients/node/node tests/clients/sdk.mjs
[ "$failed" = 0 ] || tail -n 60 "$tmp/serve"
finish
