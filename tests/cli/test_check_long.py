"""`hocket check` on recordings that are too long to be listened to wholly."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from hocket.audio import Audio, load, save
from hocket.audio.reading import FromFile
from hocket.cli import main
from hocket.diagnostics import listening
from hocket.diagnostics.listening import RATE_HZ, diagnose_heard, listen
from hocket.errors import AudioError


@pytest.fixture
def short_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of a second in place of a minute, so that eight seconds are long."""
    monkeypatch.setattr(listening, "PART_SECONDS", 1.0)


@pytest.fixture(scope="module")
def files(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """An overlay that comes 20.4 samples late, and its sources, of eight seconds."""
    from hocket.diagnostics.delays import delayed

    folder = tmp_path_factory.mktemp("long")
    line = (corpus / "pairs.csv").read_text(encoding="utf-8").splitlines()[1].split(",")
    sources = [np.tile(load(corpus / name).samples[0], 8)[: 8 * RATE_HZ] for name in line[:2]]
    overlay = delayed(sum(voice / np.std(voice) * 0.05 for voice in sources), 20.4)
    for name, samples in zip(("output", "input", "target"), (overlay, *sources), strict=True):
        save(folder / f"{name}.wav", Audio(samples[None].astype(np.float32), RATE_HZ), encoding="float32")
    return [folder / f"{name}.wav" for name in ("output", "input", "target")]


def command(files: list[Path], *extra: str) -> list[str]:
    return ["check", str(files[0]), "--input", str(files[1]), "--target", str(files[2]), *extra]


@pytest.mark.usefixtures("short_minutes")
def test_what_is_not_listened_to_is_said(files: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(command(files, "--json")) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["notes"] == ["5 s, sampled across the 8 s that all three share, were analysed."]
    assert found["verdict"] == "overlay"
    assert found["lag_seconds"] == pytest.approx(20.4 / RATE_HZ, abs=3e-6)
    assert main(command(files)) == 0
    assert "note           5 s, sampled across" in capsys.readouterr().out


def test_of_short_ones_there_is_nothing_to_note(
    files: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command(files, "--json")) == 0
    assert json.loads(capsys.readouterr().out)["notes"] == []


@pytest.mark.usefixtures("short_minutes")
def test_files_are_judged_as_the_same_sounds_in_memory(files: list[Path]) -> None:
    far = listen(*(FromFile(path, sample_rate=RATE_HZ) for path in files), most_minutes=3)
    near = listen(*(load(path) for path in files), most_minutes=3)
    assert far.spans == near.spans and len(far.spans) == 3 and not far.is_whole
    assert far.spans[0][0] == 0 and far.spans[-1][1] == far.num_samples
    assert diagnose_heard(far).as_dict() == pytest.approx(diagnose_heard(near).as_dict(), abs=1e-6)


@pytest.mark.usefixtures("short_minutes")
def test_silence_where_it_was_listened_to_is_said(files: list[Path], tmp_path: Path) -> None:
    samples = np.zeros(8 * RATE_HZ)
    # Of eight parts, the first, fourth or fifth, and last are listened to.
    samples[2 * RATE_HZ : 3 * RATE_HZ] = 0.5
    soundfile.write(tmp_path / "rare.wav", samples, RATE_HZ)
    rare = FromFile(tmp_path / "rare.wav", sample_rate=RATE_HZ)
    assert rare.peak == 0.5
    with pytest.raises(AudioError, match="the target is silent in the 3 s that were analysed"):
        listen(load(files[0]), load(files[1]), rare, most_minutes=3)


def test_a_stream_may_have_any_rate(files: list[Path]) -> None:
    far = listen(FromFile(files[0], sample_rate=48_000), load(files[1]), load(files[2]), most_minutes=3)
    near = listen(*(load(path) for path in files), most_minutes=3)
    found, expected = (diagnose_heard(heard).as_dict() for heard in (far, near))
    assert found["overlay_r2"] == pytest.approx(expected["overlay_r2"], abs=1e-3)


@pytest.mark.parametrize("fault", ["silent", "cut off"])
@pytest.mark.usefixtures("short_minutes")
def test_a_long_file_that_cannot_be_judged_is_named(
    files: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], fault: str
) -> None:
    bad = tmp_path / "bad.flac"
    sound = (
        np.zeros(9 * RATE_HZ) if fault == "silent" else np.random.default_rng(0).uniform(-1, 1, 9 * RATE_HZ)
    )
    soundfile.write(bad, sound, RATE_HZ)
    if fault == "cut off":
        bad.write_bytes(bad.read_bytes()[: bad.stat().st_size * 2 // 3])
    assert main(command([files[0], bad, files[2]])) == 2
    said = capsys.readouterr().err
    assert str(bad) in said and fault in said and said.count("\n") == 1


@pytest.mark.usefixtures("short_minutes")
def test_of_a_long_one_the_middle_is_drawn(
    files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: dict[str, object] = {}
    monkeypatch.setattr(listening, "PICTURE_MINUTES", 3 / 60)
    monkeypatch.setattr("hocket.pictures.draw_check", lambda path, **what: drawn.update(what))
    assert main(command(files, "--plot", str(tmp_path / "p.png"))) == 0
    assert isinstance(drawn["input"], np.ndarray) and drawn["input"].shape == (3 * RATE_HZ,)
    assert str(drawn["title"]).endswith(", from 0:02 on")
    # The middle of the output but for 21 samples, less the delay.
    middle = load(files[1]).samples[0, round(2.5 * RATE_HZ) - 10 :][: 3 * RATE_HZ]
    assert np.corrcoef(middle, drawn["input"])[0, 1] > 0.99


GROWTH = """
import sys
from hocket.audio.reading import FromFile
from hocket.diagnostics.listening import listen
heard = listen(*(FromFile(path, sample_rate=24_000) for path in sys.argv[1:]), most_minutes=2)
for span in heard.spans:
    heard.read(*span)
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc to read the peak of memory from")
def test_memory_does_not_grow_with_the_length(tmp_path: Path) -> None:
    peaks = []
    for minutes in (3, 12):
        files = [tmp_path / f"{name}.wav" for name in ("output", "input", "target")]
        for seed, path in enumerate(files):
            second = np.random.default_rng(seed).uniform(-0.5, 0.5, 8_000)
            soundfile.write(path, np.tile(second, 60 * minutes), 8_000)
        done = subprocess.run(
            [sys.executable, "-c", GROWTH, *map(str, files)],
            capture_output=True,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            check=True,
        )
        peaks.append(int(done.stdout) / 1024)
    # Nine minutes more of the three, mono at 24 kHz, are 155 MB.
    assert peaks[1] < peaks[0] + 40, peaks
