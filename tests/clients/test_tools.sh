#!/bin/sh
# test_tools.sh - tool calls end to end (test_tools.py says which).
# SPDX-License-Identifier: MIT
command -v python3 >/dev/null || { echo "test_tools: python3 is not installed"; echo "0 passed, 0 failed, 1 skipped"; exit 0; }
cd "$(dirname "$0")/../.." && PYTHONDONTWRITEBYTECODE=1 python3 tests/clients/test_tools.py "${OCTET:-./octet}"
