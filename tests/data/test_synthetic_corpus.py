import csv
import json
from itertools import combinations

import numpy as np
import pytest

from hocket.audio import load
from hocket.cli import main
from hocket.data.pairs import read_pairs
from hocket.data.synthetic.corpus import choose_pairs, num_possible_pairs, render_corpus
from hocket.data.synthetic.render import render_song, render_truth
from hocket.data.synthetic.songs import make_song
from hocket.errors import ConfigError, DataError

SMALL = {"num_songs": 6, "duration_seconds": 2.0, "sample_rate": 8_000}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return render_corpus(tmp_path_factory.mktemp("rendered") / "corpus", **SMALL)


def contents(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_the_files_are_what_the_table_and_the_description_say(corpus):
    assert sorted(path.name for path in corpus.iterdir()) == ["corpus.json", "music", "pairs.csv", "truth"]
    description = json.loads((corpus / "corpus.json").read_text(encoding="utf-8"))
    assert description["settings"] == SMALL | {"num_pairs": None, "seed": 0}
    assert [song["kind"] for song in description["songs"]] == ["drums", "chords", "band"] * 2
    for song in description["songs"]:
        audio = load(corpus / song["file"])
        assert (audio.num_channels, audio.sample_rate, audio.num_samples) == (1, 8_000, 16_000)
        assert (song["key"] is None) == (song["kind"] == "drums")
        assert bool(song["chords"]) == (song["kind"] != "drums")
        assert 70 <= song["tempo_bpm"] <= 180
    assert len(list((corpus / "music").iterdir())) == 6
    assert sorted(path.name for path in (corpus / "truth").iterdir()) == ["000.flac", "001.flac", "002.flac"]


def test_each_truth_is_that_of_its_row(corpus):
    pairs = read_pairs(corpus / "pairs.csv")
    with (corpus / "pairs.csv").open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert [row["pair"] for row in rows] == [pair.name for pair in pairs] == ["000", "001", "002"]
    length = {"duration_seconds": 2.0, "sample_rate": 8_000}
    for row, pair in zip(rows, pairs, strict=True):
        rhythm, harmony = (
            make_song(0, int(path.stem.removeprefix("song_"))) for path in (pair.input, pair.target)
        )
        written = load(corpus / row["truth"]).samples[0]
        assert np.max(np.abs(written - render_truth(rhythm, harmony, **length))) < 2**-22
        assert np.max(np.abs(load(pair.input).samples[0] - render_song(rhythm, **length))) < 2**-22


def test_the_same_seed_gives_the_same_bytes_and_another_seed_other_ones(corpus, tmp_path):
    again = contents(render_corpus(tmp_path / "again", **SMALL))
    other = contents(render_corpus(tmp_path / "other", **SMALL, seed=1))
    assert again == contents(corpus)
    assert again.keys() == other.keys()
    assert all(again[name] != other[name] for name in again)


def test_pairs_are_distinct_and_of_the_right_kinds_and_differ_in_key():
    for seed in range(4):
        songs = [make_song(seed, index) for index in range(24)]
        pairs = choose_pairs(songs, 12, seed)
        assert pairs == choose_pairs(songs, 12, seed)
        assert len(set(pairs)) == 12
        for first, second in pairs:
            assert first != second
            assert songs[first].kind in ("drums", "band")
            assert songs[second].kind in ("chords", "band")
            if songs[first].harmony is not None:
                assert songs[first].harmony.scale != songs[second].harmony.scale
        used = [pair.count(n) for n in range(24) for pair in [[i for both in pairs for i in both]]]
        assert max(used) <= 2


def test_all_possible_pairs_can_be_asked_for_and_no_more(tmp_path):
    songs = [make_song(0, index) for index in range(6)]
    possible = num_possible_pairs(songs)
    allowed = [
        (a, b)
        for a, b in combinations(range(6), 2)
        for a, b in ((a, b), (b, a))
        if songs[a].kit and songs[b].harmony
    ]
    assert sorted(choose_pairs(songs, possible, 0)) == sorted(allowed)
    with pytest.raises(ConfigError, match=f"num_pairs is {possible + 1}, but 6 songs make only {possible}"):
        render_corpus(tmp_path / "corpus", num_songs=6, num_pairs=possible + 1)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("num_songs", 1),
        ("num_songs", -3),
        ("num_pairs", -1),
        ("duration_seconds", 0.0),
        ("duration_seconds", float("nan")),
        ("duration_seconds", float("inf")),
        ("seed", -1),
        ("sample_rate", 100),
    ],
)
def test_numbers_out_of_range_are_named(tmp_path, name, value):
    with pytest.raises(ConfigError, match=rf"^{name} is .*: give a number from .*\.$"):
        render_corpus(tmp_path / "corpus", **{name: value})
    assert list(tmp_path.iterdir()) == []


