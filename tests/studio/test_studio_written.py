"""Chords that are typed and MIDI files as the harmony, and the markers of what came of them."""

import io
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import mido
import numpy as np
import pytest
from visiting import Visitor, drums, midi_chords

from hocket import audio
from hocket.fusing import Fuser, Progression

CHORDS = {"target_chords": "Am | F, C/E G", "bars_per_chord": 0.5}


@pytest.fixture(scope="module")
def beat(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six seconds of strokes, long enough to have a beat."""
    path = tmp_path_factory.mktemp("written") / "beat.wav"
    audio.save(path, drums(seconds=6.0), encoding="pcm16")
    return path


@pytest.fixture(scope="module")
def chords_mid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("written") / "chords.mid"
    path.write_bytes(midi_chords())
    return path


@pytest.fixture(scope="module")
def fused(studio_url: str, beat: Path) -> dict[str, Any]:
    """A fusion with typed chords."""
    with Visitor(base_url=studio_url, timeout=60.0) as visitor:
        source = visitor.upload(beat)
        return _fused(visitor, {"input": source["id"], **CHORDS})


def _fused(visitor: Visitor, wanted: dict[str, Any]) -> dict[str, Any]:
    answer = visitor.post("/api/jobs", json=wanted)
    assert answer.status_code == 202, answer.text
    job = visitor.follow(answer.json())
    assert job["state"] == "done", job
    result: dict[str, Any] = visitor.get(f"/api/results/{job['result']}").json()
    return result


def _markers(visitor: Visitor, id: str) -> tuple[str, mido.MidiFile, list[list[str]]]:
    """The file's name, and what is in it."""
    answer = visitor.get(f"/api/results/{id}/markers")
    assert answer.status_code == 200 and answer.headers["content-type"] == "application/zip"
    with ZipFile(io.BytesIO(answer.content)) as archive:
        song, labels = sorted(archive.namelist(), reverse=True)
        assert song.endswith(".mid") and labels.endswith(".labels.txt")
        rows = archive.read(labels).decode().splitlines()
        midi = mido.MidiFile(file=io.BytesIO(archive.read(song)))
    return answer.headers["content-disposition"], midi, [row.split("\t") for row in rows]


def test_typed_chords_are_fused_as_the_command_line_does(
    visitor: Visitor, fused: dict[str, Any], beat: Path, tmp_path: Path
) -> None:
    assert fused["target_name"] == "Am F C/E G" and fused["target_source"] is None
    assert fused["options"]["target_chords"] == "Am F C/E G" and fused["options"]["bars_per_chord"] == 0.5
    assert any("two per bar" in note for note in fused["notes"]), fused["notes"]
    assert fused["is_judged"] and fused["verdict"]
    answer = visitor.get(f"/api/results/{fused['id']}/download")
    assert 'filename="beat_x_Am-F-C_E-G.wav"' in answer.headers["content-disposition"]
    (tmp_path / "studio.wav").write_bytes(answer.content)
    wanted = Fuser.from_checkpoint().fuse_files(beat, Progression("Am F C/E G", 0.5)).audio
    audio.save(tmp_path / "wanted.wav", wanted, encoding="pcm24")
    here, there = (audio.load(tmp_path / f"{name}.wav") for name in ("studio", "wanted"))
    assert np.array_equal(here.samples, there.samples)


def test_a_result_can_be_asked_for_again_with_its_chords(visitor: Visitor, fused: dict[str, Any]) -> None:
    again = _fused(visitor, {"input": fused["input_source"], **fused["options"]})
    first, second = (visitor.get(f"/api/results/{id}/stems").content for id in (fused["id"], again["id"]))
    assert first == second


def test_markers_of_typed_chords_are_where_they_were_played(visitor: Visitor, fused: dict[str, Any]) -> None:
    disposition, song, labels = _markers(visitor, fused["id"])
    assert 'filename="beat_x_Am-F-C_E-G.markers.zip"' in disposition
    chords = [text for start, end, text in labels if start != end]
    assert chords[:5] == ["Am", "F", "C/E", "G", "Am"]
    beats = [float(start) for start, _, text in labels if "." in text]
    assert np.diff(beats) == pytest.approx(np.diff(beats)[0], abs=0.02) and len(beats) >= 8
    marks = [message.text for message in song.tracks[0] if message.type == "marker"]
    assert marks == chords


def test_markers_of_recordings_are_heard_in_them(visitor: Visitor, beat: Path, chords_mid: Path) -> None:
    sources = [visitor.upload(beat), visitor.upload(chords_mid)]
    result = _fused(visitor, {"input": sources[0]["id"], "target": sources[1]["id"]})
    _, _, labels = _markers(visitor, result["id"])
    assert [text for start, end, text in labels if start != end][:2] == ["Am", "F"]
    assert _markers(visitor, result["id"])[2] == labels, "made once, and kept"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"target_chords": "Am Fx C"}, "Unknown chord 'Fx' (the 2nd): did you mean 'F"),
        ({"target_chords": "  "}, "no chords"),
        ({"target_chords": "C " * 300}, "too many chords"),
        ({"target_chords": 7}, "target_chords is not text"),
        ({"target_chords": "C", "bars_per_chord": 3}, "bars_per_chord is 3"),
        ({"target_chords": "C", "bars_per_chord": "x"}, "bars_per_chord"),
        ({"target_chords": "C", "bars_per_chord": True}, "bars_per_chord"),
    ],
)
def test_what_is_no_chord_is_told_at_once_and_with_the_job(
    visitor: Visitor, body: dict[str, Any], words: str
) -> None:
    answers = [
        visitor.post("/api/chords", json=body),
        visitor.post("/api/jobs", json={"input": "some", **body}),
    ]
    for answer in answers:
        assert answer.status_code == 422 and words in answer.json()["error"], answer.text


