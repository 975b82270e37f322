"""MIDI files as targets: their notes and times, how they are played, and what damaged or endless ones are told."""

import random
from pathlib import Path

import mido
import numpy as np
import pytest

from hocket.audio.streams import Workspace
from hocket.errors import AudioError
from hocket.fusing.written import play_midi, source_infos
from hocket.score import midi
from hocket.score.midi import read_midi
from hocket.score.player import NOTE_LEVEL, PIECE_SECONDS, Note, play_notes

NOTE_ON, NOTE_OFF = "note_on", "note_off"


def save_midi(path: Path, *tracks: list[mido.Message], kind: int = 1, ticks: int = 480) -> Path:
    file = mido.MidiFile(type=kind, ticks_per_beat=ticks)
    file.tracks += [mido.MidiTrack(track) for track in tracks]
    file.save(path)
    return path


def note(midi_note: int, *, ticks: int, wait: int = 0, channel: int = 0) -> list[mido.Message]:
    return [
        mido.Message(NOTE_ON, note=midi_note, velocity=90, time=wait, channel=channel),
        mido.Message(NOTE_OFF, note=midi_note, time=ticks, channel=channel),
    ]


def times(path: Path) -> list[tuple[int, float, float]]:
    return [(n.midi, round(n.start_seconds, 4), round(n.end_seconds, 4)) for n in read_midi(path).notes]


@pytest.mark.parametrize("kind", [0, 1])
def test_notes_have_the_times_of_the_tempo_map(tmp_path: Path, kind: int) -> None:
    slower = [
        mido.MetaMessage("set_tempo", tempo=500_000),
        mido.MetaMessage("set_tempo", tempo=1_000_000, time=480),
    ]
    # 0.5 s a beat, from the first beat on 1 s.
    played = [*note(60, ticks=240), *note(64, ticks=480, wait=240), *note(67, ticks=240)]
    path = tmp_path / "song.mid"
    if kind:
        save_midi(path, slower, played)
    else:
        merged = mido.merge_tracks([mido.MidiTrack(slower), mido.MidiTrack(played)])
        save_midi(path, list(merged), kind=0)
    assert times(path) == [(60, 0.0, 0.25), (64, 0.5, 1.5), (67, 1.5, 2.0)]


def test_drums_are_left_out_and_the_pedal_holds(tmp_path: Path) -> None:
    pedal = [
        mido.Message("control_change", control=64, value=127),
        *note(60, ticks=240),
        mido.Message("control_change", control=64, value=0, time=720),
        *note(36, ticks=100, channel=9),
    ]
    assert times(save_midi(tmp_path / "song.mid", pedal)) == [(60, 0.0, 1.0)]


def test_a_note_that_nobody_ends_lasts_to_the_end_and_a_second_strike_ends_the_first(tmp_path: Path) -> None:
    track = [
        mido.Message(NOTE_ON, note=60, velocity=90),
        mido.Message(NOTE_ON, note=60, velocity=90, time=480),
        mido.MetaMessage("end_of_track", time=480),
    ]
    assert times(save_midi(tmp_path / "song.mid", track)) == [(60, 0.0, 0.5), (60, 0.5, 1.0)]


