#!/bin/sh
# Builds the extension with the server inside: target/editors/baton-linux-x64.vsix. The server is target/release/baton, or the
# program named by BATON_BIN.
set -eu
cd "$(dirname "$0")"
server=${BATON_BIN:-../../target/release/baton}
[ -x "$server" ] || { echo "$server is not there: run make build first" >&2; exit 1; }
./install.sh
PATH=$(pwd)/node_modules/.bin:$PATH
tsc
esbuild src/extension.ts --bundle --minify --platform=node --format=cjs --target=node22 --external:vscode --outfile=out/extension.js --log-level=warning
mkdir -p server ../../target/editors
cp "$server" server/baton
strip server/baton 2>/dev/null || true
cp ../../LICENSE-MIT LICENSE.txt
vsce package --no-dependencies --allow-missing-repository --target linux-x64 --out ../../target/editors/baton-linux-x64.vsix >/dev/null
