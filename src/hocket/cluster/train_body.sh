set -uo pipefail

# What this script does
#   1. starts one process per task with srun; together they are one training run;
#   2. before the time limit SLURM sends them USR1: they save a checkpoint and exit with code 138;
#   3. then this script puts the job back into the queue; when it starts again, training continues from that checkpoint.
# Preempted jobs are requeued by SLURM itself (--requeue) and continue in the same way.
# After an error (any other code) the job ends with that code and is not requeued: the log says why.
readonly WARNED=138 MAX_STALLED=3

say() {
    echo "hocket slurm: $(date '+%F %T') job ${SLURM_JOB_ID:-?}: $*"
}

refuse() {
    say "$*" >&2
    exit 2
}

# --fresh is for the first start only: a job that starts over whenever it is requeued would never end.
run='' previous='' arguments=()
for word in "$@"; do
    [[ $previous =~ ^--run([-_]dir)?$ ]] && run=$word
    [[ $word =~ ^--run([-_]dir)?=(.*)$ ]] && run=${BASH_REMATCH[2]}
    previous=$word
    [[ $word == --fresh && ${SLURM_RESTART_COUNT:-0} -gt 0 ]] || arguments+=("$word")
done

[[ -n ${SLURM_JOB_ID:-} ]] || refuse "this is a batch script: give it to sbatch."
[[ -n $run ]] || refuse "no run folder: sbatch SCRIPT train DATA --run RUN_DIR."
[[ -z ${SLURM_ARRAY_TASK_ID:-} ]] || refuse "the jobs of an array would share $run: submit one job for each run."
[[ -x $python ]] || refuse "$python cannot be run on $(hostname): give --venv, or set HOCKET_PYTHON."

# The step of the newest checkpoint: a job that makes no step between two starts must not be requeued forever.
reached() {
    local path number step=0
    for path in "$run"/checkpoints/step-*.safetensors; do
        [[ $path =~ /step-([0-9]+)\.safetensors$ ]] || continue
        number=$(( 10#${BASH_REMATCH[1]} ))
        (( number > step )) && step=$number
    done
    echo "$step"
}

# Starts in a row without a step are counted in a file next to the run folder, which outlives this job.
readonly stalled_file=${run%/}.stalled

requeue_after() {
    local stalled=0
    if (( $(reached) > $1 )); then
        rm -f "$stalled_file"
    else
        [[ -f $stalled_file ]] && stalled=$(<"$stalled_file")
        stalled=$(( stalled + 1 ))
        if (( stalled >= MAX_STALLED )); then
            rm -f "$stalled_file"
            say "no step in $stalled starts: not requeued; give a longer --time, or find out what is slow."
            return
        fi
        echo "$stalled" >"$stalled_file" || { say "$stalled_file cannot be written: not requeued."; return; }
    fi
    say "stopped at step $(reached) before the time limit: requeued, and will continue from its checkpoint."
    scontrol requeue "$SLURM_JOB_ID" || say "could not be requeued: submit the same job again and it will continue."
}

# One meeting point for all tasks: the first node, and a port that two jobs on one node do not share. Below 30000
# since Linux hands out higher ones by itself.
MASTER_ADDR=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | sed -n 1p)
MASTER_PORT=$(( 10000 + SLURM_JOB_ID % 20000 ))
export MASTER_ADDR MASTER_PORT
# Threads: as many as the task was given, or each task would start one for every core of the node.
export OMP_NUM_THREADS=${SLURM_CPUS_PER_TASK:-1}
# Write the log without delay, so that it can be read while the job runs.
export PYTHONUNBUFFERED=1

# SLURM warns the tasks, not this shell, unless somebody wrote --signal=B:...; then srun hands it on to the tasks.
step='' interrupted=''
on_warning() {
    interrupted=yes
    [[ -n $step ]] && kill -USR1 "$step" 2>/dev/null
}
trap on_warning USR1

say "start ${SLURM_RESTART_COUNT:-0} on $SLURM_JOB_NODELIST, ${SLURM_NTASKS:-1} tasks, from step $(reached) of $run"
before=$(reached)
# wait: when one task dies, the others would wait for it until the time limit. Not kill-on-bad-exit, by which the first
# task that has saved and ended with 138 gets the others killed on their way out: srun then returns 143.
# cpus-per-task: since SLURM 22.05 srun does not take it from the job by itself.
srun --kill-on-bad-exit=0 --wait=15 --cpus-per-task="${SLURM_CPUS_PER_TASK:-1}" "$python" -m hocket "${arguments[@]}" &
step=$!

# A trapped signal ends `wait` early, with the same code 138, so only a wait that was not interrupted gives the real exit code.
while true; do
    interrupted=''
    wait "$step"
    code=$?
    [[ -n $interrupted ]] || break
done

case $code in
    0) rm -f "$stalled_file"; say "finished." ;;
    "$WARNED") requeue_after "$before" ;;
    *) say "ended with exit code $code: not requeued; fix the error above, and submit the same job again." ;;
esac
exit "$code"
