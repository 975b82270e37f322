"""`hocket export` and the example that fuses with its file and without torch."""

import contextlib
import io
import runpy
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from hocket import outputs
from hocket.cli import export, main
from hocket.data.synthetic.render import render_song
from hocket.data.synthetic.songs import make_song
from hocket.errors import CheckpointError, HocketError
from hocket.model import load_model

EXAMPLE = Path(__file__).parents[2] / "examples" / "fuse_without_torch.py"
SECONDS = 6.0
WITHOUT = """
import runpy, sys
for name in ("torch", "hocket", "onnx", "scipy"):
    sys.modules[name] = None
script, *sys.argv[1:] = sys.argv[1:]
runpy.run_path(script, run_name="__main__")
"""


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The default weights as ONNX, and what was printed."""
    path = tmp_path_factory.mktemp("exported") / "model.onnx"
    with contextlib.redirect_stdout(io.StringIO()) as said:
        assert export.run(["-o", str(path)]) == 0
    return path, said.getvalue()


@pytest.fixture(scope="module")
def songs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Drums in stereo, and longer chords in mono, at the model's rate."""
    folder = tmp_path_factory.mktemp("songs")
    paths = []
    for index, (kind, seconds) in enumerate((("drums", SECONDS), ("chords", SECONDS + 1.0))):
        samples = render_song(make_song(6, index, kind), duration_seconds=seconds, sample_rate=24_000)
        if kind == "drums":
            samples = np.stack([samples, 0.5 * np.roll(samples, 100)], axis=1)
        paths.append(folder / f"{kind}.wav")
        soundfile.write(paths[-1], samples, 24_000, subtype="FLOAT")
    return paths


def test_what_is_printed_says_what_is_in_the_file(exported: tuple[Path, str]) -> None:
    path, said = exported
    model, _ = load_model()
    assert outputs.is_ours(path)
    assert said.startswith(f"{path}  ") and "opset 20" in said
    assert f"[batch, frames, {model.codec.dim}]" in said and f"{model.sample_rate} Hz" in said
    figures = [line.split()[-3:] for line in said.splitlines()[-5:]]
    assert all(float(figure) <= 1e-4 for row in figures for figure in row)
    assert any(float(figure) > 0 for row in figures for figure in row)
    assert [entry.name for entry in path.parent.iterdir()] == ["model.onnx"]


def test_fusing_without_torch_gives_what_pytorch_gives(
    exported: tuple[Path, str], songs: list[Path], tmp_path: Path
) -> None:
    output = tmp_path / "fused.wav"
    arguments = [str(path) for path in (EXAMPLE, exported[0], *songs, output)]
    subprocess.run([sys.executable, "-c", WITHOUT, *arguments], check=True)
    given, rate = soundfile.read(output, dtype="float32")
    sources = [soundfile.read(path, dtype="float32", always_2d=True)[0].T for path in songs]
    model, _ = load_model()
    # What is no part of the graph.
    model.cascade.config = replace(model.cascade.config, reattack=0.0)
    expected = model.inference(*sources)
    assert rate == 24_000 and given.T.shape == expected.shape == (2, round(SECONDS * rate))
    np.testing.assert_allclose(given.T, expected, atol=1e-4)
    assert np.abs(expected).max() > 0.1


def test_the_example_cuts_and_resamples(
    exported: tuple[Path, str], songs: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = runpy.run_path(str(EXAMPLE))
    monkeypatch.setitem(script["main"].__globals__, "MOST_SECONDS", 2.0)
    samples, rate = soundfile.read(songs[0])
    soundfile.write(tmp_path / "fast.wav", samples, 2 * rate)
    script["main"](str(exported[0]), str(tmp_path / "fast.wav"), str(songs[1]), str(tmp_path / "out.wav"))
    facts = soundfile.info(tmp_path / "out.wav")
    assert (facts.samplerate, facts.frames, facts.channels) == (24_000, 48_000, 2)


def test_its_transform_undoes_itself() -> None:
    script = runpy.run_path(str(EXAMPLE))
    waveform = np.random.default_rng(0).standard_normal((2, 5_003)).astype(np.float32)
    for fft_size, hop in ((512, 128), (1024, 200)):
        spectra = script["stft"](waveform, fft_size, hop)
        assert spectra.shape == (2, 1 + 5_003 // hop, fft_size // 2 + 1)
        np.testing.assert_allclose(script["istft"](spectra, fft_size, hop, 5_003), waveform, atol=1e-5)


def test_a_run_that_is_none_is_told(tmp_path: Path) -> None:
    damaged = tmp_path / "best.safetensors"
    damaged.write_bytes(b"no weights" * 20)
    for path, words in (
        (tmp_path / "nowhere", "is not a checkpoint"),
        (damaged, "is damaged or not a checkpoint"),
    ):
        with pytest.raises(CheckpointError, match=words) as told:
            export.run([str(path), "-o", str(tmp_path / "model.onnx")])
        assert "\n" not in str(told.value)
    assert list(tmp_path.iterdir()) == [damaged]


def test_faults_are_one_line_and_exit_code_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(tmp_path / "nowhere"), "--output", str(tmp_path / "model.onnx")]) == 2
    said = capsys.readouterr()
    assert said.err.startswith("hocket export: error: ") and said.err.count("\n") == 1 and not said.out


def test_a_place_that_is_none_is_told_before_anything_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "folder.onnx").mkdir()
    for name, words in (
        ("model.pt", r"does not end in \.onnx"),
        ("folder.onnx", "is a folder"),
        ("nowhere/model.onnx", "is not a folder: create it first"),
    ):
        with pytest.raises(HocketError, match=words):
            export.run([str(tmp_path / "no-run"), "-o", str(tmp_path / name)])
