"""The page: whole in itself, harmless, small and soon there."""

import itertools
import json
import re
import time
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import run_folders as folders

from hocket.errors import HocketError
from hocket.report.examples import masks_of, pairs_of
from hocket.report.page import render, write_report

FOUR = ["correlations", "margins", "overlay", "complementarity"]
VOID = {"meta", "link", "br", "input", "img", "hr"}


class Page(HTMLParser):
    """All elements with their attributes; fails where one is not closed in its place."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), f"{tag} has an attribute twice"
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes something else"


def curves_in(page: str) -> dict[str, Any]:
    """The curves that a page holds."""
    [text] = [
        attributes["data-curves"] for _, attributes in Page(page).elements if "data-curves" in attributes
    ]
    found: dict[str, Any] = json.loads(str(text))
    return found


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """500 steps with 50 validations and three pairs of four seconds, each with eight outputs."""
    folder = tmp_path_factory.mktemp("runs") / "collapsed"
    lines = [folders.start(num_epochs=50, steps_per_epoch=10)]
    rng = np.random.default_rng(0)
    for step in range(1, 501):
        terms = {
            f"loss/{name}": float(rng.random()) for name in ("reconstruction_target", "balance", "novelty")
        }
        lines.append(
            folders.train(step, **folders.figures(), **folders.MASKS, **terms, gradient_norm=float(step))
        )
        if step % 10 == 0:
            lines.append(folders.validation(step // 10, steps_per_epoch=10))
    folders.write(folder, *lines, {**folders.end(), "step": 500, "best_epoch": 50})
    for number in (1, 2, 3):
        folders.add_pair(folder, number, steps=range(60, 501, 60), seconds=4.0)
    return folder


def test_a_run_of_500_steps_is_small_and_soon_drawn(run: Path, tmp_path: Path) -> None:
    begin = time.process_time()
    out = write_report([run], tmp_path / "report.html")
    # Processor time, ten times what it takes, because other programs may use the machine.
    assert time.process_time() - begin < 20
    assert out.stat().st_size < 15e6
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    text = out.read_text(encoding="utf-8")
    page = Page(text)
    sounds = [attributes for tag, attributes in page.elements if tag == "audio"]
    assert [sound["data-key"] for sound in sounds] == 3 * ["input", "target", "run-0"]
    assert all(str(sound["src"]).startswith("data:audio/mpeg;base64,") for sound in sounds)
    for tag, attributes in page.elements:
        for name in ("src", "href", "xlink:href", "action", "data", "poster"):
            value = attributes.get(name)
            assert value is None or value.startswith(("data:", "#")), f"{tag} {name}={value[:60]}"
        assert not any(name.startswith("on") for name in attributes), tag
    assert "@import" not in text and "url(" not in text and "<iframe" not in text
    policy = next(a["content"] for t, a in page.elements if t == "meta" and "http-equiv" in a)
    assert policy is not None and policy.startswith("default-src 'none'") and "connect-src" not in policy


def test_headings_go_down_by_one(run: Path) -> None:
    levels = [int(tag[1]) for tag, _ in Page(render([run])).elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


def test_names_of_strangers_are_text(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>\"'&"
    lines = [folders.start(music=evil), folders.validation(1), folders.validation(2)]
    fault = {"kind": "fault", "step": 7, "terms": [evil], "files": [evil]}
    remedy = {"kind": "remedy", "step": 10, "field": evil, "value": evil, "reason": evil}
    folder = folders.write(tmp_path / "<b>run</b>".replace("/", "-"), *lines, fault, remedy)
    folders.add_pair(folder, 1, name=evil)
    text = render([folder])
    tags = [tag for tag, _ in Page(text).elements]
    assert tags.count("script") == 1 and "alert(1)" in text and "<script>alert" not in text
    assert not any(name == "run" for name in tags) and "<b>run" not in text


def test_two_runs_are_laid_over_each_other_in_the_same_charts(tmp_path: Path) -> None:
    short = folders.write(
        tmp_path / "a", folders.start(), folders.train(1), folders.train(20), folders.validation(4)
    )
    fused = folders.validation(8, folders.FUSED)
    long = folders.write(
        tmp_path / "b", folders.start(rhythm_weight=2.5), folders.train(1), folders.train(40), fused
    )
    curves = curves_in(render([short, long]))
    assert [(run["name"], run["last_step"]) for run in curves["runs"]] == [("a", 20), ("b", 40)]
    charts = {chart["key"]: chart for group in curves["groups"] for chart in group["charts"]}
    assert [chart["key"] for chart in curves["groups"][0]["charts"]] == FOUR
    assert all(len(curve["series"]) == 2 for chart in charts.values() for curve in chart["curves"])
    given = charts["correlations"]["curves"][0]
    assert (given["name"], given["series"]) == ("output→input", [[[20], [0.016]], [[40], [0.518]]])
    assert "loss total" not in charts and "loss balance" in charts
    assert "rhythm_weight" in render([short, long])


def test_total_losses_are_compared_only_where_all_runs_add_up_the_same(tmp_path: Path) -> None:
    lines = [folders.train(1), folders.train(40), folders.validation(8)]
    one = folders.write(tmp_path / "a", folders.start(), *lines)
    same = folders.write(tmp_path / "b", folders.start(seed=1), *lines)
    other = folders.write(tmp_path / "c", folders.start(rhythm_weight=2.5), *lines)
    remedy = {"kind": "remedy", "step": 20, "field": "balance_weight", "value": 1.0, "reason": "copies"}
    cured = folders.write(tmp_path / "d", folders.start(), folders.train(1), remedy, *lines[1:])
    for runs, is_shown in (([one], True), ([one, same], True), ([one, other], False), ([one, cured], False)):
        charts = {c["key"]: c for g in curves_in(render(runs))["groups"] for c in g["charts"]}
        assert ("loss total" in charts) == is_shown, runs
    assert charts["loss balance"]["may_be_log"]


def test_runs_that_share_excerpts_share_an_example(tmp_path: Path) -> None:
    made = []
    for name, numbers in (("a", (1, 2)), ("b", (1, 3)), ("a/again/a", (1,))):
        made.append(folders.write(tmp_path / name, folders.start(), folders.validation(1)))
        for number in numbers:
            folders.add_pair(made[-1], number, steps=(5,))
    sounds = [a for tag, a in Page(render(made)).elements if tag == "audio"]
    outputs = [[str(sound["data-label"])] for sound in sounds if sound["data-key"] == "input"]
    for sound in sounds:
        if str(sound["data-key"]).startswith("run-"):
            outputs[sum(s["data-key"] == "input" for s in sounds[: sounds.index(sound)]) - 1].append(
                str(sound["data-label"])
            )
    assert outputs == [["Input", "a", "b", "a (2)"], ["Input", "a"], ["Input", "b"]]


def test_the_order_is_card_verdict_listen_curves_details(run: Path) -> None:
    page = Page(render([run]))
    ids = [attributes["id"] for tag, attributes in page.elements if tag == "section"]
    assert ids == ["card", "verdict", "listen", "curves", "more"]
    links = [attributes["href"] for tag, attributes in page.elements if tag == "a"]
    assert links == [f"#{name}" for name in ids]
    details = [attributes for tag, attributes in page.elements if tag == "details"]
    assert len(details) >= 6 and not any("open" in attributes for attributes in details)


def test_the_card_says_the_data_and_the_limits(tmp_path: Path) -> None:
    facts = {"num_training_songs": 1792, "training_seconds": 43_008.0, "validation_songs": ["/m/a.flac"]}
    start = folders.start(excerpt_seconds=4.0, sample_rate=24_000) | facts
    copied = folders.write(tmp_path / "a", start, folders.validation(8))
    fused = folders.write(tmp_path / "b", start, folders.validation(8, folders.FUSED))
    page = render([copied, fused])
    data = "1,792 songs (11.9 hours) to train on, 1 song held out for validation; 40 steps used 21.3 minutes"
    assert page.count(data) == 1
    assert "a is not ready to use: ⚠ Copy of the target." in page and "b is not ready" not in page
    assert "up to 12 kHz" in page and "no listening test" in page
    bare = {**folders.start(), "config": {}}
    page = render([folders.write(tmp_path / "c", bare, folders.validation(1, folders.FUSED))])
    assert "Its log does not say what it was trained on." in page and "kHz" not in page


def test_what_a_run_lacks_is_empty_in_its_place(tmp_path: Path) -> None:
    plain = folders.write(tmp_path / "a", folders.start(), folders.train(1), folders.train(2))
    adversarial = [folders.train(step, discriminator_loss=2.0 * step) for step in (1, 2)]
    other = folders.write(tmp_path / "b", folders.start(), *adversarial, folders.validation(1))
    charts = {c["key"]: c for g in curves_in(render([plain, other]))["groups"] for c in g["charts"]}
    assert charts["discriminator loss"]["curves"][0]["series"] == [None, [[1, 2], [2, 4]]]
    assert "copying" not in charts


def test_vanished_and_damaged_examples_are_left_out(tmp_path: Path) -> None:
    folder = folders.write(tmp_path / "a", folders.start(), folders.validation(1))
    for number in (1, 2, 3):
        folders.add_pair(folder, number)
    examples = folder / "examples"
    (examples / "pair-1" / "input.flac").unlink()
    (examples / "pair-2" / "step-00000010.flac").write_bytes(b"fLaC")
    (examples / "pair-3" / "step-00000010.npz").write_bytes(b"PK")
    text = render([folder])
    assert text.count('class="example"') == 2
    assert masks_of(pairs_of(folder)[2].steps[-1].stem) is None
    for path in examples.rglob("*.json"):
        path.write_text("[")
    assert "no validation examples: they are saved" in render([folder])


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    folder = folders.write(tmp_path / "a", folders.start(), folders.train(1))
    for out in (tmp_path, tmp_path / "none" / "report.html"):
        with pytest.raises(HocketError, match=r"give the name|choose a name|create it first"):
            write_report([folder], out)
