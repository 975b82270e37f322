#!/usr/bin/env bash
# make weights: the weights that come with hocket, from nothing: music played on sampled instruments, the preset `default`, packed.
# Needs FluidSynth and a sound font (docs/results/corpus.md). One to two hours and a half on one core. Continues where it was interrupted.
set -euo pipefail
cd "$(dirname "$0")/.."
bin="${BIN:-.venv/bin}"
out="${OUT:-weights-run}"
soundfont="${SOUNDFONT:-/usr/share/sounds/sf3/MuseScore_General_Lite.sf3}"

"$bin/python" -m corpus "$out/corpus" --soundfont "$soundfont" --num-songs "${SONGS:-2000}" --seed 2026
"$bin/hocket" prepare "$out/corpus/music" -o "$out/data"
# Two runs from one beginning that differ in one weight of the loss: their average is better than either (docs/log/notes.md).
for timbre in 1.5 2.0; do
    "$bin/hocket" train "$out/data" --run "$out/run-$timbre" --preset default --ema_decay 0.998 --seed "${SEED:-0}" --timbre-weight "$timbre" \
        --num-epochs "${EPOCHS:-40}" --steps-per-epoch "${STEPS:-100}" --num-threads "${THREADS:-2}" --cache-megabytes 4000
done
"$bin/python" scripts/pack_weights.py "$out/run-1.5" "$out/run-2.0" --corpus "$out/corpus/corpus.json"
