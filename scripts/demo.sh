#!/usr/bin/env bash
# make demo: fuse pairs with the weights that come with hocket, say what came out, then show a short training. MUSIC=dir
# trains on your own folder and fuses its songs.
set -euo pipefail
cd "$(dirname "$0")/.."
bin="${BIN:-.venv/bin}"
hocket="$bin/hocket"
out="demo"
mkdir -p "$out"

say() { printf '\n== %s\n' "$*"; }

if [ -n "${MUSIC:-}" ]; then
    say "Training on $MUSIC (ctrl-C leaves a checkpoint; the same command continues)"
    "$hocket" train "$MUSIC" --run "$out/run" --num-epochs 10 --steps-per-epoch 25
    say "Fusing songs that training has not seen"
    rm -rf "$out/fused"
    "$hocket" fuse --checkpoint "$out/run/best" --num-samples 3 -o "$out/fused"
else
    say "Rendering pairs of recordings whose true fusions are known"
    "$hocket" render "$out/unseen" --num-songs 8 --num-pairs 3 --duration-seconds 12 --seed 1 --sample-rate 44100 --force
    say "Fusing them"
    rm -rf "$out/fused"
    "$hocket" fuse --pairs "$out/unseen/pairs.csv" -o "$out/fused" --pictures
    say "How close they come to the true fusions, by independent estimators, beside methods that need no training"
    "$hocket" evaluate --pairs "$out/unseen/pairs.csv" --outputs "$out/fused" --baselines --truths
    say "A short training, as it looks from the start (a real one takes 20 minutes: hocket train MUSIC_DIR --run RUN)"
    "$hocket" render "$out/corpus" --num-songs 12 --num-pairs 0 --seed 0 --force
    "$hocket" train "$out/corpus/music" --run "$out/run" --fresh --num-epochs 2 --steps-per-epoch 15
fi

"$bin/python" scripts/demo_page.py "$out"
say "What came out"
printf 'figures      %s\n' "$out/fused/results.csv"
printf 'training     %s\n' "$out/run/log.jsonl" "$bin/tensorboard --logdir $out/run/tensorboard"
printf 'by ear       %s\n' "$hocket studio --runs $out"
printf '\nOpen %s in a browser: what was fused, to hear and to see, and the report of the training.\n' "$out/index.html"
