"""The public interface: its names, its signatures, and that they do what they say."""

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import hocket
from hocket import audio, examples
from hocket.errors import AudioError, ConfigError

RHYTHM, HARMONY = (examples.FOLDER / f"percussion-piano-{part}.mp3" for part in ("rhythm", "harmony"))


def test_nothing_comes_or_goes_unnoticed() -> None:
    assert hocket.__all__ == ["__version__", "check", "fuse", "load_model"]
    parameters = {
        name: list(inspect.signature(getattr(hocket, name)).parameters)
        for name in ("check", "fuse", "load_model")
    }
    assert parameters == {
        "check": ["output", "input", "target"],
        "fuse": ["input", "target", "output", "checkpoint", "device", "options"],
        "load_model": ["checkpoint"],
    }
    assert all(inspect.getdoc(getattr(hocket, name)) for name in parameters)


def test_importing_it_loads_no_torch() -> None:
    code = "import sys, hocket; assert 'torch' not in sys.modules and 'numpy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_two_files_are_fused_written_and_checked(tmp_path: Path) -> None:
    output = tmp_path / "new.flac"
    fused = hocket.fuse(RHYTHM, str(HARMONY), output, reattack=0.5)
    assert fused.options.reattack == 0.5
    assert audio.info(output).num_samples == fused.audio.num_samples
    assert hocket.check(output, input=RHYTHM, target=HARMONY).level == "fusion"


def test_mistakes_are_found_before_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hocket.fusing.Fuser.from_checkpoint", None)
    with pytest.raises(ConfigError, match="no option belnd"):
        hocket.fuse(RHYTHM, HARMONY, belnd=0.6)
    with pytest.raises(ConfigError, match="blend is 2"):
        hocket.fuse(RHYTHM, HARMONY, blend=2)
    with pytest.raises(ConfigError, match="percussion-piano-rhythm"):
        hocket.fuse(RHYTHM, HARMONY, RHYTHM)
    with pytest.raises(AudioError, match=r"use --sample-rate|cannot store"):
        hocket.fuse(RHYTHM, HARMONY, tmp_path / "new.mp3", sample_rate=96_000)
    assert RHYTHM.stat().st_size > 0


def test_a_model_is_ready_to_fuse() -> None:
    model = hocket.load_model()
    assert not model.training
    with pytest.raises(hocket.errors.CheckpointError, match="nowhere"):
        hocket.load_model("nowhere")
