"""The answers of a listening test: means by hand, intervals over listeners, and one sentence for each bad file."""

import json
from pathlib import Path
from typing import Any

import pytest

from hocket.cli import main

Say = pytest.CaptureFixture[str]
KEY = {
    "listening_test": "abc",
    "systems": ["hocket", "overlay"],
    "trials": [
        {"trial": "one", "sounds": {"s1": "overlay", "s2": "hocket"}},
        {"trial": "two", "sounds": {"s3": "hocket", "s4": "overlay"}},
    ],
}


def ratings(rhythm: int, harmony: int, keep: float) -> dict[str, float]:
    return {"rhythm": rhythm, "harmony": harmony, "keep": keep}


def answers(listener: str, *, keep: float = 80, saved: str = "2026-01-01T00:00:00.000Z") -> dict[str, Any]:
    """Hocket: rhythm 60 and 80, harmony 40 and 60; overlay: 10 and 30, 90 and 70, keep 50 and 20."""
    return {
        "listening_test": "abc",
        "listener": listener,
        "name": "",
        "comment": f"from {listener}",
        "saved": saved,
        "trials": [
            {"trial": "two", "ratings": {"s3": ratings(80, 60, keep), "s4": ratings(30, 70, 20)}},
            {"trial": "one", "ratings": {"s2": ratings(60, 40, keep), "s1": ratings(10, 90, 50)}},
        ],
    }


@pytest.fixture
def key(tmp_path: Path) -> Path:
    (tmp_path / "key.json").write_text(json.dumps(KEY))
    return tmp_path / "key.json"


def count(key: Path, *contents: object, flags: tuple[str, ...] = ()) -> int:
    paths = [key.with_name(f"answers-{number}.json") for number in range(len(contents))]
    for path, content in zip(paths, contents, strict=True):
        path.write_text(content if isinstance(content, str) else json.dumps(content))
    return main(["listen", "--results", *map(str, paths), "--key", str(key), *flags])


def test_means_and_preferences_are_those_by_hand(key: Path, capsys: Say) -> None:
    assert count(key, answers("x", keep=80), answers("y", keep=20), flags=("--json",)) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["listening_test"], found["listeners"], found["trials"]) == ("abc", 2, 2)
    assert found["means"] == {"hocket": ratings(70, 50, 50.0), "overlay": ratings(20, 80, 35.0)}
    # x keeps Hocket's higher twice; y lower than 50, and as high as 20.
    assert found["kept_higher"] == {"hocket": {"overlay": 0.625}, "overlay": {"hocket": 0.375}}
    assert found["comments"] == ["from x", "from y"]
    # Both listeners are of one mind but for Hocket's keep, 20 or 80 in both trials.
    assert found["drawn"] == "listeners"
    assert found["intervals"]["hocket"] == {"rhythm": [70, 70], "harmony": [50, 50], "keep": [20, 80]}


def test_one_listeners_trials_are_drawn_instead(key: Path, capsys: Say) -> None:
    assert count(key, answers("x"), flags=("--json",)) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["drawn"] == "trials"
    assert found["intervals"]["overlay"] == {"rhythm": [10, 30], "harmony": [70, 90], "keep": [20, 50]}


def test_one_rating_has_no_interval(key: Path, capsys: Say) -> None:
    key.write_text(json.dumps(KEY | {"trials": KEY["trials"][:1]}))
    assert count(key, answers("x"), flags=("--json",)) == 0
    assert json.loads(capsys.readouterr().out)["intervals"]["hocket"]["keep"] is None
    assert count(key, answers("x")) == 0
    assert "\nhocket      60      40   80\n" in capsys.readouterr().out


def test_the_table_tells_the_same(key: Path, capsys: Say) -> None:
    assert count(key, answers("x", keep=80), answers("y", keep=20)) == 0
    table = capsys.readouterr().out
    assert table.startswith("2 listeners, 2 pairs: 4 ratings of each system.\n")
    assert "hocket  70 (70-70) 50 (50-50) 50 (20-80)\n" in table
    assert "hocket       -     62%\n" in table and "overlay    38%       -\n" in table


def test_a_listener_counts_once_with_what_was_saved_last(key: Path, capsys: Say) -> None:
    late, early = answers("x", keep=90, saved="2026-01-02T00:00:00.000Z"), answers("x", keep=10)
    for files in ((late, early), (early, late)):
        assert count(key, *files, flags=("--json",)) == 0
        out, err = capsys.readouterr()
        found = json.loads(out)
        assert found["listeners"] == 1 and found["means"]["hocket"]["keep"] == 90
        assert (
            "answers-1.json and " in err
            and "are from the same listener: only the one saved last counts." in err
        )


def changed(**values: object) -> dict[str, Any]:
    return answers("x") | values


def rated(value: object) -> dict[str, Any]:
    found = answers("x")
    found["trials"][0]["ratings"]["s3"]["keep"] = value
    return found


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "is not valid JSON"),
        ("[]", "contains no answers to a listening test: give a file that the page saved."),
        (KEY, "contains no answers"),
        (changed(listener=3), "contains no answers"),
        (changed(trials=None), "contains no answers"),
        (changed(listening_test="def"), "belongs to a different test than"),
        (
            changed(trials=[]),
            "has no rating for 'rhythm' of the sound s2 in the trial one: leave the file out.",
        ),
        (changed(trials=[{"trial": "one", "ratings": None}]), "has no rating for"),
        *(
            (rated(value), "that is not a number from 0 to 100")
            for value in (101, -1, float("nan"), "5", True)
        ),
    ],
)
def test_a_bad_file_is_named_in_one_sentence(key: Path, content: object, said: str, capsys: Say) -> None:
    assert count(key, answers("y"), content) == 2
    out, err = capsys.readouterr()
    assert (
        out == ""
        and err.startswith(f"hocket listen: error: {key.with_name('answers-1.json')} ")
        and said in err
    )
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "content",
    [
        "[]",
        json.dumps(KEY | {"systems": 3}),
        json.dumps(KEY | {"trials": []}),
        json.dumps(KEY | {"systems": ["hocket"]}),
        json.dumps(KEY | {"trials": [{"trial": [], "sounds": {}}]}),
        json.dumps(answers("x")),
    ],
)
def test_a_key_that_is_none_is_named(key: Path, content: str, capsys: Say) -> None:
    key.write_text(content)
    assert count(key, answers("x")) == 2
    assert (
        f"{key} is not the key of a listening test: give the key.json next to the page."
        in capsys.readouterr().err
    )