def test_it_is_played_at_pitch_and_when_it_is_written(tmp_path: Path) -> None:
    path = save_midi(tmp_path / "song.mid", [*note(69, ticks=960, wait=480), *note(57, ticks=480)])
    played = play_midi(path, Workspace(), lambda: None).whole()
    assert played.duration_seconds == pytest.approx(2.25, abs=0.01)
    assert source_infos(_sound(tmp_path), path)[1].num_samples == played.num_samples
    samples, rate = played.samples[0], played.sample_rate
    assert np.abs(samples[: round(0.49 * rate)]).max() < 1e-6
    for start, hz in ((0.6, 440.0), (1.55, 220.0)):
        part = samples[round(start * rate) :][: rate // 4] * np.hanning(rate // 4)
        power = np.abs(np.fft.rfft(part, 4 * rate)) ** 2
        peak_hz = np.argmax(power) / 4
        assert min(abs(peak_hz / hz - multiple) for multiple in (1, 2)) < 0.01
        # Overtones up to several kHz, which the masks need to tell hits from.
        assert power[4 * 2000 : 4 * 8000].sum() > 1e-4 * power.sum()


def _sound(folder: Path) -> Path:
    from hocket.audio import Audio, save

    samples = np.random.default_rng(0).normal(0, 0.1, (1, 8000)).astype(np.float32)
    save(folder / "sound.wav", Audio(samples, 8000), encoding="pcm16")
    return folder / "sound.wav"


def test_a_long_note_is_rendered_in_parts_without_a_gap() -> None:
    held = Note(0.0, 2.5 * PIECE_SECONDS, 48, 1.0)
    num_samples = round(held.end_seconds * 24_000)
    samples = play_notes(
        [held], num_samples=num_samples, workspace=Workspace(), on_note=lambda: None
    ).samples[0]
    levels = np.sqrt(np.mean(samples[: num_samples // 2400 * 2400].reshape(-1, 2400) ** 2, axis=1))
    assert levels[3:].min() > 0.3 * NOTE_LEVEL and levels.max() < 3 * NOTE_LEVEL


def test_notes_beyond_the_end_are_cut() -> None:
    played = play_notes(
        [Note(0.0, 0.5, 60, 1.0), Note(0.9, 5.0, 64, 1.0), Note(3.0, 4.0, 64, 1.0)],
        num_samples=24_000,
        workspace=Workspace(),
        on_note=lambda: None,
    )
    assert played.num_samples == 24_000 and np.isfinite(played.samples).all()


def refused(path: Path) -> str:
    with pytest.raises(AudioError) as caught:
        read_midi(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)
    return str(caught.value)


def test_files_without_notes_are_refused(tmp_path: Path) -> None:
    assert "no notes" in refused(save_midi(tmp_path / "a.mid", [mido.MetaMessage("set_tempo")]))
    assert "no notes" in refused(save_midi(tmp_path / "b.mid", note(36, ticks=10, channel=9)))
    assert "type 0 or 1" in refused(save_midi(tmp_path / "c.mid", note(60, ticks=10), kind=2))


def test_endless_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "more than an hour" in refused(save_midi(tmp_path / "a.mid", note(60, ticks=9_000_000)))
    # A late end without a note is no music.
    late = [*note(60, ticks=480), mido.MetaMessage("end_of_track", time=9_000_000)]
    assert read_midi(save_midi(tmp_path / "b.mid", late)).duration_seconds < 1.0
    monkeypatch.setattr(midi, "MOST_NOTES", 10)
    assert "more than 10 notes" in refused(save_midi(tmp_path / "c.mid", note(60, ticks=10) * 11))
    large = tmp_path / "d.mid"
    large.write_bytes(bytes(midi.MOST_BYTES + 1))
    assert "larger than 2 MiB" in refused(large)


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    track = [
        mido.MetaMessage("key_signature", key="C"),
        mido.Message("sysex", data=[1, 2]),
        *note(60, ticks=480) * 4,
    ]
    whole = save_midi(tmp_path / "whole.mid", track).read_bytes()
    path, drawn, wrong = tmp_path / "damaged.mid", random.Random(0), 0
    for content in (b"", b"RIFF", whole[:20], whole[:-9]):
        path.write_bytes(content)
        assert "damaged" in refused(path)
    for _ in range(200):
        content = bytearray(whole)
        for _ in range(drawn.choice((1, 3, 10))):
            content[drawn.randrange(len(content))] = drawn.choice((0, 0x7F, 0xFF, drawn.randrange(256)))
        path.write_bytes(content)
        try:
            assert read_midi(path).duration_seconds < 3601
        except AudioError:
            wrong += 1
    assert wrong > 50


def test_an_input_cannot_be_a_midi_file(tmp_path: Path) -> None:
    path = save_midi(tmp_path / "song.MID", note(60, ticks=480))
    with pytest.raises(AudioError, match="no sound of its own: give it as the target"):
        source_infos(path, _sound(tmp_path))


def test_music_folders_do_not_take_it() -> None:
    from hocket.audio import SUFFIXES

    assert not set(midi.SUFFIXES) & set(SUFFIXES)
