#!/bin/sh
# deps.sh - installs what Octet is built with, if any of it is missing: Debian packages through apt-get, as root or with sudo.
# Does nothing where all is there. `deps.sh aarch64` adds what the cross build and its emulator need, `deps.sh clients` what
# tools/clients.sh needs, whoever it comes from.
# SPDX-License-Identifier: MIT
set -eu

libs="libjson-c-dev libyajl-dev libxxhash-dev libpcre2-dev libutf8proc-dev libedit-dev libmicrohttpd-dev libinih-dev libcmocka-dev"
native="gcc make pkg-config $libs clang clang-tidy clang-format libclang-rt-14-dev"
if [ "${1:-}" = aarch64 ]; then
    wanted="make pkg-config gcc-aarch64-linux-gnu qemu-user libc6:arm64"
    for p in $libs; do wanted="$wanted $p:arm64"; done
elif [ "${1:-}" = clients ]; then
    wanted=
    python3 -c 'import ensurepip, venv' 2>/dev/null || wanted="$wanted python3-venv"
    command -v npm >/dev/null || wanted="$wanted npm"
else
    wanted=$native
fi

if [ "$(uname -s)" = Darwin ]; then
    echo "macOS: xcode-select --install; brew install pkg-config json-c yajl xxhash pcre2 utf8proc libedit libmicrohttpd inih cmocka clang-format llvm"
    exit 0
fi
if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    echo "deps: no apt-get here; install these or what your system calls them: $native" >&2
    exit 0
fi

missing() {
    for p in $wanted; do
        dpkg-query -W -f '${Status}\n' "$p" 2>/dev/null | grep -q 'ok installed' || printf '%s ' "$p"
    done
}

list=$(missing)
[ -n "$list" ] || exit 0
as_root=
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || { echo "deps: missing: $list; install them as root" >&2; exit 1; }
    as_root=sudo
fi
echo "deps: installing $list"
if [ "${1:-}" = aarch64 ]; then
    $as_root dpkg --add-architecture arm64
fi
$as_root apt-get update -qq
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $list >/dev/null
list=$(missing)
[ -z "$list" ] || { echo "deps: still missing: $list" >&2; exit 1; }
