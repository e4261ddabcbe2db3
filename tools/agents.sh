#!/bin/sh
# agents.sh - installs the agents of tests/agents/package.json into build/agents, once. About 2 GB; nothing else is touched.
# SPDX-License-Identifier: MIT
set -eu
cd "$(dirname "$0")/.."
dir=build/agents
mkdir -p $dir
cmp -s tests/agents/package.json $dir/installed.json && exit 0
command -v npm >/dev/null 2>&1 || { echo "agents: npm is not installed" >&2; exit 1; }
cp tests/agents/package.json $dir/package.json
(cd $dir && npm install --no-audit --no-fund --loglevel=error)
cp tests/agents/package.json $dir/installed.json
