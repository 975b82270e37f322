"""Looking at one recording: in blocks as in one piece, once for each content, and never past the file's own faults."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from prepare_sounds import RATE_HZ, encode, put, tune

from hocket import audio
from hocket.data import scan
from hocket.data.fingerprints import Fingerprinter, difference
from hocket.data.scan import ScanError, ScanResult, blocks, scan_file, scan_in_child


def seen(path: Path, known: ScanResult | None = None) -> ScanResult:
    look = scan_file(path, known)
    assert isinstance(look, ScanResult), look
    return look


@pytest.mark.parametrize("kind", ["wav", "flac", "ogg", "mp3"])
def test_blocks_are_the_recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(scan, "BLOCK_SECONDS", 2.0)
    waveform = tune(1, seconds=7.3)
    path = tmp_path / f"a.{kind}"
    if kind == "wav":
        put(path, waveform)
    else:
        encode(path, waveform, kind=kind)
    whole = audio.load(path, sample_rate=RATE_HZ, mono=True).samples[0]
    parts = list(blocks(path))
    assert [len(part) for part in parts[:3]] == [2 * RATE_HZ] * 3
    joined = np.concatenate(parts)
    assert len(joined) == len(whole)
    np.testing.assert_allclose(joined, whole, atol=1e-4)
    look, printer = seen(path), Fingerprinter()
    printer.add(whole)
    assert difference(look.fingerprint(), printer.fingerprint(), 0)[0] < 0.001
    assert look.measures.duration_seconds == pytest.approx(len(whole) / RATE_HZ, abs=1e-3)


def test_a_recording_of_whole_blocks_ends_with_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scan, "BLOCK_SECONDS", 2.0)
    path = put(tmp_path / "a.wav", tune(1, seconds=4.0))
    assert [len(block) for block in blocks(path)] == [2 * RATE_HZ] * 2


def test_stereo_and_rate_are_the_files_own(tmp_path: Path) -> None:
    look = seen(put(tmp_path / "a.wav", np.stack([tune(1, seconds=2.0)] * 2), 48_000))
    assert (look.format, look.sample_rate, look.num_channels) == ("wav", 48_000, 2)


def test_a_known_content_is_not_decoded_again_wherever_it_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = seen(put(tmp_path / "a.wav", tune(1, seconds=2.0)))
    moved = (tmp_path / "a.wav").rename(tmp_path / "b.wav")
    os.utime(moved, ns=(5, 5))

    def decode(path: Path) -> None:
        raise AssertionError(f"{path} was decoded")

    monkeypatch.setattr(scan, "blocks", decode)
    look = seen(moved, known)
    assert (look.path, look.mtime_ns) == (str(moved), 5)
    assert (look.measures, look.print_, look.content) == (known.measures, known.print_, known.content)
    put(moved, tune(2, seconds=2.0))
    with pytest.raises(AssertionError, match="was decoded"):
        scan_file(moved, known)


def test_a_look_survives_json_and_nothing_else_passes_for_one(tmp_path: Path) -> None:
    look = seen(put(tmp_path / "a.wav", tune(1, seconds=3.0)))
    assert ScanResult.from_dict(json.loads(json.dumps(look.as_dict()))) == look
    assert scan_in_child({"path": look.path, "known": None}) == {"result": look.as_dict()}
    values = look.as_dict()
    for broken in (
        {**values, "measures": {}},
        {**values, "num_bytes": "many"},
        {**values, "print_": "%"},
        {name: value for name, value in values.items() if name != "content"},
    ):
        with pytest.raises((TypeError, KeyError, ValueError)):
            ScanResult.from_dict(broken)


def test_a_file_that_changes_while_it_is_read_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(tmp_path / "a.wav", tune(1, seconds=2.0))
    real = scan.content_hash

    def meanwhile(read: Path) -> str:
        content = real(read)
        put(path, tune(2, seconds=3.0))
        return content

    monkeypatch.setattr(scan, "content_hash", meanwhile)
    found = scan_file(path)
    assert isinstance(found, ScanError) and found.reason == "changing"


@pytest.mark.parametrize(
    ("kind", "reason"),
    [("missing", "gone"), ("pipe", "unreadable"), ("folder", "unreadable"), ("empty", "unreadable")],
)
def test_what_is_no_recording_is_named_at_once(tmp_path: Path, kind: str, reason: str) -> None:
    path = tmp_path / "a.wav"
    match kind:
        case "pipe":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
        case "empty":
            path.touch()
    found = scan_file(path)
    assert isinstance(found, ScanError) and found.reason == reason and found.sentence.startswith(str(path))


def test_a_file_that_goes_away_in_between_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put(tmp_path / "a.wav", tune(1, seconds=2.0))
    real = audio.info

    def meanwhile(read: Path) -> audio.AudioInfo:
        header = real(read)
        path.unlink(missing_ok=True)
        return header

    monkeypatch.setattr(scan.audio, "info", meanwhile)
    found = scan_file(path)
    assert isinstance(found, ScanError) and found.reason == "gone"


def test_a_file_that_may_not_be_read_is_named_as_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(tmp_path / "a.wav", tune(1, seconds=2.0))

    def refused(name: str | Path, *_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(name))

    monkeypatch.setattr(os, "open", refused)
    found = scan_file(path)
    assert found == ScanError(str(path), "not permitted", f"{path} is not readable: change its permissions.")
