#!/usr/bin/env bash
# make weights: the weights that come with hocket, from nothing: music that hocket renders, the preset `default`, packed.
# About an hour on two free cores. Continues where it was interrupted.
set -euo pipefail
cd "$(dirname "$0")/.."
bin="${BIN:-.venv/bin}"
out="${OUT:-weights-run}"

[ -f "$out/corpus/corpus.json" ] || "$bin/hocket" render "$out/corpus" --num-songs 240 --num-pairs 0 --seed 2026
"$bin/hocket" train "$out/corpus/music" --run "$out/run" --preset default \
    --num-epochs 28 --steps-per-epoch 40 --num-threads "${THREADS:-2}"
"$bin/python" scripts/pack_weights.py "$out/run" --corpus "$out/corpus/corpus.json"
