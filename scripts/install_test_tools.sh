#!/usr/bin/env bash
# Installs what the slow tests need beside Python, where it may: Debian's packages through apt-get, as root or with sudo that
# asks for no password. Elsewhere it says what to do, and those tests skip with a reason. Never fails a build.
set -uo pipefail
PATH=$PATH:/usr/sbin:/sbin

say() { printf 'install_test_tools: %s\n' "$*"; }

missing=()
# need PURPOSE PACKAGE COMMAND...: notes the package unless one of the commands is there.
need() {
    local purpose=$1 package=$2
    shift 2
    for name in "$@"; do
        command -v "$name" >/dev/null 2>&1 && return
    done
    say "missing for $purpose: $package"
    missing+=("$package")
}

need "the browser tests (or set HOCKET_CHROMIUM to a browser's path)" chromium \
    chromium chromium-browser google-chrome google-chrome-stable
need "the tests on a real SLURM" slurmctld slurmctld
need "the tests on a real SLURM" slurmd slurmd
need "the tests on a real SLURM" slurm-client sbatch
need "the tests on a real SLURM" munge munged
need "the test of the studio behind a proxy" nginx-light nginx
need "the tests that watch what a process does" strace strace
[ "${#missing[@]}" -eq 0 ] && exit 0

root=()
if [ "$(id -u)" -ne 0 ]; then
    if ! sudo -n true 2>/dev/null; then
        say "no right to install them: those tests will skip."
        exit 0
    fi
    root=(sudo -n)
fi
if ! command -v apt-get >/dev/null 2>&1; then
    say "no apt-get: install them by this system's own means, else those tests will skip."
    exit 0
fi

say "installing by apt-get: ${missing[*]}"
install() { "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet --no-install-recommends "$@"; }
if ! install "${missing[@]}" && ! { "${root[@]}" apt-get update --quiet && install "${missing[@]}"; }; then
    # One that this system does not know must not keep the others away.
    for package in "${missing[@]}"; do
        install "$package" || say "apt-get could not install $package: its tests will skip."
    done
fi
exit 0
