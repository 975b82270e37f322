"""Tempo, key and roles of recordings, heard once when a card asks for them."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from visiting import Visitor, midi_chords

from hocket import audio
from hocket.audio import Audio


def test_a_beat_and_chords_are_told_from_each_other(visitor: Visitor, tmp_path: Path) -> None:
    time = np.arange(8 * 24_000) / 24_000
    clicks = np.random.default_rng(2).standard_normal(len(time)) * np.exp(-25 * (time % 0.5))
    audio.save(tmp_path / "beat.wav", Audio((0.2 * clicks[None]).astype(np.float32), 24_000))
    (tmp_path / "chords.mid").write_bytes(midi_chords())
    ids = [visitor.upload(tmp_path / name)["id"] for name in ("beat.wav", "chords.mid")]
    beat, chords = (visitor.get(f"/api/sources/{id}/music").json() for id in ids)
    assert beat["is_beat_clear"] and beat["bpm"] == pytest.approx(120, abs=1)
    assert beat["rhythm"] >= 2 and not beat["rhythm_warning"]
    assert beat["harmony"] == 0 and "hardly any pitch" in beat["harmony_warning"]
    assert chords["is_key_clear"] and chords["key"] in ("A minor", "C major")
    assert chords["harmony"] >= 2 and not chords["harmony_warning"]


def test_it_is_heard_once_however_many_ask(
    visitor: Visitor, drums_wav: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hocket.fusing import music

    heard: list[object] = []
    describe = music.describe_music
    monkeypatch.setattr(music, "describe_music", lambda sound: (heard.append(sound), describe(sound))[1])
    address = f"/api/sources/{visitor.upload(drums_wav)['id']}/music"
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(visitor.get, [address] * 4))
    assert len(heard) == 1 and len({answer.text for answer in answers}) == 1
    assert answers[0].status_code == 200


@pytest.mark.parametrize("seconds", [0.12, 0.9, 2.9])
def test_the_shortest_recordings_have_facts_too(visitor: Visitor, tmp_path: Path, seconds: float) -> None:
    hum = np.sin(np.arange(round(8_000 * seconds))).astype(np.float32)
    audio.save(tmp_path / "hum.wav", Audio(0.3 * hum[None], 8_000))
    answer = visitor.get(f"/api/sources/{visitor.upload(tmp_path / 'hum.wav')['id']}/music")
    assert answer.status_code == 200 and not answer.json()["is_beat_clear"]


def test_of_a_recording_that_is_gone_nothing_is_told(visitor: Visitor, drums_wav: Path) -> None:
    source = visitor.upload(drums_wav)["id"]
    assert visitor.delete(f"/api/sources/{source}").status_code == 204
    answer = visitor.get(f"/api/sources/{source}/music")
    assert answer.status_code == 404 and "choose the file again" in answer.json()["error"]
