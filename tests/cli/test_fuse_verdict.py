"""`hocket fuse` names the cause beside its verdict, and is not alarmed by what it was asked for."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from hocket.cli import main

RATE = 24_000
TIME = np.arange(6 * RATE) / RATE


def drums() -> np.ndarray:
    """A hit every quarter of a second, of bright and of dull noise in turn."""
    place = (TIME - 0.1) % 0.25
    noise = np.random.default_rng(0).standard_normal(len(TIME))
    dull = np.convolve(noise, np.full(100, 0.1), "same")
    hits = np.where((TIME - 0.1) % 0.5 < 0.25, noise, dull)
    return 0.1 * hits * np.exp(-place / 0.04) * (TIME > 0.1)


def chords() -> np.ndarray:
    """Three notes and their overtones, others every 1.5 s."""
    roots = np.array([220.0, 174.6, 261.6, 196.0])[(TIME / 1.5).astype(int)]
    notes = (np.sin(2 * np.pi * roots * ratio * k * TIME) / k for ratio in (1, 1.25, 1.5) for k in (1, 2, 3))
    return 0.04 * sum(notes) * np.minimum(1, (TIME % 1.5) / 0.02)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sources")
    waves = {"drums": drums(), "chords": chords(), "drone": 0.1 * np.sin(2 * np.pi * 220 * TIME)}
    waves["pad"] = sum(waves["drone"] * np.sin(2 * np.pi * hz * TIME) for hz in (0.1, 55, 110))
    waves["drums_again"] = -0.5 * np.concatenate([np.zeros(700), waves["drums"][:-700]])
    for name, wave in waves.items():
        soundfile.write(path / f"{name}.wav", wave, RATE)
    return path


@pytest.fixture
def fused(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Fuses two of the sources; gives the lines that are said, and the notes of the sidecar."""

    def fuse(input: str, target: str, *flags: str) -> tuple[list[str], list[str]]:
        sources = [str(folder / f"{name}.wav") for name in (input, target)]
        assert main(["fuse", *sources, "-o", str(tmp_path / "out.wav"), *flags]) == 0
        (sidecar,) = tmp_path.glob("*.json")
        said = capsys.readouterr().out.splitlines()[1:]
        return said, json.loads(sidecar.read_text())["notes"]

    return fuse


def test_the_verdict_comes_first_and_is_good_for_drums_and_chords(fused) -> None:
    said, _ = fused("drums", "chords")
    assert said[0] in ("  ✓ Fusion: the rhythm of drums, the harmony of chords", "  ◐ Layering")
    assert not any("⚠" in line for line in said) and sum(line.count("✓") for line in said) <= 1


@pytest.mark.parametrize(("input", "target"), [("drone", "drums"), ("pad", "drums_again")])
def test_wrong_roles_are_named_and_to_swap_them_is_recommended(fused, input: str, target: str) -> None:
    said, notes = fused(input, target)
    assert said[0].startswith(("  ◐ Partial", "  ⚠")) and not any("✓" in line for line in said)
    assert said[1].endswith("it has little rhythm to give.")
    assert said[2].endswith("it has little harmony to give.")
    assert any(note.startswith("swap them: ") for note in notes)
    assert all(f"  note: {note}" in said for note in notes)
    assert not any("mixes both" in line or "(none)" in line for line in said)


@pytest.mark.parametrize("target", ["drums", "drums_again"])
def test_one_recording_twice_is_said_to_be_nothing_to_fuse(fused, target: str) -> None:
    said, notes = fused("drums", target)
    assert said[:2] == [
        "  ⚠ Copy of the input",
        "  note: input and target are the same recording: there is nothing to fuse.",
    ]
    assert not any("hardly any" in note or "swap" in note for note in notes)


@pytest.mark.parametrize(
    ("flags", "leans_to"),
    [
        (("--input-amount", "0.3"), "target"),
        (("--target_amount", "3"), "target"),
        (("--target-amount", "0.25"), "input"),
    ],
)
def test_unequal_amounts_that_were_asked_for_raise_no_alarm(fused, flags: tuple[str, str], leans_to) -> None:
    said, notes = fused("drums", "chords", *flags)
    assert said[0].startswith(("  ✓", "  ◐")) and not any("⚠" in line for line in said)
    assert f"the output leans towards the {leans_to}, as asked." in notes


def test_an_amount_of_zero_is_as_asked(fused) -> None:
    said, _ = fused("drums", "chords", "--input-amount", "0")
    assert said[0] == "  ◐ Partial: only the target is left"
    assert said[1] == "  note: only the target is left, as asked (the amount of the other is 0)."
    assert not any("⚠" in line or "✓" in line for line in said)
