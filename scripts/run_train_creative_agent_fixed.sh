#!/usr/bin/env bash
# Trains the cure that the training update proposed: the `fixed` preset, into checkpoints_creative_agent_fixed/.
#
#   workstation:  bash scripts/run_train_creative_agent_fixed.sh MUSIC_DIR [flags of `hocket train`]
#   other weight: LOSS_WEIGHT_INPUT=0.5 bash scripts/run_train_creative_agent_fixed.sh MUSIC_DIR --fresh
#   SLURM:        sbatch scripts/run_train_creative_agent_fixed.sh MUSIC_DIR   (fill in account and partition below)
#                 or the first command inside an allocation of `salloc`
#
# The same command again continues the run. All paths count from the folder in which it is given.
#SBATCH --account=FILL_IN
#SBATCH --partition=FILL_IN
#SBATCH --job-name=hocket-fixed
#SBATCH --output=%x-%j.log
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=8
#SBATCH --gpus=1
#SBATCH --time=08:00:00
# Two minutes before the time is up: training saves a checkpoint and ends.
#SBATCH --signal=TERM@120
set -euo pipefail

LOSS_WEIGHT_INPUT="${LOSS_WEIGHT_INPUT:-0.0}"
LOSS_WEIGHT_TARGET="${LOSS_WEIGHT_TARGET:-0.0}"
BALANCE_LOSS_WEIGHT="${BALANCE_LOSS_WEIGHT:-10.0}"
NOVELTY_WEIGHT="${NOVELTY_WEIGHT:-0.5}"
GAN_WEIGHT="${GAN_WEIGHT:-0.1}"
CHECKPOINT_DIR="${CHECKPOINT_DIR:-checkpoints_creative_agent_fixed}"

if [ $# -eq 0 ] || [[ "$1" == -* ]]; then
    echo "usage: bash scripts/run_train_creative_agent_fixed.sh MUSIC_DIR [flags of 'hocket train']" >&2
    exit 2
fi
music="$1"
shift

# The checkout's own hocket first. SLURM runs a copy of this file, so the folder of submission is looked at as well.
hocket=""
for checkout in "$(dirname "${BASH_SOURCE[0]}")/.." "${SLURM_SUBMIT_DIR:-.}"; do
    if [ -z "$hocket" ] && [ -x "$checkout/.venv/bin/hocket" ]; then
        hocket="$checkout/.venv/bin/hocket"
    fi
done
if ! hocket="${hocket:-$(command -v hocket)}"; then
    echo "hocket is neither in .venv nor on PATH: run 'make setup' in the checkout." >&2
    exit 2
fi

# In an allocation the work belongs into a step of its own; a step that is there already is that.
launcher=()
if [ -n "${SLURM_JOB_ID:-}" ] && [ -z "${SLURM_STEP_ID:-}" ] && command -v srun >/dev/null; then
    launcher=(srun --ntasks=1)
    # A step does not take the CPUs of its job over by itself.
    if [ -n "${SLURM_CPUS_PER_TASK:-}" ]; then
        launcher+=("--cpus-per-task=$SLURM_CPUS_PER_TASK")
    fi
fi

exec ${launcher[@]+"${launcher[@]}"} "$hocket" train "$music" --run "$CHECKPOINT_DIR" --preset fixed \
    --loss_weight_input "$LOSS_WEIGHT_INPUT" --loss_weight_target "$LOSS_WEIGHT_TARGET" \
    --balance_loss_weight "$BALANCE_LOSS_WEIGHT" --novelty_weight "$NOVELTY_WEIGHT" \
    --gan_weight "$GAN_WEIGHT" "$@"
