#!/usr/bin/env bash
# make weights: the weights that come with hocket, from nothing: music played on sampled instruments, the preset `default`, packed.
# Needs FluidSynth and a sound font (docs/results/corpus.md). About an hour and a half on one core. Continues where it was interrupted.
set -euo pipefail
cd "$(dirname "$0")/.."
bin="${BIN:-.venv/bin}"
out="${OUT:-weights-run}"
soundfont="${SOUNDFONT:-/usr/share/sounds/sf3/MuseScore_General_Lite.sf3}"

"$bin/python" -m corpus "$out/corpus" --soundfont "$soundfont" --num-songs "${SONGS:-2000}" --seed 2026
"$bin/hocket" prepare "$out/corpus/music" -o "$out/data"
"$bin/hocket" train "$out/data" --run "$out/run" --preset default --pairing suitable --ema_decay 0.998 --seed "${SEED:-0}" \
    --num-epochs "${EPOCHS:-40}" --steps-per-epoch "${STEPS:-100}" --num-threads "${THREADS:-2}" --cache-megabytes 4000
"$bin/python" scripts/pack_weights.py "$out/run" --corpus "$out/corpus/corpus.json"
