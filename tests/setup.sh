#!/bin/sh
# Installs what building and testing need and this machine lacks; says what, and how to do it by hand.
#   tests/setup.sh build    what `make build` and `make demo` need
#   tests/setup.sh test     that, and what the tests need
set -eu
cd "$(dirname "$0")/.."
purpose=${1:-build}
missing=
need() { command -v "$1" >/dev/null 2>&1 || missing="$missing $2"; }
need_file() { [ -e "$1" ] || missing="$missing $2"; }

need cc build-essential
need cmake cmake
need ccache ccache
need bwrap bubblewrap
need python3 python3
# bindgen loads libclang itself; where it looks is what counts, not a program in PATH. libclang-cpp is another library.
if [ -z "${LIBCLANG_PATH:-}" ]; then
    found=
    for file in /usr/lib/llvm-*/lib/libclang.so* /usr/lib/*/libclang.so* /usr/lib/*/libclang-[0-9]*.so* \
        /usr/lib/libclang.so* /usr/local/lib/libclang.so*; do [ ! -e "$file" ] || found=$file; done
    [ -n "$found" ] || missing="$missing libclang-dev"
fi
if [ "$purpose" = test ]; then
    need node nodejs
    need npm npm
    need chromium chromium
    need git git
    # Debian keeps the server's programs out of PATH.
    found=
    for file in /usr/lib/postgresql/*/bin/initdb; do [ ! -e "$file" ] || found=$file; done
    [ -n "$found" ] || command -v initdb >/dev/null 2>&1 || missing="$missing postgresql"
    need tmux tmux
    need docker-compose docker-compose
    need systemd-analyze systemd
    # The sample projects' toolchains. Kotlin, Scala, Swift and .NET are left out: too large, or in no Debian.
    need go golang-go
    need php php-cli
    need phpunit phpunit
    need ruby ruby
    need rake rake
    need rspec ruby-rspec
    need bats bats
    need lua lua5.4
    need busted lua-busted
    need meson meson
    need javac default-jdk-headless
    need mvn maven
    need gradle gradle
    need_file /usr/share/doc/ruby-minitest ruby-minitest
    need_file /usr/share/java/junit-platform-console-standalone.jar junit5
    need_file /usr/share/java/junit4.jar junit4
    # Without a network Maven finds its plugins in Debian's own repository.
    need_file /usr/share/maven-repo/org/apache/maven/plugins/maven-resources-plugin libmaven-resources-plugin-java
    need_file /usr/share/maven-repo/org/apache/maven/plugins/maven-compiler-plugin libmaven-compiler-plugin-java
    need_file /usr/share/maven-repo/org/apache/maven/plugins/maven-surefire-plugin libsurefire-java
    python3 -c 'import venv, ensurepip' 2>/dev/null || missing="$missing python3-venv"
fi

if [ -n "$missing" ]; then
    echo "Missing here, and needed:$missing"
    by_hand="apt-get install --no-install-recommends$missing"
    if ! command -v apt-get >/dev/null 2>&1; then
        echo "This is no Debian: install them with your own package manager, then run make again." >&2
        exit 1
    fi
    if [ "$(id -u)" = 0 ]; then sudo=; elif sudo -n true 2>/dev/null; then sudo=sudo; else
        echo "Installing needs root. By hand: sudo $by_hand" >&2
        exit 1
    fi
    echo "Installing them: $by_hand"
    $sudo apt-get update -qq
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive $sudo apt-get install -qq -y --no-install-recommends $missing >/dev/null
fi
command -v cargo >/dev/null 2>&1 || { echo "cargo is missing: install a Rust toolchain (rustup, or your system's packages)" >&2; exit 1; }

if [ "$purpose" = test ] && { [ ! -x .tools/venv/bin/pytest ] || [ ! -x .tools/venv/bin/ruff ]; }; then
    echo "Installing pytest and ruff into .tools/venv"
    python3 -m venv .tools/venv
    .tools/venv/bin/pip install --quiet --disable-pip-version-check pytest==8.4.2 ruff==0.17.6
fi
if [ "$purpose" = test ] && [ ! -e .tools/clients/openai-3.57.0 ]; then
    echo "Installing OpenAI's Python package into .tools/clients"
    python3 -m venv .tools/clients
    .tools/clients/bin/pip install --quiet --disable-pip-version-check openai==3.57.0
    touch .tools/clients/openai-3.57.0
fi
if [ "$purpose" = test ] && [ ! -e .tools/aider/aider-0.86.2 ]; then
    echo "Installing Aider, and with it LiteLLM, into .tools/aider"
    python3 -m venv .tools/aider
    .tools/aider/bin/pip install --quiet --disable-pip-version-check aider-chat==0.86.2
    touch .tools/aider/aider-0.86.2
fi
if [ "$purpose" = test ] && ! cmp -s tests/node/package-lock.json .tools/node/package-lock.json; then
    echo "Installing the JavaScript test runners into .tools/node"
    mkdir -p .tools/node
    cp tests/node/package.json .tools/node/
    # Its final name is the mark that the installation is whole.
    cp tests/node/package-lock.json .tools/node/npm-shrinkwrap.json
    (cd .tools/node && npm ci --ignore-scripts --silent --no-fund --no-audit)
    mv .tools/node/npm-shrinkwrap.json .tools/node/package-lock.json
fi
[ "$purpose" != test ] || python3 tests/tiny_model/make.py .tools/models/tiny.gguf
[ "$purpose" != test ] || tests/editors.sh || echo "Neovim, Helix and Emacs could not be unpacked: their tests are skipped" >&2
[ "$purpose" != test ] || tests/vscode.sh
