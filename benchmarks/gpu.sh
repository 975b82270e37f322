#!/bin/bash
# All that needs a GPU, on a machine with one CUDA device and within 8 minutes: tests, the pace of training (float32, bf16,
# compiled, EnCodec) and of fusing beside the memory's bandwidth, two processes on one GPU.
#   bash benchmarks/gpu.sh                                 writes docs/results/gpu.md
#   DEVICE=cpu OUT=/tmp/gpu.md bash benchmarks/gpu.sh      a dry run without a GPU: every part, small, without a limit
set -uo pipefail
cd "$(dirname "$0")/.."

python=${PYTHON:-.venv/bin/python} device=${DEVICE:-cuda} out=${OUT:-docs/results/gpu.md}
code=0 limits=(120 330) quick=()
[[ $device == cuda* ]] || limits=(0 0) quick=(--quick)

tests=$(timeout "${limits[0]}" "$python" -m pytest -q tests/test_devices.py 2>&1) || code=$?
echo "$tests"
timeout "${limits[1]}" "$python" -m benchmarks --only gpu --device "$device" "${quick[@]}" -o "$out" || code=$?
[[ ! -f $out ]] || printf '\n`pytest tests/test_devices.py`: %s\n' "$(tail -n 1 <<<"$tests")" >>"$out"

exit "$code"
