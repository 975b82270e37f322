"""Long recordings: the same result from a disk as from memory, in memory that hardly grows, and nothing left behind."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from small_fuser import small_fuser

from hocket import audio
from hocket.audio import MAX_SAMPLES, Audio, streams
from hocket.data.synthetic.render import render_song
from hocket.data.synthetic.songs import make_song
from hocket.errors import AudioError
from hocket.fusing import FuseOptions
from hocket.fusing.judging import chosen_minutes, diagnose_fusion, excerpt
from hocket.fusing.ladder import Fusion

RATE = 44_100
CHILD = {**os.environ, "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}


def write_minutes(path: Path, minutes: float, kind: str, *, channels: int = 2, rate: int = RATE) -> Path:
    """A rendered song over and over, with a little noise that is new each time, written block by block."""
    song = render_song(make_song(77, 0, kind), duration_seconds=10.0, sample_rate=rate)  # type: ignore[arg-type]
    song = np.tile(0.7 * song / np.abs(song).max(), (channels, 1)).T
    random = np.random.default_rng(0)
    with soundfile.SoundFile(path, "w", rate, channels, subtype="PCM_16") as sound:
        for _ in range(max(1, round(minutes * 6))):
            sound.write(np.clip(song + 0.002 * random.standard_normal(song.shape), -1, 1))
    return path


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Forty seconds of drums in stereo, which are two chunks, half a minute of chords at another rate."""
    folder = tmp_path_factory.mktemp("pair")
    return (
        write_minutes(folder / "drums.wav", 4 / 6, "drums", rate=16_000),
        write_minutes(folder / "chords.wav", 0.5, "chords", channels=1, rate=22_050),
    )


def difference_db(first: Audio, second: Audio) -> float:
    assert first.samples.shape == second.samples.shape and first.sample_rate == second.sample_rate
    difference = np.sqrt(np.mean((first.samples - second.samples).astype(np.float64) ** 2))
    return float(20 * np.log10(difference / np.sqrt(np.mean(first.samples.astype(np.float64) ** 2)) + 1e-20))


OPTIONS = {
    "plain": FuseOptions(),
    "reattack": FuseOptions(target_amount=0.8, reattack=1.5),
    "beats": FuseOptions(align="beats", length="longest"),
    "tempo": FuseOptions(align="tempo", sample_rate=24_000, num_channels=1),
    "stretch": FuseOptions(fit="stretch", length="target"),
    "cut": FuseOptions(length="shortest", sample_rate=32_000),
}


@pytest.mark.parametrize("name", OPTIONS)
def test_a_disk_gives_what_memory_gives(
    name: str, pair: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fuser, options = small_fuser(), OPTIONS[name]
    held = fuser.fuse_files(*pair, options=options)
    monkeypatch.setattr(streams, "MOST_IN_MEMORY", 0)
    monkeypatch.setattr(streams, "BLOCK_SECONDS", 3.0)
    facts = fuser.fuse_to_file(*pair, tmp_path / "out.wav", options=options, encoding="float32")
    assert difference_db(held.audio, audio.load(tmp_path / "out.wav")) < -90
    assert facts.notes == held.notes and facts.num_samples == held.audio.num_samples
    assert facts.levels == pytest.approx(held.levels, rel=1e-4)
    assert facts.mask_figures == pytest.approx(held.mask_figures, abs=1e-4)
    assert facts.mask_figures["input_mask_mean"] == pytest.approx(float(held.masks[0].mean()), abs=1e-4)
    variance = (held.masks[0].var() + held.masks[1].var()) / 2
    assert facts.mask_figures["mask_variance"] == pytest.approx(float(variance), abs=1e-4)
    assert [path.name for path in tmp_path.iterdir()] == ["out.wav"]


def test_masks_in_half_precision_are_not_heard(
    pair: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fuser = small_fuser()
    whole = fuser.fuse_files(*pair)
    monkeypatch.setattr("hocket.fusing.masks.HALF_PRECISION_SECONDS", 10.0)
    halved = fuser.fuse_files(*pair)
    assert halved.masks[0].dtype == np.float16 and whole.masks[0].dtype == np.float32
    assert difference_db(whole.audio, halved.audio) < -60


@pytest.mark.parametrize("on_disk", [False, True])
def test_three_runs_write_the_same_bytes(
    pair: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, on_disk: bool
) -> None:
    if on_disk:
        monkeypatch.setattr(streams, "MOST_IN_MEMORY", 0)
    written = set()
    for run in range(3):
        path = tmp_path / f"{run}.flac"
        small_fuser().fuse_to_file(*pair, path)
        written.add(path.read_bytes())
    assert len(written) == 1


@pytest.mark.parametrize("share", [0.1, 0.8])
@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit])
def test_an_interruption_leaves_nothing(
    pair: tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    share: float,
    interruption: type[BaseException],
) -> None:
    monkeypatch.setattr(streams, "MOST_IN_MEMORY", 0)

    def interrupt(done: float) -> None:
        if done > share:
            raise interruption

    with pytest.raises(interruption):
        small_fuser().fuse_to_file(*pair, tmp_path / "out.wav", on_progress=interrupt)
    assert not list(tmp_path.iterdir())


