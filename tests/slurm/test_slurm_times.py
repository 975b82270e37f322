"""SLURM's forms of time, by the manual page of sbatch."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hocket.cluster.script import format_time, parse_time
from hocket.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90 * 60),
        ("12:00", 12 * 60),
        ("12:30", 12 * 60 + 30),
        ("12:00:00", 12 * 3600),
        ("0:05:30", 330),
        ("1-0", 86_400),
        ("1-12", 36 * 3600),
        ("1-12:30", 36 * 3600 + 1800),
        ("2-03:04:05", 2 * 86_400 + 3 * 3600 + 4 * 60 + 5),
        ("1:60:00", 2 * 3600),
    ],
)
def test_all_forms(text, seconds) -> None:
    assert parse_time(text) == seconds


@pytest.mark.parametrize(
    "text",
    ["", "12h", "-5", "1:2:3:4", "1-", "-1:00", "1.5", "UNLIMITED", " 5", "5\n", "1-2-3", "0", "0:59", "٣", "400-0"],
)  # fmt: skip
def test_what_is_no_time_is_refused_by_name(text) -> None:
    with pytest.raises(ConfigError, match="--time"):
        parse_time(text)


@given(st.integers(1, 200_000))
def test_what_is_written_is_read_back(minutes) -> None:
    assert parse_time(format_time(60 * minutes)) == 60 * minutes


def test_seconds_are_rounded_up_as_slurm_does() -> None:
    assert format_time(61) == "00:02:00"
    assert format_time(12 * 3600) == "12:00:00"
    assert format_time(36 * 3600) == "1-12:00:00"
