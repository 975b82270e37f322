#!/usr/bin/env bash
# make demo: train for a few minutes, fuse pairs that training has not seen, say what came out. MUSIC=dir uses your own.
set -euo pipefail
cd "$(dirname "$0")/.."
hocket="${BIN:-.venv/bin}/hocket"
out="demo"
mkdir -p "$out"

say() { printf '\n== %s\n' "$*"; }

if [ -n "${MUSIC:-}" ]; then
    music="$MUSIC"
else
    music="$out/corpus/music"
    say "Rendering a small corpus whose true fusions are known"
    "$hocket" render "$out/corpus" --num-songs 32 --num-pairs 8 --seed 0 --force
    "$hocket" render "$out/unseen" --num-songs 8 --num-pairs 3 --duration-seconds 12 --seed 1 --force
fi

say "Training (ctrl-C leaves a checkpoint; the same command would continue)"
"$hocket" train "$music" --run "$out/run" --fresh --num-epochs 10 --steps-per-epoch 25

say "Fusing pairs that training has not seen"
rm -rf "$out/fused"
if [ -n "${MUSIC:-}" ]; then
    "$hocket" fuse --checkpoint "$out/run/best" --num-samples 3 -o "$out/fused"
else
    "$hocket" fuse --checkpoint "$out/run/best" --pairs "$out/unseen/pairs.csv" -o "$out/fused" --pictures
fi

say "What came out"
printf 'recordings   %s\n' "$out"/fused/*.wav
printf 'pictures     %s\n' "$out"/fused/*.png
printf 'figures      %s\n' "$out/fused/results.csv"
printf 'training log %s\n' "$out/run/log.jsonl"
printf 'TensorBoard  %s\n' "${BIN:-.venv/bin}/tensorboard --logdir $out/run/tensorboard"
