#!/usr/bin/env bash
# make dist: builds sdist and wheel into dist/, then uses the wheel as someone who has nothing else: `fuse` in an empty
# environment, then each verb that needs an extra, first without it and then with it. Needs a package index, and 3 GB of disk.
set -euo pipefail
cd "$(dirname "$0")/.."
python="${PYTHON:-${BIN:-.venv/bin}/python}"
dist="${1:-dist}"
torch_index="${TORCH_INDEX:-https://download.pytorch.org/whl/cpu}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
examples=src/hocket/examples
input="$PWD/$examples/drums-strings-rhythm.mp3" target="$PWD/$examples/drums-strings-harmony.mp3"

say() { printf '\n== %s\n' "$*"; }
fail() { printf 'check_package: %s\n' "$*" >&2; exit 1; }

say "Building, in an environment of its own"
"$python" -m venv "$work/tools"
"$work/tools/bin/pip" install --quiet build==1.6.1 twine==7.0.0
rm -rf "$dist"
"$work/tools/bin/python" -m build --outdir "$dist" . >"$work/build.log" 2>&1 || { cat "$work/build.log" >&2; exit 1; }
"$work/tools/bin/twine" check --strict "$dist"/*
wheel=$(realpath "$dist"/*.whl)
ls -l "$dist"

say "Installing the wheel in an empty environment"
"$python" -m venv "$work/empty"
bin="$work/empty/bin"
pip() { "$bin/pip" install --quiet --constraint constraints.txt "$@"; }
grep -v '^#' constraints.txt >"$work/torch.txt"
"$bin/pip" install --quiet --requirement "$work/torch.txt" ||
    "$bin/pip" install --quiet --index-url "$torch_index" --requirement "$work/torch.txt"
pip "$wheel"
"$bin/pip" check
root="$PWD"
mkdir "$work/desk"
cd "$work/desk"                 # away from the checkout, whose modules must not help
unset PYTHONPATH

# lacks EXTRA VERB...: exit code 2 and one line that names the extra.
lacks() {
    local extra=$1 code=0
    shift
    "$bin/hocket" "$@" >out.txt 2>err.txt || code=$?
    { [ "$code" -eq 2 ] && [ "$(wc -l <err.txt)" -eq 1 ] && grep -q "pip install 'hocket\[$extra\]'" err.txt; } ||
        fail "hocket $1 without the extra $extra ended with $code and said: $(cat out.txt err.txt)"
    cat err.txt
}

# with EXTRA: installs it from the same wheel.
with() {
    (cd "$root" && pip "$wheel[$1]")
    say "With the extra $1"
}

say "Only what fuse needs"
"$bin/hocket" --version
"$bin/hocket" fuse "$input" "$target" -o fused.wav
[ -s fused.wav ] && [ -s fused.wav.hocket.json ] || fail "hocket fuse wrote no fused.wav"
"$bin/hocket" doctor
mkdir outputs
cp fused.wav outputs/000.wav
printf 'input,target\n%s,%s\n' "$input" "$target" >pairs.csv

say "What an extra would do says so"
lacks studio studio --port 0 --no-browser
lacks eval evaluate --pairs pairs.csv --outputs outputs
lacks onnx export -o model.onnx
lacks pictures check fused.wav --input "$input" --target "$target" --plot picture.png
lacks formats fuse "$input" "$target" -o fused.m4a

with studio
"$bin/hocket" studio --port 0 --no-browser >studio.txt &
studio=$!
for _ in $(seq 600); do grep -q http studio.txt && break || sleep 0.1; done
"$bin/python" - "$(grep -o 'http://[^ ]*' studio.txt | head -1)" <<'EOF'
import sys, urllib.request
with urllib.request.urlopen(sys.argv[1], timeout=60) as answer:
    assert answer.status == 200 and b"<title>" in answer.read()
    print(sys.argv[1], "answers")
EOF
kill "$studio"
wait "$studio" || true

with eval
"$bin/hocket" evaluate --pairs pairs.csv --outputs outputs

with pictures
"$bin/hocket" check fused.wav --input "$input" --target "$target" --plot picture.png
[ -s picture.png ] || fail "hocket check --plot drew nothing"

with onnx
"$bin/hocket" export -o model.onnx

with formats
"$bin/hocket" fuse "$input" "$target" -o fused.m4a

say "$dist is ready"
