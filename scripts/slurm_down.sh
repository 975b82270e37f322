#!/bin/bash
# Ends what scripts/slurm_up.sh started: all jobs, slurmd, slurmctld and munge. The folder with its logs stays.
#
#   scripts/slurm_down.sh [FOLDER]
set -uo pipefail

folder=$(realpath -m "${1:-/tmp/hocket-slurm}")
export SLURM_CONF=$folder/slurm.conf

# Only ever by the numbers in the folder's own files: another SLURM on this machine is none of ours.
stop() {
    local file=$folder/$1.pid number
    [[ -s $file ]] || return 0
    number=$(<"$file")
    kill "$number" 2>/dev/null
    for _ in $(seq 50); do
        kill -0 "$number" 2>/dev/null || break
        sleep 0.1
    done
    kill -9 "$number" 2>/dev/null
    rm -f "$file"
}

if [[ -s $folder/slurmctld.pid ]] && kill -0 "$(<"$folder/slurmctld.pid")" 2>/dev/null; then
    timeout 10 scancel --user=root --signal=KILL --full 2>/dev/null
    timeout 10 scancel --user=root 2>/dev/null
    for _ in $(seq 50); do
        [[ -z $(timeout 5 squeue --noheader 2>/dev/null) ]] && break
        sleep 0.2
    done
fi
stop slurmd
stop slurmctld
stop munged
