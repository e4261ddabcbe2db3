#!/bin/sh
# test_events.sh - the transcripts of our writers, read by the official SDKs: every event is one that their types know, and what they make of a
# stream is what they make of the one object.
# SPDX-License-Identifier: MIT
. tests/clients/lib.sh

python=$clients/py/bin/python
need py || finish
$python tests/clients/replay.py >"$tmp/url" 2>"$tmp/replay" &
server=$!
await "$tmp/url" || { cat "$tmp/replay"; exit 1; }
OCTET_URL=$(cat "$tmp/url")
export OCTET_URL

script $python tests/clients/events.py
if need js; then
	script $clients/node/node tests/clients/events.mjs
fi
finish
