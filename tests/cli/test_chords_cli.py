"""`hocket fuse` with typed chords, with a MIDI file, and with markers."""

import json
from pathlib import Path

import mido
import numpy as np
import pytest
from test_nothing_lost import contents, put_sources, refused

from hocket import audio
from hocket.cli import main


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    put_sources(tmp_path, "drums.wav", "strings.wav", seconds=5.0)
    return tmp_path


def save_midi(path: Path, *, beats: int = 12, ticks: int = 480) -> Path:
    """A chord on every beat at 110 BPM."""
    track = mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(110))])
    for _ in range(beats):
        track += [mido.Message("note_on", note=note, velocity=100) for note in (48, 60, 64, 67)]
        track.append(mido.Message("note_off", note=48, time=ticks // 4))
        track += [mido.Message("note_off", note=note) for note in (60, 64, 67)]
        track.append(mido.Message("control_change", control=7, value=100, time=ticks - ticks // 4))
    file = mido.MidiFile(ticks_per_beat=ticks)
    file.tracks.append(track)
    file.save(path)
    return path


def labels(path: Path) -> list[tuple[float, float, str]]:
    rows = [line.split("\t") for line in path.read_text().splitlines()]
    return [(float(start), float(end), text) for start, end, text in rows]


def test_typed_chords_take_the_place_of_a_target(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = (
        "fuse",
        "drums.wav",
        "--chords",
        "Am, F C/E G7",
        "--bars-per-chord",
        "0.5",
        "--markers",
        "--stems",
    )
    assert main([*words, "--no-check"]) == 0
    name = "drums x Am F C_E G7"
    said = capsys.readouterr().out
    assert said.startswith(f"Saved {name}.wav (0:05, mono, 8 kHz)")
    assert "note: the chords are played at " in said and "BPM, two per bar." in said
    assert audio.info(folder / f"{name}.wav").num_samples == audio.info(folder / "drums.wav").num_samples
    told = json.loads((folder / f"{name}.wav.hocket.json").read_text())
    assert told["target"] == {"chords": "Am F C/E G7", "bars_per_chord": 0.5}
    found = labels(folder / f"{name}.labels.txt")
    chords = [text for start, end, text in found if end > start]
    assert chords[:5] == ["Am", "F", "C/E", "G7", "Am"][: len(chords)] and len(chords) >= 3
    times = [start for start, end, text in found if text == "bar 2" or text == "C/E"]
    assert times[0] == times[1]
    assert mido.MidiFile(folder / f"{name}.mid").length == pytest.approx(5.0, abs=0.01)


def test_python_has_typed_chords_as_well(folder: Path) -> None:
    from hocket.fusing import FuseOptions, Fuser, Progression

    fused = Fuser.from_checkpoint().fuse_files(
        "drums.wav", Progression("Am F", bars_per_chord=2), options=FuseOptions(align="beats", num_channels=2)
    )
    assert fused.target.samples.shape == fused.input.samples.shape == (2, 40_000)
    assert np.sqrt(np.mean(fused.target.samples**2)) > 0.02
    assert fused.options.align == "none" and "one every two bars" in fused.notes[0]
    assert "not aligned or transposed" in fused.notes[1]


def test_without_a_beat_it_says_so(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fuse", "strings.wav", "--chords", "Am F", "-o", "new.wav", "--markers", "--no-check"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "the input has no clear beat: the chords are played in bars of 2 s, one per bar." in said
    assert "the input has no clear beat: only chords are marked." in said
    assert [text for _, _, text in labels(folder / "new.labels.txt")] == ["Am", "F", "Am"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["drums.wav", "strings.wav", "--chords", "C"], "either TARGET or --chords"),
        (["drums.wav", "--chords", "Am F Hm"], "unknown chord 'Hm' (the 3rd): did you mean 'Bm'?"),
        (["drums.wav", "--chords", ""], "there are no chords"),
        (["drums.wav", "--chords", "C", "--bars-per-chord", "3"], "give 0.5, 1, 2 or 4"),
        (["drums.wav", "strings.wav", "--bars-per-chord", "2"], "needs --chords: give both"),
        (["drums.wav"], "has no TARGET to be fused with: give one, or --chords"),
        (["--pairs", "pairs.csv", "-o", "out", "--chords", "C"], "--chords replaces TARGET"),
        (["song.mid", "drums.wav"], "song.mid is a MIDI file, which has no sound of its own"),
        (["drums.wav", "broken.mid"], "broken.mid is not a MIDI file, or is damaged"),
        (["drums.wav", "missing.mid"], "missing.mid"),
    ],
)
def test_what_cannot_be_is_one_sentence(
    folder: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    save_midi(folder / "song.mid")
    (folder / "broken.mid").write_bytes(b"MThd\0\0\0\6\0\1")
    assert said in refused(capsys, folder, "fuse", *words)


def test_a_midi_file_is_a_target_that_can_be_aligned(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_midi(folder / "song.mid")
    assert main(["fuse", "drums.wav", "song.mid", "--align", "beats", "--no-check"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "from 110.0 to 120.0 BPM" in said and "its beats were aligned to the input's" in said
    told = json.loads((folder / "drums x song.wav.hocket.json").read_text())
    assert told["target"]["path"] == "song.mid"


def test_pairs_may_have_midi_files_and_markers(folder: Path) -> None:
    save_midi(folder / "song.mid")
    (folder / "pairs.csv").write_text("input,target\ndrums.wav,song.mid\ndrums.wav,strings.wav\n")
    assert main(["fuse", "--pairs", "pairs.csv", "-o", "out", "--markers", "--no-check"]) == 0
    marked = sorted(path.name for path in (folder / "out").glob("*.labels.txt"))
    assert marked == ["000 drums x song.labels.txt", "001 drums x strings.labels.txt"]
    # C major on every beat; an A major chord all the time.
    for name, chord in zip(marked, ("C", "A"), strict=True):
        heard = {text for start, end, text in labels(folder / "out" / name) if end > start}
        assert heard == {chord}


def test_markers_are_claimed_with_the_output(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("fuse", "drums.wav", "strings.wav", "-o", "new.wav", "--markers", "--no-check")
    for name in ("new.mid", "new.labels.txt"):
        (folder / name).write_bytes(b"mine")
        assert f"{name} already exists" in refused(capsys, folder, *words)
        (folder / name).unlink()
    # What is read is not written over, with or without the flag.
    save_midi(folder / "new.mid")
    own = ("fuse", "drums.wav", "new.mid", "-o", "new.wav", "--markers", "--overwrite")
    assert "new.mid is also read" in refused(capsys, folder, *own)
    before = contents(folder)["new.mid"]
    assert main([*words, "--overwrite"]) == 0
    assert contents(folder)["new.mid"] != before
