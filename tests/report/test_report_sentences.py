"""What the report says of runs that are easily misread: each sentence only where the figures bear it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import run_folders as folders

from hocket.errors import CheckpointError, HocketError
from hocket.report import summarise
from hocket.report.advice import advice
from hocket.report.page import render, write_report
from hocket.report.run import read_run
from hocket.report.summary import state_words

NAN = ("nan",) * 6
LEANING = (0.2, 0.6, 0.5, 0.9, 0.7, 0.6)
ASKED = {
    "rhythm_weight": 2.0,
    "articulation_weight": 1.0,
    "harmony_weight": 4.0,
    "output_balance_weight": 3.0,
}
LATE = "Nothing yet: wait for the first validation"


def told(folder: Path, *lines: dict) -> dict:
    return summarise(folders.write(folder, *lines))


def test_validations_without_finite_figures_are_not_called_missing(tmp_path: Path) -> None:
    rows = [folders.validation(epoch, NAN) for epoch in (1, 2, 3)]
    folder = folders.write(
        tmp_path / "a", folders.start(learning_rate=0.01, on_nonfinite="stop"), *rows, folders.end(NAN)
    )
    found = summarise(folder)
    assert found["state"] == "ended" and found["verdict"] is None
    assert "3 validations were made, but none has finite figures" in found["sentences"][0]
    command = found["advice"][0]["command"]
    assert command.endswith("--learning-rate 0.001 --on-nonfinite rollback")
    assert LATE not in render([folder])


def test_only_a_run_that_trains_is_told_to_wait(tmp_path: Path) -> None:
    lines = [folders.start(), folders.train(1)]
    assert LATE in render([folders.write(tmp_path / "a", *lines)])
    ended = {"kind": "end", "step": 1, "checklist": [{"name": "a"}], "stopped": None}
    folder = folders.write(tmp_path / "b", *lines, ended)
    assert LATE not in render([folder]) and "ended before its first validation" in render([folder])


def test_some_validations_without_figures_are_counted(tmp_path: Path) -> None:
    found = told(tmp_path / "a", folders.start(), folders.validation(1), folders.validation(2, NAN))
    assert "1 of 2 validations have no finite figures and are left out here." in found["sentences"]


def test_best_weights_are_named_only_where_the_end_judged_them(tmp_path: Path) -> None:
    signal = {"kind": "end", "step": 25, "stopped": "SIGTERM", "checklist": []}
    cut = folders.write(tmp_path / "a", folders.start(), folders.validation(5), signal)
    assert "best weights" not in render([cut]) and "epoch 5, step 25" in render([cut])
    whole = folders.write(tmp_path / "b", folders.start(), folders.validation(10), folders.end())
    assert "best weights (epoch 10)" in render([whole])


def test_flat_masks_are_undecided_only_near_one_half(tmp_path: Path) -> None:
    for name, means, words in (
        ("a", (1.0, 0.0), "pass the input everywhere (1.00) and the target nowhere (0.00)"),
        ("b", (0.55, 0.45), "nothing has been learned yet"),
    ):
        masks = {"input_mask_mean": means[0], "target_mask_mean": means[1], "mask_variance": 0.001}
        found = told(tmp_path / name, folders.start(), folders.end(**masks))
        assert any(words in sentence for sentence in found["sentences"])
        assert ("nothing has been learned" in str(found["sentences"])) == (name == "b")


def test_what_only_leans_is_no_copy_in_heading_and_sentences(tmp_path: Path) -> None:
    folder = folders.write(tmp_path / "a", folders.start(), folders.end(LEANING))
    found, page = summarise(folder), render([folder])
    assert found["verdict_words"] == "✓ Fusion" and found["rung"] == found["level"] == "fusion"
    assert 'class="card good"' in page and "✓ Fusion" in page and "Copy of the target" not in page
    text = " ".join(found["sentences"])
    assert "The output leans towards the target (ratio 3.0x)" in text
    assert "⚠ COPYING THE TARGET (ratio 3.0x), but R² shows no plain copy" in text
    assert "but the output is the target" not in text and "perfect copy" not in text
    copied = told(tmp_path / "b", folders.start(), folders.end())
    assert copied["verdict_words"] == "⚠ Copy of the target" and "perfect copy" in " ".join(
        copied["sentences"]
    )


def test_a_copy_of_the_input_has_its_own_advice(tmp_path: Path) -> None:
    own = (0.99, 0.05, 0.99, 0.9, -0.5, 0.1)
    cured = folders.start(loss_weight_input=0.2, loss_weight_target=0.8, **ASKED)
    found = told(tmp_path / "a", cured, folders.end(own))["advice"]
    assert len(found) == 1 and not found[0]["text"].startswith("Or")
    assert found[0]["command"].endswith("--harmony-weight 6 --output-balance-weight 6")
    open_ = folders.start(loss_weight_input=0.5, loss_weight_target=0.5, **ASKED)
    found = told(tmp_path / "b", open_, folders.end(own))["advice"]
    assert [item["text"].startswith("Or") for item in found] == [False, True]
    assert (
        "0.3 and 0.7" not in found[1]["text"] and "--reconstruction-input-weight 0.2" in found[1]["command"]
    )


def test_a_one_sided_pair_is_not_called_a_copy(tmp_path: Path) -> None:
    found = told(tmp_path / "a", folders.start(), folders.end(folders.FUSED, worst_ratio=9.0))
    text = " ".join(found["sentences"])
    assert "In the worst pair, one correlation is 9 times the other" in text and "copies" not in text


def test_a_stopped_run_does_not_wait_for_its_milestones(tmp_path: Path) -> None:
    signal = {"kind": "end", "step": 5, "stopped": "SIGTERM", "checklist": []}
    folder = folders.write(tmp_path / "a", folders.start(), folders.validation(1), signal)
    page = render([folder])
    assert "not reached before the run stopped" in page and "not due yet" not in page
    assert [item.text.split()[0] for item in advice(read_run(folder))] == ["The"]
    early = {**folders.end(), "step": 25, "best_epoch": 2}
    ended = folders.write(tmp_path / "b", folders.start(), folders.validation(5), early)
    assert "not reached before the run ended" in render([ended])


def test_the_best_epoch_of_a_stopped_run_does_not_make_it_young(tmp_path: Path) -> None:
    cut = folders.end(checklist=[], best_epoch=1, stopped="SIGTERM")
    folder = folders.write(tmp_path / "a", folders.start(), folders.validation(1), folders.validation(9), cut)
    assert any("--preset default" in item.command for item in advice(read_run(folder)))


@pytest.mark.parametrize(("content", "words"), [(b"", "just begun"), (b"\x00\xff\n{]\n", "no readable line")])
def test_an_empty_log_is_not_a_damaged_one(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "log.jsonl").write_bytes(content)
    with pytest.raises(CheckpointError, match=words):
        read_run(tmp_path)


def test_the_page_never_takes_the_place_of_the_log(tmp_path: Path) -> None:
    folder = folders.write(tmp_path / "a", folders.start(), folders.train(1))
    before = (folder / "log.jsonl").read_bytes()
    with pytest.raises(HocketError, match=r"ends in \.html or \.htm\.$"):
        write_report([folder], folder / "log.jsonl")
    assert (folder / "log.jsonl").read_bytes() == before
    assert write_report([folder], tmp_path / "A.HTM").is_file()


def test_numbers_and_names_that_no_run_has_are_borne(tmp_path: Path) -> None:
    strange = {"kind": "remedy", "step": 5, "field": ["a"], "value": {}, "reason": None}
    folder = folders.write(
        tmp_path / "a",
        folders.start(num_epochs=10**400, steps_per_epoch=10**400),
        folders.validation(1),
        strange,
        folders.validation(2),
        folders.end(best_epoch=10**400),
    )
    run = read_run(folder)
    assert run.num_steps == 0 and "step 50" in state_words(run)
    assert render([folder]) and summarise(folder)["milestones"] == []


@pytest.mark.skipif(sys.platform != "linux", reason="locks are probed on Linux only")
def test_the_lock_of_this_very_process_survives_a_summary(tmp_path: Path) -> None:
    import fcntl

    folder = folders.write(tmp_path / "a", folders.start(), folders.train(1))
    os.utime(folder / "log.jsonl", (0, 0))
    probe = "import fcntl, sys; fcntl.lockf(open(sys.argv[1], 'a'), fcntl.LOCK_EX | fcntl.LOCK_NB)"
    with (folder / ".lock").open("a+") as held:
        fcntl.lockf(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        held.write(f"process {os.getpid()} on here\n")
        held.flush()
        assert summarise(folder)["state"] == "training"
        other = subprocess.run([sys.executable, "-c", probe, folder / ".lock"], capture_output=True)
        assert b"BlockingIOError" in other.stderr
    assert summarise(folder)["state"] == "stopped"


def test_margins_that_are_not_known_are_left_out(tmp_path: Path) -> None:
    unknown = (0.5, 0.45, 0.5, "nan", "nan", "nan")
    masks = dict.fromkeys(folders.MASKS, "nan")
    folder = folders.write(
        tmp_path / "a",
        folders.start(**ASKED),
        folders.validation(2, unknown, **masks),
        folders.end(unknown, **masks),
    )
    folders.add_pair(folder, 1, values=(0.5, 0.45, 0.5, *[float("nan")] * 3))
    page = render([folder])
    body = page[page.index("<body") : page.index("<script ")]
    visible = re.sub(r"<[^>]*>", " ", body)
    assert not re.search(r"\bnan\b|–|\bNone\b", visible)
    assert "output→input" in visible and "rhythm margin</dt>" not in body