def test_only_a_corpus_is_replaced_and_only_when_asked(tmp_path):
    folder = tmp_path / "corpus"
    folder.mkdir()  # an empty folder may be filled
    settings = SMALL | {"num_songs": 2}
    render_corpus(folder, **settings)
    before = contents(folder)
    with pytest.raises(DataError, match="already contains a rendered corpus: replace it with --force"):
        render_corpus(folder, **settings)
    render_corpus(folder, **settings, force=True)
    assert contents(folder) == before
    render_corpus(folder, **(settings | {"num_songs": 3}), force=True)
    assert len(list((folder / "music").iterdir())) == 3
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(DataError, match=r"something other than a rendered corpus \('notes.txt'\)"):
        render_corpus(folder, **settings, force=True)
    assert (folder / "notes.txt").read_text() == "mine"


def test_music_of_somebody_is_never_touched(tmp_path):
    (tmp_path / "music").mkdir()
    (tmp_path / "music" / "song_000.flac").write_bytes(b"mine")
    with pytest.raises(DataError, match="something other than a rendered corpus"):
        render_corpus(tmp_path, **SMALL, force=True)
    assert (tmp_path / "music" / "song_000.flac").read_bytes() == b"mine"
    with pytest.raises(DataError, match="is a file"):
        render_corpus(tmp_path / "music" / "song_000.flac", **SMALL)


def test_nothing_is_left_behind_when_rendering_stops_half_way(tmp_path):
    def stop(done, total):
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        render_corpus(tmp_path / "corpus", **SMALL, progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_progress_counts_every_file_once(tmp_path):
    calls = []
    render_corpus(
        tmp_path / "corpus", **(SMALL | {"num_songs": 2}), progress=lambda *call: calls.append(call)
    )
    assert calls == [(1, 3), (2, 3), (3, 3)]


def test_the_command_says_what_it_wrote_and_what_comes_next(tmp_path, capsys):
    folder = tmp_path / "corpus"
    flags = [
        "--num_songs",
        "3",
        "--num-pairs=2",
        "--duration_seconds=2",
        "--seed",
        "5",
        "--sample-rate",
        "8000",
    ]
    assert main(["render", str(folder), *flags]) == 0
    told = capsys.readouterr()
    assert "3 songs and 2 true fusions of 2 s each" in told.out
    assert f"next: hocket train {folder / 'music'} --run RUN" in told.out
    assert "rendering 5/5" in told.err
    settings = json.loads((folder / "corpus.json").read_text())["settings"]
    assert settings == {
        "num_songs": 3,
        "num_pairs": 2,
        "duration_seconds": 2.0,
        "seed": 5,
        "sample_rate": 8000,
    }


@pytest.mark.parametrize(
    "flags", [["--num-songs", "0"], ["--num-pairs", "999"], ["--duration-seconds", "nan"]]
)
def test_the_command_refuses_bad_numbers_in_one_line(tmp_path, capsys, flags):
    assert main(["render", str(tmp_path / "corpus"), *flags]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("hocket render: error: ")
    assert told.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
