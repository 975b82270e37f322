#!/usr/bin/env bash
# make study: the four presets for the same steps on the same data with the same seed. MUSIC=dir uses your own;
# EPOCHS and STEPS (of an epoch) say how long.
set -euo pipefail
cd "$(dirname "$0")/.."
bin="${BIN:-.venv/bin}"
out="study"
epochs="${EPOCHS:-6}"
steps="${STEPS:-20}"
mkdir -p "$out"

music="${MUSIC:-}"
if [ -z "$music" ]; then
    music="$out/corpus/music"
    [ -d "$music" ] || "$bin/hocket" render "$out/corpus" --num-songs 48 --num-pairs 4 --seed 0
fi

for preset in collapsed fixed guided default; do
    printf '\n== %s\n' "$preset"
    "$bin/hocket" train "$music" --run "$out/$preset" --preset "$preset" --num-epochs "$epochs" --steps-per-epoch "$steps" --seed 0
done
"$bin/python" scripts/study_table.py "$out" --music "$music" --output docs/results/collapse.md
"$bin/hocket" report "$out"/{collapsed,fixed,guided,default} -o "$out/report.html"
