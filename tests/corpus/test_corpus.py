"""The rendered corpus: notes, chords, tunings and levels are what the score says, and the same each time."""

import json
import time
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import soundfile
import tiny_font
from corpus.__main__ import main
from corpus.bank import SAMPLE_RATE, Bank, open_bank
from corpus.figures import FIGURES, Context, Note, euclid
from corpus.mix import render, room_response
from corpus.recipes import RECIPES
from corpus.score import NUM_ROOMS, Part, Score, make_score
from corpus.sounds import DRUM_KEYS, GROUPS, KIT_KEYS, NUM_LAYERS, PERCUSSION_KEYS, Group, Sound, all_sounds
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus import bank as banks
from corpus import fluid
from hocket.errors import DataError

needs_fluidsynth = pytest.mark.skipif(fluid.library() is None, reason="FluidSynth's library is not installed")
DURATION = 8.0


@cache
def sine_bank() -> Bank:
    """A sine for each group and a click for each drum: mixing needs no sound font."""
    sounds, notes = {}, {}
    for name in [*GROUPS, "kit"]:
        sound = Sound(name.replace(" ", "-"), "kit" if name == "kit" else "program", 0, name)
        low, high = sound.keys
        seconds = np.arange(round(sound.seconds * SAMPLE_RATE)) / SAMPLE_RATE
        frequencies_hz = 440 * 2 ** ((np.arange(low, high + 1) - 69) / 12)
        waves = np.sin(2 * np.pi * frequencies_hz[:, None] * seconds, dtype=np.float32)
        if sound.is_kit:
            waves = waves * np.exp(-seconds / 0.02).astype(np.float32)
        elif not sound.is_sustained:
            waves = waves * np.exp(-seconds / 1.0).astype(np.float32)
        stored = (waves * banks.FULL_SCALE).astype(np.int16)
        notes[sound.name] = np.broadcast_to(stored, (NUM_LAYERS, *stored.shape))
        sounds[sound.name] = sound
    return Bank(sounds, "sines", {}, notes)


@pytest.fixture
def bank() -> Bank:
    return sine_bank()


def plain(score: Score, parts: tuple[Part, ...]) -> Score:
    """The score with these parts, without treatment and tuning."""
    master = replace(
        score.master,
        drive=0.0,
        compress_db=0.0,
        pump_db=0.0,
        noise_db=-120.0,
        lowpass_hz=np.inf,
        level_db=-20.0,
    )
    return replace(score, parts=parts, master=master, tuning_cents=0.0, loop_seconds=None)


def one_part(notes: list[Note], sound: str) -> Part:
    return Part("held", sound, tuple(notes), 0.0, 0.0, 0.0, -60.0, 0.0, np.inf, 0.0, 1.0)


def loudest_hz(samples: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), 8 * len(samples)))
    return float(spectrum.argmax() / (8 * len(samples)) * SAMPLE_RATE)


@pytest.mark.parametrize("style", RECIPES)
def test_every_style_is_sound_at_its_level_and_unclipped(bank: Bank, style: str) -> None:
    score = make_score(3, 5, bank, DURATION, style)
    samples = render(score, bank)
    assert samples.shape == (2, round(DURATION * SAMPLE_RATE))
    assert samples.dtype == np.float32
    assert np.isfinite(samples).all()
    assert np.abs(samples).max() <= 0.98
    level_db = 10 * np.log10(np.mean(samples**2))
    assert score.master.level_db - 3 < level_db < score.master.level_db + 0.1
    assert any(part.notes for part in score.parts)


def test_whole_songs_take_less_than_a_twentieth_of_their_time(bank: Bank) -> None:
    scores = [
        make_score(4, number, bank, 24.0, style)
        for number, style in enumerate(("band", "metal", "orchestra"))
    ]
    for number in {score.master.room for score in scores}:
        room_response(number)
    started = time.process_time()
    for score in scores:
        render(score, bank)
    assert time.process_time() - started < 24.0 * len(scores) / 20


def test_a_song_is_a_function_of_seed_and_number(bank: Bank) -> None:
    first, again = (make_score(1, 2, bank, DURATION) for _ in range(2))
    assert first == again
    assert np.array_equal(render(first, bank), render(again, bank))
    assert make_score(2, 2, bank, DURATION) != first
    assert make_score(1, 3, bank, DURATION) != first


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), index=st.integers(0, 10_000))
def test_notes_lie_within_the_song_and_the_instrument(seed: int, index: int) -> None:
    bank = sine_bank()
    score = make_score(seed, index, bank, DURATION)
    length = score.loop_seconds or DURATION
    assert 60 <= score.rhythm.tempo_bpm <= 180
    assert -50 <= score.tuning_cents <= 50
    for part in score.parts:
        low, high = bank.sounds[part.sound].keys
        for note in part.notes:
            assert low <= note.key <= high
            assert 0 <= note.start_seconds < length
            assert note.start_seconds <= note.end_seconds <= length
            assert 0 < note.velocity <= 1
    json.dumps(score.describe(), allow_nan=False)


