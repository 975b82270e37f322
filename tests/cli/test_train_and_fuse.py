"""The main job through the command line: train, continue, fuse, and every mistake in one sentence."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from forked import hocket
from hocket import audio
from hocket.audio import Audio


def assert_one_sentence(result: subprocess.CompletedProcess[str], *parts: str) -> None:
    """Exit code 2 and one line on stderr that names the thing: no traceback."""
    assert result.returncode == 2, result.stderr
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, result.stderr
    for part in parts:
        assert part in lines[0]


@pytest.fixture(scope="module")
def run(tmp_path_factory, corpus) -> Path:
    """A run that took a few steps."""
    from small_run import SMALL

    folder = tmp_path_factory.mktemp("runs") / "run"
    flags = [f"--{name}={value}" for name, value in SMALL.items()]
    result = hocket("train", corpus / "music", "--run", folder, *flags)
    assert result.returncode == 0, result.stderr
    (folder / "stdout.txt").write_text(result.stdout)
    return folder


def test_training_says_what_it_does(run) -> None:
    text = (run / "stdout.txt").read_text()
    for part in (
        "Epoch 1/2", "examples/s", "ETA", "masks         input 0.", "complementarity", "output→input", "output→target",
        "margins       rhythm", "overlay R²", "milestone     output→input > 0.40 by epoch 1", "masks balanced",
        "hocket fuse INPUT TARGET",
    ):  # fmt: skip
        assert part in text


def test_every_batch_is_diagnosed(run) -> None:
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    steps = [line for line in lines if line["kind"] == "train"]
    assert [line["step"] for line in steps] == list(range(1, 7))
    wanted = {
        "output_input_correlation", "output_target_correlation", "verdict", "rhythm_margin", "harmony_margin",
        "articulation_margin", "overlay_r2", "input_mask_mean", "target_mask_mean", "complementarity",
        "mask_variance", "gradient_norm", "loss/rhythm", "loss/harmony", "loss/articulation", "loss/balance",
    }  # fmt: skip
    assert all(wanted <= line.keys() for line in steps)
    assert (run / "tensorboard").is_dir()


def test_an_untrained_model_is_called_an_overlay(run) -> None:
    first = json.loads((run / "log.jsonl").read_text().splitlines()[1])
    assert first["kind"] == "train"
    # Not quite 1: the tone control makes the mix no brighter than its sources.
    assert first["overlay_r2"] == pytest.approx(1.0, abs=0.05)
    assert first["complementarity"] == pytest.approx(0.75, abs=0.01)


def test_a_finished_run_is_judged_again_not_trained_again(run, corpus, small_flags) -> None:
    before = {path.name: path.read_bytes() for path in (run / "checkpoints").iterdir()}
    result = hocket("train", corpus / "music", "--run", run, *small_flags)
    assert result.returncode == 0, result.stderr
    assert "continuing after step 6 of 6" in result.stdout
    assert {path.name: path.read_bytes() for path in (run / "checkpoints").iterdir()} == before


def test_the_config_file_repeats_the_run(run, corpus, tmp_path) -> None:
    result = hocket("train", "--config", run / "config.toml", "--run", tmp_path / "again")
    assert result.returncode == 0, result.stderr
    assert str((corpus / "music").resolve()) in (run / "config.toml").read_text()
    assert (tmp_path / "again" / "config.toml").read_text() == (run / "config.toml").read_text()
    from hocket.model.weights import load_model, weights_hash

    assert weights_hash(load_model(tmp_path / "again" / "best")[0]) == weights_hash(
        load_model(run / "best")[0]
    )


def test_strict_exits_with_3_when_the_checklist_is_not_met(prepared, tmp_path, small_flags) -> None:
    flags = [*small_flags, "--num-epochs=1", "--steps-per-epoch=1"]
    assert hocket("train", prepared, "--run", tmp_path / "r", "--strict", *flags).returncode == 3


def test_fuse_one_pair(run, corpus, tmp_path) -> None:
    songs = sorted((corpus / "music").iterdir())
    out = tmp_path / "new.wav"
    result = hocket("fuse", songs[0], songs[1], "-o", out, "--checkpoint", run / "best")
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith(f"Saved {out} (0:06, mono, 24 kHz)\n")
    fused = audio.load(out)
    assert (fused.sample_rate, fused.num_channels, fused.num_samples) == (24_000, 1, 144_000)
    sidecar = json.loads((tmp_path / "new.wav.hocket.json").read_text())
    assert sidecar["diagnosis"]["verdict"] in result.stdout.lower() or "mixes" in result.stdout
    assert sidecar["masks"]["input_mask_mean"] == pytest.approx(0.5, abs=0.1)
    assert hocket("fuse", songs[0], songs[1], "-o", tmp_path / "b.wav", "--checkpoint", run).returncode == 0
    assert (tmp_path / "b.wav").read_bytes() == out.read_bytes()


def test_fuse_any_rate_and_channels_longer_than_a_chunk(run, tmp_path) -> None:
    rng = np.random.default_rng(0)
    stereo = rng.normal(0, 0.1, (2, 44_100 * 16)).astype(np.float32)
    mono = rng.normal(0, 0.3, (1, 8_000 * 15)).astype(np.float32)
    audio.save(tmp_path / "stereo.flac", Audio(stereo, 44_100))
    audio.save(tmp_path / "mono.wav", Audio(mono.clip(-1, 1), 8_000), encoding="float32")
    out = tmp_path / "out.flac"
    result = hocket(
        "fuse", tmp_path / "stereo.flac", tmp_path / "mono.wav", "-o", out, "--checkpoint", run / "latest"
    )
    assert result.returncode == 0, result.stderr
    fused = audio.load(out)
    assert (fused.sample_rate, fused.num_channels, fused.duration_seconds) == (44_100, 2, 16.0)
    assert np.abs(fused.samples).max() <= 0.9
    assert "note: the target was looped 1.1 times." in result.stdout


def test_fuse_needs_no_training_and_takes_a_musicians_wishes(corpus, tmp_path) -> None:
    songs = sorted((corpus / "music").iterdir())
    out = tmp_path / "new.wav"
    wishes = [
        "--input-amount",
        0.5,
        "--target_amount=1.5",
        "--reattack",
        1,
        "--align",
        "tempo",
        "--length",
        "longest",
    ]
    result = hocket("fuse", songs[0], songs[1], "-o", out, *wishes, "--sample-rate", 48_000, "--channels", 2)
    assert result.returncode == 0, result.stderr
    fused = audio.load(out)
    assert (fused.sample_rate, fused.num_channels) == (48_000, 2) and fused.duration_seconds >= 6.0
    sidecar = json.loads((tmp_path / "new.wav.hocket.json").read_text())
    assert sidecar["checkpoint"]["path"].endswith("weights/default.safetensors")
    assert sidecar["options"]["controls"] == {
        "blend": 0.5,
        "input_amount": 0.5,
        "target_amount": 1.5,
        "reattack": 1.0,
    }
    assert sidecar["notes"] and all(f"note: {note}" in result.stdout for note in sidecar["notes"])


@pytest.mark.parametrize(
    ("flag", "value", "said"),
    [
        ("--input_amount", 9, "input_amount is 9.0: give 0 to 4"),
        ("--reattack", -1, "reattack is -1.0: give 0 to 4"),
        ("--sample_rate", 100, "sample_rate is 100"),
        ("--channels", 0, "num_channels is 0"),
        ("--align", "swing", "bars"),
    ],
)
def test_wishes_that_cannot_be_met(corpus, tmp_path, flag, value, said) -> None:
    songs = sorted((corpus / "music").iterdir())
    result = hocket("fuse", songs[0], songs[1], "-o", tmp_path / "new.wav", flag, value)
    assert result.returncode == 2 and said in result.stderr and "Traceback" not in result.stderr
    assert not list(tmp_path.iterdir())


def test_fuse_pairs_goes_on_after_a_bad_row(run, corpus, tmp_path) -> None:
    songs = sorted((corpus / "music").iterdir())
    audio.save(tmp_path / "silent.wav", Audio(np.zeros((1, 48_000), np.float32), 24_000))
    rows = [(songs[0], songs[1]), (tmp_path / "silent.wav", songs[2]), (songs[3], songs[4])]
    pairs = tmp_path / "pairs.csv"
    with pairs.open("w", newline="") as handle:
        csv.writer(handle).writerows([("input", "target"), *rows])
    result = hocket("fuse", "--pairs", pairs, "-o", tmp_path / "out", "--checkpoint", run / "best")
    assert result.returncode == 1
    assert "silent.wav" in result.stderr
    assert "2 fused, 1 failed" in result.stdout
    named = [f"{place:03d} {input.stem} x {target.stem}.wav" for place, (input, target) in enumerate(rows)]
    assert sorted(path.name for path in (tmp_path / "out").glob("*.wav")) == [named[0], named[2]]
    table = list(csv.DictReader((tmp_path / "out" / "results.csv").read_text().splitlines()))
    assert [row["output"] for row in table] == [named[0], "", named[2]]
    assert "silent" in table[1]["error"]
    assert len(json.loads((tmp_path / "out" / "results.json").read_text())) == 3


def test_fuse_samples_of_the_validation_split(run, tmp_path) -> None:
    result = hocket("fuse", "--checkpoint", run / "best", "--num_samples", 2, "-o", tmp_path)
    assert result.returncode == 0, result.stderr
    pictures = ("000.wav.hocket.png", "000.wav.hocket.masks.png")
    for name in ("000.wav", "000_input.wav", "000_target.wav", *pictures, "001.wav"):
        assert (tmp_path / name).stat().st_size > 1000
    held_out = json.loads((tmp_path / "000.wav.hocket.json").read_text())["input"]["path"]
    start = json.loads((run / "log.jsonl").read_text().splitlines()[0])
    assert held_out in start["validation_songs"]


@pytest.mark.parametrize(
    ("flags", "parts"),
    [
        (["--harmony_wieght", "2"], ["--harmony_wieght", "--harmony-weight"]),
        (["--preset", "fixd"], ["fixd", "fixed"]),
        (["--rhythm-weight", "-1"], ["rhythm_weight", "at least 0"]),
        (["--rhythm-weight", "nan"], ["rhythm_weight"]),
        (["--batch_size", "many"], ["batch_size"]),
        (["--config", "no.toml"], ["no.toml"]),
        (["--device", "tpu"], ["device"]),
        (["--hop", "900"], ["hop", "512"]),
    ],
)
def test_wrong_settings_are_one_sentence(corpus, tmp_path, flags, parts) -> None:
    result = hocket("train", corpus / "music", "--run", tmp_path / "r", *flags)
    assert_one_sentence(result, *parts)
    assert not (tmp_path / "r").exists()


def test_flags_may_stand_before_the_music(prepared, tmp_path, small_flags) -> None:
    words = ["--loss-weight-input", "0.5", prepared, "--run", tmp_path / "r", *small_flags]
    assert hocket("train", *words).returncode == 0
    assert "reconstruction_input_weight = 0.5" in (tmp_path / "r" / "config.toml").read_text()


def test_wrong_folders_are_one_sentence(corpus, tmp_path) -> None:
    assert_one_sentence(hocket("train", tmp_path / "none", "--run", tmp_path / "r"), "none")
    (tmp_path / "empty").mkdir()
    assert_one_sentence(hocket("train", tmp_path / "empty", "--run", tmp_path / "r"), "empty")
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.txt").write_text("mine")
    assert_one_sentence(
        hocket("train", corpus / "music", "--run", other), "other", "something other than a run"
    )
    assert [path.name for path in other.iterdir()] == ["thesis.txt"]
    assert_one_sentence(hocket("train", corpus / "music"), "--run")


def test_wrong_checkpoints_are_one_sentence(run, corpus, tmp_path) -> None:
    songs = sorted((corpus / "music").iterdir())[:2]
    out = tmp_path / "out.wav"
    assert_one_sentence(
        hocket("fuse", *songs, "-o", out, "--checkpoint", tmp_path / "no"), "is not a checkpoint"
    )
    (tmp_path / "bad.safetensors").write_bytes(b"x" * 100)
    bad = hocket("fuse", *songs, "-o", out, "--checkpoint", tmp_path / "bad.safetensors")
    assert_one_sentence(bad, "bad.safetensors", "damaged")
    assert_one_sentence(
        hocket("fuse", *songs, "-o", tmp_path / "out.ogg", "--checkpoint", run), "out.ogg", ".wav"
    )
    assert_one_sentence(hocket("fuse", *songs, "-o", songs[0], "--checkpoint", run), "is also read")
    assert_one_sentence(hocket("fuse", songs[0], "-o", out, "--checkpoint", run), "has no TARGET")
    assert not out.exists()


@pytest.mark.slow
def test_sigterm_leaves_a_checkpoint_and_a_distinct_exit_code(prepared, tmp_path, small_flags) -> None:
    words = ["train", prepared, "--run", tmp_path / "r", *small_flags, "--steps_per_epoch=500"]
    process = subprocess.Popen(
        [sys.executable, "-m", "hocket", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("run "):
            break
    process.terminate()
    out, err = process.communicate(timeout=120)
    assert process.returncode == 143, err
    assert "run the same command again to continue" in out
    again = hocket("train", prepared, "--run", tmp_path / "r", *small_flags, "--steps_per_epoch=501")
    assert_one_sentence(again, "steps_per_epoch = 500, not 501")
