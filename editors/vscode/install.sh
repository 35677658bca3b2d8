#!/bin/sh
# Installs what the extension is built and tested with into node_modules, by the lock file, where it is not there yet. A Node
# that is new enough comes with it: Debian 12's own is too old for the packager.
set -eu
cd "$(dirname "$0")"
cmp -s package-lock.json node_modules/.installed && exit 0
echo "Installing what the VS Code extension is built with"
npm ci --silent --no-fund --no-audit --ignore-scripts
cp package-lock.json node_modules/.installed
