#!/bin/bash
# A whole SLURM on this machine: munge, slurmctld and slurmd on the loopback interface, in one folder.
#
#   scripts/slurm_up.sh [FOLDER]      (default /tmp/hocket-slurm; a short path: sockets allow 107 characters)
#
# Needs root and Debian's packages slurmctld, slurmd, slurm-client and munge. May be called again: what runs is kept.
# Then: export SLURM_CONF=FOLDER/slurm.conf; sinfo. It is ended by scripts/slurm_down.sh FOLDER.
set -euo pipefail

folder=$(realpath -m "${1:-/tmp/hocket-slurm}")
host=$(hostname -s)
export SLURM_CONF=$folder/slurm.conf

fail() {
    echo "slurm_up: $1" >&2
    exit 2
}

running() {
    [[ -s $folder/$1.pid ]] && kill -0 "$(<"$folder/$1.pid")" 2>/dev/null
}

(( EUID == 0 )) || fail "must be root: slurmd starts jobs in their users' names."
for name in munged slurmctld slurmd scontrol; do
    command -v "$name" >/dev/null || fail "$name is missing: apt-get install slurmctld slurmd slurm-client munge."
done

write_configuration() {
    # Eight processors are claimed whatever there is, so that jobs of several tasks fit (config_overrides).
    # cred_expire: a requeued job waits until its old credentials have run out, by default two minutes.
    # OverTimeLimit and KillWait are as strict as a cluster's may be; proctrack/linuxproc and task/none need no cgroups.
    cat >"$SLURM_CONF" <<CONFIGURATION
ClusterName=hocket
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=${SLURM_UP_PORT:-16817}
SlurmdPort=$(( ${SLURM_UP_PORT:-16817} + 1 ))
SlurmUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket=$folder/munge.socket,cred_expire=5
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
ReturnToService=2
JobRequeue=1
OverTimeLimit=0
KillWait=${SLURM_UP_KILL_WAIT:-10}
CompleteWait=0
InactiveLimit=0
MessageTimeout=10
SchedulerType=sched/builtin
SchedulerParameters=sched_interval=2,batch_sched_delay=0,sched_min_interval=0
NodeName=$host NodeAddr=127.0.0.1 CPUs=8 Boards=1 SocketsPerBoard=1 CoresPerSocket=8 ThreadsPerCore=1 RealMemory=1000
PartitionName=test Nodes=$host Default=YES MaxTime=60 State=UP
CONFIGURATION
}

start_munge() {
    running munged && return
    [[ -f $folder/munge.key ]] || dd if=/dev/urandom of="$folder/munge.key" bs=128 count=1 status=none
    chmod 600 "$folder/munge.key"
    # --force: a folder below /tmp is not one that munge would choose for its socket and its log.
    munged --force --key-file="$folder/munge.key" --socket="$folder/munge.socket" --pid-file="$folder/munged.pid" \
        --log-file="$folder/munged.log" --seed-file="$folder/munge.seed" 2>>"$folder/munged.log" \
        || fail "munged did not start: $(tail -n 1 "$folder/munged.log")"
}

wait_for_node() {
    local state=unknown
    for _ in $(seq 100); do
        state=$(timeout 5 sinfo --noheader --format=%T 2>/dev/null || true)
        [[ $state == idle || $state == mixed || $state == allocated ]] && return
        sleep 0.2
    done
    fail "the node is $state after 20 s: see $folder/slurmctld.log and $folder/slurmd.log."
}

mkdir -p "$folder"/{state,spool}
chmod 755 "$folder"
running slurmctld || write_configuration
start_munge
running slurmctld || slurmctld -f "$SLURM_CONF" || fail "slurmctld did not start: see $folder/slurmctld.log."
running slurmd || slurmd -f "$SLURM_CONF" || fail "slurmd did not start: see $folder/slurmd.log."
wait_for_node
echo "SLURM_CONF=$SLURM_CONF"
