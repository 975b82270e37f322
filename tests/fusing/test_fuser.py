"""The weights that come with the program, on recordings of every kind."""

from pathlib import Path

import numpy as np
import pytest
import torch

from hocket import audio
from hocket.audio import Audio
from hocket.data.synthetic.render import render_song
from hocket.data.synthetic.songs import make_song
from hocket.diagnostics import judge_swap, next_example
from hocket.diagnostics.listening import diagnose_heard, listen
from hocket.diagnostics.roles import weak_roles
from hocket.errors import AudioError
from hocket.fusing import FuseOptions, Fuser
from hocket.fusing.loudness import loudness_lufs, true_peak_db
from hocket.signal import match_rms
from hocket.signal.scene import Scene, Voice

RATE_HZ = 24_000


@pytest.fixture(scope="module")
def fuser() -> Fuser:
    torch.set_num_threads(1)
    return Fuser.from_checkpoint()


def song(index: int, kind: str, *, seconds: float = 6.0, rate: int = RATE_HZ) -> np.ndarray:
    """A rendered song of another seed than the weights were trained on, `[samples]`."""
    return render_song(make_song(77, index, kind), duration_seconds=seconds, sample_rate=rate)  # type: ignore[arg-type]


def save(path: Path, samples: np.ndarray, rate: int) -> Path:
    audio.save(path, Audio(np.atleast_2d(samples).astype(np.float32), rate), encoding="float32")
    return path


def noise(channels: int, seconds: float, rate: int, level: float = 0.1) -> np.ndarray:
    return level * np.random.default_rng(0).standard_normal((channels, round(seconds * rate)))


def wide(mono: np.ndarray) -> np.ndarray:
    """A stereo image that stands still: the right side is half as loud."""
    return np.stack([mono, 0.5 * mono])


@pytest.mark.parametrize(
    ("input_rate", "input_channels", "target_rate", "target_channels"),
    [(44_100, 2, 48_000, 2), (8000, 1, 44_100, 2), (96_000, 8, 24_000, 1), (48_000, 1, 22_050, 2)],
)
def test_the_output_has_the_inputs_rate_channels_and_length(
    fuser: Fuser, tmp_path: Path, input_rate: int, input_channels: int, target_rate: int, target_channels: int
) -> None:
    drums = np.tile(song(0, "drums", seconds=3.0, rate=input_rate), (input_channels, 1))
    chords = np.tile(song(1, "chords", seconds=5.0, rate=target_rate), (target_channels, 1))
    paths = save(tmp_path / "a.wav", drums, input_rate), save(tmp_path / "b.wav", chords, target_rate)
    fused = fuser.fuse_files(*paths)
    assert fused.audio.sample_rate == input_rate and fused.audio.samples.shape == drums.shape
    assert fused.notes == ("the target was cut to its first 3.0 s.",)
    assert fused.input.samples.shape == fused.target.samples.shape == drums.shape
    asked = fuser.fuse_files(*paths, options=FuseOptions(sample_rate=32_000, num_channels=2, length="target"))
    assert asked.audio.sample_rate == 32_000 and asked.audio.samples.shape == (2, 160_000)


def test_the_stereo_image_stands_still(fuser: Fuser, tmp_path: Path) -> None:
    paths = [
        save(tmp_path / f"{k}.wav", wide(song(k, kind, rate=44_100)), 44_100)
        for k, kind in ((0, "drums"), (1, "chords"))
    ]
    left, right = fuser.fuse_files(*paths).audio.samples
    np.testing.assert_allclose(right, 0.5 * left, atol=1e-5)


@pytest.mark.parametrize(("input_db", "target_db"), [(0, -60), (-60, 0), (-60, -60), (20, 20), (0, 0)])
def test_the_loudness_is_sensible_whatever_the_sources(
    fuser: Fuser, tmp_path: Path, input_db: float, target_db: float
) -> None:
    """What is loud is what is heard: a source at -60 dB changes nothing in the mix, and nothing clips."""
    drums, chords = song(0, "drums"), song(1, "chords")
    gains = [10 ** (level / 20) for level in (input_db, target_db)]
    paths = [
        save(tmp_path / f"{k}.wav", np.clip(gain * x, -1, 1), RATE_HZ)
        for k, (x, gain) in enumerate(zip((drums, chords), gains, strict=True))
    ]
    output = fuser.fuse_files(*paths).audio
    assert -26.0 <= loudness_lufs(output) <= -13.9
    assert true_peak_db(output) <= -0.99


def test_the_weights_fuse_music_that_they_have_not_seen(fuser: Fuser) -> None:
    """Rhythm, harmony, articulation and both correlations on four rendered pairs, by the diagnosis' own features."""
    rows = []
    for k in range(4):
        input, target = (
            Audio(song(10 * k + n, kind, seconds=8.0)[None], RATE_HZ)
            for n, kind in enumerate(("drums", "chords"))
        )
        fused = fuser.fuse(input, target)
        figures = diagnose_heard(listen(fused.audio, input, target))
        rows.append((figures.rhythm_margin, figures.harmony_margin, figures.articulation_margin))
        assert figures.output_input_correlation == pytest.approx(0.5, abs=0.17)
        assert figures.output_target_correlation == pytest.approx(0.5, abs=0.17)
        assert fused.mask_figures["complementarity"] > 0.9
        assert fused.mask_figures["input_mask_mean"] == pytest.approx(0.5, abs=0.06)
    rhythm, harmony, articulation = np.mean(rows, axis=0)
    assert rhythm > 0.8 and harmony > 0.6 and articulation > 0.35, rows


