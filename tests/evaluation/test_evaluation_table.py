"""The printed table: everything in it, once, within the width."""

import re

import pytest

from hocket.evaluation.baselines import BASELINES
from hocket.evaluation.summary import BADNESS, SystemScores
from hocket.evaluation.table import BLOCKS, WIDTH, as_table

FIGURES = [key for block in BLOCKS.values() for key in block.values()]
OPTIONAL = ("truth_rhythm", "truth_harmony", "input_mask_mean", "target_mask_mean", "complementarity")


def scores(value: float, *, leave_out: tuple[str, ...] = (), pair: str = "003") -> SystemScores:
    means = {key: value for key in FIGURES if key not in leave_out}
    worst = {key: {"pair": pair, "value": value - 1} for key in BADNESS if key not in leave_out}
    return SystemScores(means, worst, {"mixing": 11, "overlay": 1}, rows=[])


def row(table: str, name: str) -> list[str]:
    """Cells of the first row of that name."""
    line = next(line for line in table.splitlines() if line.strip().startswith(name))
    return line.strip().removeprefix(name).split()


def test_each_figure_stands_under_its_system() -> None:
    table = as_table({"overlay": scores(0.25), "model": scores(0.75)}, num_pairs=12)
    assert table.startswith("12 pairs.")
    assert "overlay model" in re.sub(" +", " ", table)
    assert row(table, "articulation") == ["0.25", "0.75"]
    assert row(table, "worst") == ["003", "-0.75", "003", "-0.25"]
    assert row(table, "in 0.4-0.6") == ["25%", "75%"]
    assert row(table, "mixing") == ["11", "11"]
    for block, rows in BLOCKS.items():
        assert f"\n{block}\n" in table
        assert all(name in table for name in rows)


def test_what_nobody_knows_is_left_out_and_what_one_does_not_know_is_a_dash() -> None:
    known, unknown = scores(0.5), scores(0.5, leave_out=OPTIONAL)
    table = as_table({"overlay": unknown, "model": known}, num_pairs=2)
    assert row(table, "complementarity") == ["-", "0.50"]
    without = as_table({"overlay": unknown}, num_pairs=2)
    assert "masks" not in without
    assert "true fusion" not in without
    untimed = SystemScores({**known.means, "real_time_factor": None}, known.worst, known.verdicts, [])
    assert row(as_table({"outputs": untimed}, num_pairs=1), "× real time") == ["-"]


@pytest.mark.parametrize("more", [("model",), ("outputs", "model"), tuple(f"model_{i}" for i in range(20))])
def test_no_line_is_too_wide_and_no_system_left_out(more: tuple[str, ...]) -> None:
    systems = {name: scores(-0.5) for name in (*BASELINES, *more)}
    table = as_table(systems, num_pairs=12)
    assert max(map(len, table.splitlines())) <= WIDTH
    counts = [len(line.split()) - 1 for line in table.splitlines() if line.startswith("  articulation")]
    assert sum(counts) == len(systems)
    assert max(counts) - min(counts) <= len(counts)


def test_baselines_and_model_fit_two_tables() -> None:
    systems = {name: scores(-0.5) for name in (*BASELINES, "model")}
    assert as_table(systems, num_pairs=12).count("articulation") == 2


def test_a_name_that_is_wider_than_the_page_has_a_table_of_its_own() -> None:
    systems = {"overlay": scores(0.5), "m" * 120: scores(0.5)}
    assert as_table(systems, num_pairs=1).count("articulation") == 2