def test_chords_come_back_as_they_were_understood(visitor: Visitor) -> None:
    answer = visitor.post("/api/chords", json=CHORDS)
    assert answer.json() == {"target_chords": "Am F C/E G", "bars_per_chord": 0.5}
    assert visitor.post("/api/chords", json=[]).status_code == 422


@pytest.mark.parametrize("other", [{"target": "some"}, {"target_region": [0, 1]}])
def test_chords_are_in_place_of_a_recording(visitor: Visitor, other: dict[str, Any]) -> None:
    answer = visitor.post("/api/jobs", json={"input": "some", **CHORDS, **other})
    assert answer.status_code == 422 and "leave" in answer.json()["error"]


def test_a_midi_file_is_played_whatever_it_is_called(
    visitor: Visitor, beat: Path, chords_mid: Path, tmp_path: Path
) -> None:
    song = visitor.upload(chords_mid, "song.wav")
    assert (song["format"], song["num_channels"], song["sample_rate"]) == ("midi", 1, 24_000)
    assert song["seconds"] == pytest.approx(8.25, abs=0.1) and max(song["peaks"]) > 0.05
    result = _fused(visitor, {"input": visitor.upload(beat)["id"], "target": song["id"]})
    (tmp_path / "studio.wav").write_bytes(visitor.get(f"/api/results/{result['id']}/download").content)
    wanted = Fuser.from_checkpoint().fuse_files(beat, chords_mid).audio
    audio.save(tmp_path / "wanted.wav", wanted, encoding="pcm24")
    here, there = (audio.load(tmp_path / f"{name}.wav") for name in ("studio", "wanted"))
    assert np.abs(here.samples - there.samples).max() < 1e-6
    swapped = visitor.post("/api/jobs", json={"input": song["id"], "target": song["id"]})
    assert swapped.status_code == 422 and swapped.json()["error"].startswith("song.wav is a MIDI file")


@pytest.mark.parametrize(
    ("content", "role", "words"),
    [
        (
            midi_chords(),
            "input",
            "My song.mid is a MIDI file, which has no sound of its own: give it as the harmony.",
        ),
        (midi_chords()[:40], "target", "My song.mid is not a MIDI file, or is damaged: export it again."),
        (midi_chords(channel=9), "target", "My song.mid has no notes except drums"),
        (midi_chords(beats=100), "target", "My song.mid is 3.3 minutes long, and the limit is"),
        (midi_chords(), "other", "There is no role 'other'"),
    ],
)
def test_other_midi_files_are_refused_in_the_users_words(
    visitor: Visitor, content: bytes, role: str, words: str
) -> None:
    answer = visitor.post("/api/sources", params={"name": "My song.mid", "role": role}, content=content)
    assert answer.status_code == 422 and answer.json()["error"].startswith(words), answer.text