def test_progress_goes_from_nothing_to_all(pair: tuple[Path, Path], tmp_path: Path) -> None:
    shares: list[float] = []
    small_fuser().fuse_to_file(*pair, tmp_path / "out.wav", on_progress=shares.append)
    assert shares == sorted(shares) and shares[0] < 0.5 and shares[-1] == 1.0


def test_a_disk_that_is_too_small_is_told_before_the_work(
    pair: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from collections import namedtuple

    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(streams, "MOST_IN_MEMORY", 0)
    monkeypatch.setattr(streams.shutil, "disk_usage", lambda folder: usage(10**9, 10**9, 6 * 10**7))
    with pytest.raises(
        AudioError, match=rf"{tmp_path} has 0\.1 GB free, but fusing .*drums\.wav and .*chords"
    ):
        small_fuser().fuse_to_file(
            *pair, tmp_path / "out.wav", on_progress=lambda share: pytest.fail("began")
        )


def test_an_output_of_too_many_samples_is_refused_before_the_work(
    pair: tuple[Path, Path], tmp_path: Path
) -> None:
    options = FuseOptions(num_channels=24, sample_rate=384_000)
    assert MAX_SAMPLES > 40 * 384_000 * 24, "short ones are allowed"
    write_minutes(tmp_path / "long.wav", 1.5, "drums", channels=1)
    with pytest.raises(
        AudioError, match=r"long\.wav and .*chords\.wav would need 829440000 samples \(24 channels"
    ):
        small_fuser().fuse_to_file(tmp_path / "long.wav", pair[1], tmp_path / "out.wav", options=options)


def test_the_minutes_that_are_judged_are_spread_over_the_whole() -> None:
    assert list(chosen_minutes(90, 1, 5)) == [(0, 45), (45, 90)]
    chosen = list(chosen_minutes(3600, 1, 5))
    assert chosen[0] == (0, 60) and chosen[-1] == (3540, 3600) and len(chosen) == 5
    assert np.ptp(np.diff([start for start, _ in chosen])) <= 60


def test_a_fusion_is_judged_as_its_recordings_would_be(tmp_path: Path) -> None:
    from hocket.diagnostics.listening import diagnose_heard, listen

    pair = [write_minutes(tmp_path / f"{kind}.wav", 2 / 6, kind, rate=16_000) for kind in ("drums", "chords")]
    fuser = small_fuser()
    with fuser.fusing(*pair) as fusion:
        assert isinstance(fusion, Fusion)
        figures = diagnose_fusion(fusion)
        found = figures.as_dict()
        sounds = [recording.whole() for recording in (fusion.output, fusion.input, fusion.target)]
        whole = diagnose_heard(listen(*sounds))
        expected = whole.as_dict()
        mono = [sound.mono().samples[0] for sound in sounds[1:]]
        shown = excerpt(fusion, frame_rate=fuser.model.codec.frame_rate, most_minutes=1)
        part = excerpt(fusion, frame_rate=fuser.model.codec.frame_rate, most_minutes=0.25, most_hz=12_000)
    assert {k: v for k, v in found.items() if isinstance(v, str)} == {
        k: v for k, v in expected.items() if isinstance(v, str)
    }
    for name, value in found.items():
        if not isinstance(value, str):
            assert value == pytest.approx(expected[name], abs=1e-3), name
    assert figures.sources == whole.sources
    np.testing.assert_allclose(shown.input, mono[0], atol=1e-7)
    assert shown.start_seconds == 0 and shown.sample_rate == 16_000
    assert part.sample_rate == 12_000 and len(part.output) == 15 * 12_000
    assert part.start_seconds == pytest.approx(2.5, abs=0.03)
    first = round(part.start_seconds * fuser.model.codec.frame_rate)
    np.testing.assert_array_equal(part.masks[1][:, :100], shown.masks[1][:, first : first + 100])


GROWTH = """
import sys
sys.path.insert(0, {tests!r})
from small_fuser import small_fuser
from hocket.fusing.judging import diagnose_fusion
fuser = small_fuser()
fuser.fuse_to_file(*sys.argv[1:4])
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


def peak_megabytes(code: str, *words: object) -> float:
    """The most memory that a process of its own held."""
    # What getrusage says of a child begins at what its parent held.
    if not Path("/proc/self/status").exists():
        pytest.skip("there is no /proc here to read the peak of memory from")
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, words)], capture_output=True, text=True, env=CHILD
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout.split()[-1]) / 1024


def test_memory_hardly_grows_with_the_length(tmp_path: Path) -> None:
    """An untrained small model, so that what is measured is everything around it: one minute of stereo, and three."""
    peaks = []
    for minutes in (1, 3):
        pair = [write_minutes(tmp_path / f"{kind}.wav", minutes, kind) for kind in ("drums", "chords")]
        code = GROWTH.format(tests=str(Path(__file__).parent))
        peaks.append(peak_megabytes(code, *pair, tmp_path / "out.wav"))
    # Two minutes more of the output, both sources and their masks are 140 MB.
    assert peaks[1] < peaks[0] + 40, peaks
    assert peaks[1] < 1.2 * peaks[0], peaks


COMMAND = """
import sys
from hocket.cli import main
code = main(sys.argv[1:])
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
sys.exit(code)
"""


@pytest.mark.slow
def test_an_hour_of_stereo_takes_less_than_one_and_a_half_gigabytes(tmp_path: Path) -> None:
    """The whole command with the weights that come with the program, and the diagnosis."""
    peaks = {}
    for minutes in (1, 10, 60):
        pair = [write_minutes(tmp_path / f"{kind}.wav", minutes, kind) for kind in ("drums", "chords")]
        output, begin = tmp_path / "out.wav", time.perf_counter()
        peaks[minutes] = peak_megabytes(COMMAND, "fuse", *pair, "-o", output, "--overwrite")
        seconds = time.perf_counter() - begin
        print(
            f"{minutes} min: peak {peaks[minutes]:.0f} MB, {seconds:.0f} s, {60 * minutes / seconds:.1f}x real time"
        )
        assert audio.info(output).duration_seconds == 60 * minutes
        assert not list(tmp_path.glob(".*"))
    assert peaks[60] < 1500 and peaks[10] <= 1.2 * peaks[1], peaks


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 130), pytest.param(signal.SIGTERM, 143, marks=pytest.mark.slow)],
)
def test_the_command_can_be_stopped(tmp_path: Path, number: signal.Signals, code: int) -> None:
    pair = [write_minutes(tmp_path / f"{kind}.wav", 2, kind) for kind in ("drums", "chords")]
    folder = tmp_path / "out"
    folder.mkdir()
    command = [sys.executable, "-m", "hocket", "fuse", *map(str, pair), "-o", str(folder / "out.wav")]
    with subprocess.Popen(
        command,
        env=CHILD,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # What a shell starts in the background ignores Ctrl-C, and so would its children here.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        # The work has begun when its nameless files are open.
        files, deadline = Path(f"/proc/{process.pid}/fd"), time.monotonic() + 60
        while files.exists() and time.monotonic() < deadline:
            with contextlib.suppress(OSError):  # one of them may be closed between the list and the look
                if any(str(folder) in str(file.readlink()) for file in _listed(files)):
                    break
            time.sleep(0.05)
        time.sleep(1.0)
        process.send_signal(number)
        _, told = process.communicate(timeout=60)
    assert process.returncode == code, told
    assert "Traceback" not in told and not list(folder.iterdir())


def _listed(folder: Path) -> list[Path]:
    return [file for file in folder.iterdir() if file.is_symlink()]
