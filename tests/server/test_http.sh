#!/bin/sh
# test_http.sh - octet serve over sockets: heads, limits, clients that leave or say nothing, signals, configuration. Needs Python 3 alone.
# SPDX-License-Identifier: MIT
if ! command -v python3 >/dev/null; then
	echo "skip test_http: no python3"
	echo "0 passed, 0 failed, 1 skipped"
	exit 0
fi
exec python3 tests/server/http_checks.py "$@"