def test_the_chords_of_the_score_are_heard(bank: Bank) -> None:
    score = make_score(0, 0, bank, DURATION, "pads")
    context = Context(
        np.random.default_rng(0), score.rhythm, score.harmony, DURATION, bank.sounds["organ"].keys, True
    )
    score = plain(score, (one_part(FIGURES["held"](context), "organ"),))
    mono = render(score, bank).mean(axis=0)
    for start, end, chord in context.chords():
        if end - start < 1.0:
            continue
        span = mono[round((start + 0.4) * SAMPLE_RATE) : round((end - 0.1) * SAMPLE_RATE)]
        power = np.abs(np.fft.rfft(span * np.hanning(len(span)))) ** 2
        hz = np.fft.rfftfreq(len(span), 1 / SAMPLE_RATE)
        kept = (hz > 60) & (hz < 2500)
        classes = np.round(69 + 12 * np.log2(hz[kept] / 440)).astype(int) % 12
        chroma = np.bincount(classes, power[kept], 12)
        assert chroma[list(chord.pitch_classes)].sum() > 0.95 * chroma.sum()


def test_notes_sound_when_they_are_struck(bank: Bank) -> None:
    starts = [0.5, 1.25, 2.0, 3.1]
    score = make_score(0, 0, bank, 4.0, "pads")
    samples = render(plain(score, (one_part([Note(s, s, 60, 1.0) for s in starts], "kit"),)), bank)
    envelope = np.abs(samples).max(axis=0)
    for start in starts:
        place = round(start * SAMPLE_RATE)
        assert envelope[place : place + 400].max() > 5 * envelope[place - 2000 : place - 5].max()


@pytest.mark.parametrize("cents", [-50.0, -17.5, 0.0, 33.0, 50.0])
def test_a_tuning_moves_the_pitch_and_not_the_time(bank: Bank, cents: float) -> None:
    notes = [Note(0.5, 2.5, 69, 1.0)]
    score = replace(
        plain(make_score(0, 0, bank, 4.0, "pads"), (one_part(notes, "organ"),)), tuning_cents=cents
    )
    mono = render(score, bank).mean(axis=0)
    heard = loudest_hz(mono[round(0.7 * SAMPLE_RATE) : round(2.3 * SAMPLE_RATE)])
    assert 1200 * np.log2(heard / 440) == pytest.approx(cents, abs=1.5)
    sounding = np.flatnonzero(np.abs(mono) > 0.2 * np.abs(mono).max())
    assert sounding[0] / SAMPLE_RATE == pytest.approx(0.5, abs=0.01)
    assert sounding[-1] / SAMPLE_RATE == pytest.approx(2.55, abs=0.06)


