#!/bin/sh
# The main job on the sample project beside this file: no key, no server, no network.
# `make demo` builds the binary and calls this.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
baton=${BATON_BIN:-$here/../../target/release/baton}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$here"/*.py "$work"
cd "$work"
# The demo keeps its ledger and shadows to itself.
export XDG_CONFIG_HOME="$work/.xdg/config" XDG_STATE_HOME="$work/.xdg/state" XDG_CACHE_HOME="$work/.xdg/cache" XDG_DATA_HOME="$work/.xdg/data"

say() { printf '\n\033[1m$ %s\033[0m\n' "$*"; }

say python3 -m unittest
python3 -m unittest 2>&1 | tail -n 12 || true

say baton fix bookings.py --trust --apply
"$baton" fix bookings.py --root . --trust --apply

say python3 -m unittest
python3 -m unittest

say baton runs
"$baton" runs
