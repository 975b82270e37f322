#!/usr/bin/env bash
# Installs Chromium for the browser tests (tests/browser), where it may: Debian's package through apt-get, as root or with
# sudo that asks for no password. Elsewhere it says what to do, and those tests skip with a reason. Never fails a build.
set -uo pipefail

say() { printf 'install_browser: %s\n' "$*"; }

for name in chromium chromium-browser google-chrome google-chrome-stable; do
    if command -v "$name" >/dev/null 2>&1; then
        say "$(command -v "$name") is there."
        exit 0
    fi
done

root=()
if [ "$(id -u)" -ne 0 ]; then
    if ! sudo -n true 2>/dev/null; then
        say "no Chromium and no right to install it: install the package 'chromium', or set HOCKET_CHROMIUM to a browser's path."
        exit 0
    fi
    root=(sudo -n)
fi
if ! command -v apt-get >/dev/null 2>&1; then
    say "no Chromium and no apt-get: install Chromium by this system's own means, or set HOCKET_CHROMIUM to a browser's path."
    exit 0
fi

say "installing Chromium by apt-get (about 400 MB on disk)"
install() { "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet --no-install-recommends chromium; }
if ! install && ! { "${root[@]}" apt-get update --quiet && install; }; then
    say "apt-get could not install it: the browser tests will skip."
fi
exit 0