def test_a_held_note_lasts_as_long_as_it_is_held(bank: Bank) -> None:
    score = make_score(0, 0, bank, 20.0, "pads")
    mono = render(plain(score, (one_part([Note(0.0, 19.0, 69, 1.0)], "organ"),)), bank).mean(axis=0)
    blocks = np.square(mono[SAMPLE_RATE : 18 * SAMPLE_RATE]).reshape(-1, SAMPLE_RATE // 2).mean(axis=1)
    assert blocks.min() > 0.3 * blocks.max()


def test_a_loop_repeats_exactly(bank: Bank) -> None:
    score = next(
        s for s in (make_score(0, n, bank, DURATION, "drum loop") for n in range(20)) if s.loop_seconds
    )
    samples = render(score, bank)
    length = round(score.loop_seconds * SAMPLE_RATE)
    edge = 1000
    assert np.array_equal(samples[:, edge : length - edge], samples[:, length + edge : 2 * length - edge])


def test_soft_and_loud_layers_are_both_played() -> None:
    bank = sine_bank()
    _, gain_soft = bank.note("organ", 60, 0.3)
    _, gain_loud = bank.note("organ", 60, 1.0)
    assert gain_soft < gain_loud
    with pytest.raises(DataError, match="no key 5"):
        bank.note("organ", 5, 1.0)


def test_rooms_differ_and_have_one_energy() -> None:
    responses = [room_response(number) for number in range(NUM_ROOMS)]
    assert len({response.shape[1] for response in responses}) > NUM_ROOMS // 2
    for response in responses:
        assert np.isfinite(response).all()
        assert np.sum(response**2) / 2 == pytest.approx(1, rel=1e-3)


def test_patterns_are_as_even_as_they_can_be() -> None:
    assert "".join("x" if hit else "." for hit in euclid(3, 8)) == "x..x..x."
    assert euclid(4, 16).sum() == 4
    assert euclid(20, 16).all()


def test_the_table_of_sounds_covers_what_was_asked_for() -> None:
    sounds = all_sounds()
    assert len({s.name for s in sounds}) == len(sounds)
    assert len({s.number for s in sounds if s.kind == "program"}) >= 50
    assert sum(s.kind == "kit" for s in sounds) >= 5
    keys = {key for keys in DRUM_KEYS.values() for key in keys} | set(PERCUSSION_KEYS)
    assert KIT_KEYS[0] <= min(keys) <= max(keys) <= KIT_KEYS[1]
    wanted = {group for recipe in RECIPES.values() for slot in recipe.slots for group in slot.groups}
    assert wanted <= {*GROUPS, "kit"}
    assert {slot.figure for recipe in RECIPES.values() for slot in recipe.slots} <= set(FIGURES)


@pytest.fixture
def few_sounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """The program and the kit of the tiny font, without the oscillators, which take a minute."""
    monkeypatch.setattr(
        banks, "all_sounds", lambda: [s for s in all_sounds() if s.number == 0 and "osc" not in s.kind]
    )


@needs_fluidsynth
def test_a_note_of_a_sound_font_has_its_pitch(tmp_path: Path) -> None:
    with fluid.SoundFont(tiny_font.write_font(tmp_path / "tiny.sf2"), SAMPLE_RATE) as font:
        assert font.has(0, is_kit=False)
        assert font.has(0, is_kit=True)
        assert not font.has(1, is_kit=False)
        octave = [font.note(0, key, 100, SAMPLE_RATE, is_kit=False) for key in (69, 57)]
        assert [loudest_hz(note) for note in octave] == pytest.approx([441, 220.5], rel=0.002)
        soft = font.note(0, 69, 40, SAMPLE_RATE, is_kit=False)
        assert np.std(soft) < 0.5 * np.std(octave[0])


@needs_fluidsynth
def test_oscillators_are_in_the_bank_beside_the_sound_font(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = Sound("osc-short", "oscillator", 0, "short", "sub_bass")
    monkeypatch.setitem(GROUPS, "short", Group((), (40, 41), 1.0, False, 0.1, ("sub_bass",)))
    monkeypatch.setattr(banks, "all_sounds", lambda: [sound])
    bank = open_bank(tmp_path / "bank", tiny_font.write_font(tmp_path / "tiny.sf2"), lambda text: None)
    stored, gain = bank.note("osc-short", 41, 0.9)
    assert loudest_hz(gain * stored) == pytest.approx(440 * 2 ** (-28 / 12), rel=0.01)
    assert bank.group("short", oscillators=True) == [sound]


@needs_fluidsynth
def test_one_command_renders_the_same_bytes_and_records_the_licence(
    tmp_path: Path, few_sounds: None, capsys: pytest.CaptureFixture[str]
) -> None:
    font = tiny_font.write_font(tmp_path / "tiny.sf2")
    for name in ("a", "b"):
        words = [
            str(tmp_path / name),
            "--soundfont",
            str(font),
            "--num-songs",
            "2",
            "--duration",
            "4",
            "--seed",
            "9",
        ]
        assert main(words) == 0
    for file in ("music/song_00000.flac", "music/song_00001.flac", "corpus.json"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
    header = soundfile.info(tmp_path / "a/music/song_00001.flac")
    assert (header.samplerate, header.channels, header.frames) == (SAMPLE_RATE, 2, 4 * SAMPLE_RATE)
    description = json.loads((tmp_path / "a/corpus.json").read_text())
    assert description["sound_set"]["copyright"] == tiny_font.COPYRIGHT
    assert len(description["sound_set"]["soundfont_sha256"]) == 64
    assert description["settings"]["sound_set"] == description["sound_set"]["identity"]
    assert [song["file"] for song in description["songs"]] == [
        "music/song_00000.flac",
        "music/song_00001.flac",
    ]
    assert "real time" in capsys.readouterr().err


@needs_fluidsynth
def test_an_interrupted_run_goes_on_and_other_settings_are_refused(
    tmp_path: Path, few_sounds: None, capsys: pytest.CaptureFixture[str]
) -> None:
    font, out = tiny_font.write_font(tmp_path / "tiny.sf2"), tmp_path / "out"
    words = [str(out), "--soundfont", str(font), "--duration", "4", "--num-songs"]
    assert main([*words, "1"]) == 0
    first = (out / "music/song_00000.flac").stat().st_mtime_ns
    assert main([*words, "2"]) == 0
    assert (out / "music/song_00000.flac").stat().st_mtime_ns == first
    assert main([*words, "2", "--seed", "1"]) == 2
    assert "other settings" in capsys.readouterr().err


@needs_fluidsynth
def test_what_is_no_sound_font_is_refused_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = tmp_path / "wrong.sf2"
    assert main([str(tmp_path / "out"), "--soundfont", str(wrong)]) == 2
    wrong.write_bytes(b"no sound font")
    assert main([str(tmp_path / "out"), "--soundfont", str(wrong)]) == 2
    said = capsys.readouterr().err
    assert "musescore-general-soundfont-small" in said
    assert f"{wrong} is not a sound font" in said


@needs_fluidsynth
def test_a_bank_of_another_sound_set_is_refused(tmp_path: Path, few_sounds: None) -> None:
    font = tiny_font.write_font(tmp_path / "tiny.sf2")
    first = open_bank(tmp_path / "bank", font, lambda text: None)
    assert open_bank(tmp_path / "bank", font, lambda text: None).identity == first.identity
    font.write_bytes(font.read_bytes() + b"\0\0")
    with pytest.raises(DataError, match="another sound set"):
        open_bank(tmp_path / "bank", font, lambda text: None)