def test_the_weights_listen_to_both_sources(fuser: Fuser) -> None:
    """The swap test: another input moves the rhythm and not the harmony, another target the other way round."""
    inputs, targets = (
        match_rms(torch.from_numpy(np.stack([song(20 + k, kind) for k in range(4)]))[:, None])
        for kind in ("drums", "chords")
    )

    def scene(input: torch.Tensor) -> Scene:
        with torch.inference_mode():
            output = fuser.model(input, targets).output
        return Scene(*(Voice(x[:, 0], RATE_HZ) for x in (output, input, targets)))

    figures = judge_swap(scene(inputs), scene(next_example(inputs)))
    assert figures.passed, figures
    assert figures.rhythm_follows > 0.7 and figures.harmony_follows > 0.5, figures
    assert figures.rhythm_stays > 0.7 and figures.harmony_stays > 0.5, figures


def test_amounts_and_reattack_are_heard(fuser: Fuser) -> None:
    drums, chords = (Audio(song(k, kind)[None], RATE_HZ) for k, kind in ((0, "drums"), (1, "chords")))

    def figures(**controls: float) -> tuple[float, float]:
        fused = fuser.fuse(drums, chords, options=FuseOptions(**controls))
        found = diagnose_heard(listen(fused.audio, drums, chords))
        return found.output_input_correlation, found.output_target_correlation

    plain, more_input, more_target = figures(), figures(input_amount=2.0), figures(target_amount=2.0)
    assert more_input[0] > plain[0] + 0.05 > more_target[0] + 0.1
    assert more_target[1] > plain[1] + 0.05 > more_input[1] + 0.1
    assert figures(target_amount=0.0)[1] < 0.2
    assert figures(reattack=2.0) != plain


def test_a_source_too_weak_for_its_role_still_gives_a_result_and_is_named(fuser: Fuser) -> None:
    seconds = 6.0
    time = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    drone = sum(np.sin(2 * np.pi * 110 * k * time) / k for k in range(1, 6)).astype(np.float32)
    hiss = noise(1, seconds, RATE_HZ).astype(np.float32)
    fused = fuser.fuse(Audio(0.1 * drone[None], RATE_HZ), Audio(hiss, RATE_HZ))
    assert np.isfinite(fused.audio.samples).all()
    found = weak_roles(input=fused.input.samples[0], target=fused.target.samples[0], sample_rate=RATE_HZ)
    assert [weakness.source for weakness in found] == ["input", "target"]


@pytest.mark.parametrize(
    ("samples", "said"),
    [
        (np.zeros((1, 48_000)), "silent"),
        (noise(1, 0.05, RATE_HZ), "too short"),
        (np.zeros((1, 0)), "contains no sound"),
        (np.full((1, 48_000), np.nan), "not finite"),
    ],
)
@pytest.mark.parametrize("role", ["input", "target"])
def test_what_cannot_be_fused_is_named(
    fuser: Fuser, tmp_path: Path, samples: np.ndarray, said: str, role: str
) -> None:
    import soundfile

    soundfile.write(tmp_path / "bad.wav", samples.T, RATE_HZ, subtype="FLOAT")
    good = save(tmp_path / "good.wav", song(0, "drums", seconds=2.0), RATE_HZ)
    pair = (tmp_path / "bad.wav", good) if role == "input" else (good, tmp_path / "bad.wav")
    with pytest.raises(AudioError, match=r"bad\.wav") as caught:
        fuser.fuse_files(*pair)
    assert "\n" not in str(caught.value)


def test_the_least_length_is_one_number_for_both_sources_and_both_ways(fuser: Fuser, tmp_path: Path) -> None:
    short = save(tmp_path / "short.wav", noise(1, 0.12, RATE_HZ), RATE_HZ)
    drums = save(tmp_path / "drums.wav", song(0, "drums", seconds=3.0), RATE_HZ)
    fused = fuser.fuse_files(drums, short)
    assert fused.audio.duration_seconds == 3.0 and "looped" in fused.notes[0]
    fused = fuser.fuse_files(short, drums)
    assert fused.audio.duration_seconds == 0.12 and np.abs(fused.audio.samples).max() > 0.01
    bare = save(tmp_path / "bare.wav", noise(1, 0.09, RATE_HZ), RATE_HZ)
    for pair in ((bare, drums), (drums, bare)):
        with pytest.raises(AudioError, match=r"bare\.wav is too short \(0\.09 s\): .* at least 0\.1 s\."):
            fuser.fuse_files(*pair)
    with pytest.raises(AudioError, match=r"0\.090 s: give at least 0\.1 s\."):
        fuser.model.inference(*(noise(1, 0.09, RATE_HZ) for _ in range(2)))


def test_scripts_find_the_fuser_under_its_first_name() -> None:
    import hocket.fusing
    import hocket.inference

    assert hocket.inference.Fuser is hocket.fusing.Fuser
