#!/bin/sh
# test_acceptance.sh - what a real proxy asks of its backend (test_acceptance.py says which).
# SPDX-License-Identifier: MIT
command -v python3 >/dev/null || { echo "test_acceptance: python3 is not installed"; echo "0 passed, 0 failed, 1 skipped"; exit 0; }
cd "$(dirname "$0")/../.." && PYTHONDONTWRITEBYTECODE=1 python3 tests/clients/test_acceptance.py "${OCTET:-./octet}"
