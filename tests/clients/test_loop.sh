#!/bin/sh
# test_loop.sh - a conversation that goes on costs only what is new (test_loop.py says which).
# SPDX-License-Identifier: MIT
command -v python3 >/dev/null || { echo "test_loop: python3 is not installed"; echo "0 passed, 0 failed, 1 skipped"; exit 0; }
cd "$(dirname "$0")/../.." && PYTHONDONTWRITEBYTECODE=1 python3 tests/clients/test_loop.py "${OCTET:-./octet}"
