#!/usr/bin/env bash
# Writes requirements.lock: one version of everything that development and the tests install, with the hashes of its files
# for every platform. `make lock` runs it; `make lock UPGRADE=1` takes the newest versions, else what still fits stays.
# torch is not in it: the build for processors alone has other hashes than PyPI's, which brings CUDA. It is pinned in
# constraints.txt, and what it needs itself is in the dependency group `torch`.
set -euo pipefail
cd "$(dirname "$0")/.."

"$BIN/uv" pip compile pyproject.toml --extra dev --group build --group torch \
    --overrides <(echo 'torch ; python_version < "3"') \
    --universal --python-version 3.11 --fork-strategy fewest --generate-hashes --no-annotate \
    --custom-compile-command "make lock" ${UPGRADE:+--upgrade} --quiet --output-file requirements.lock
