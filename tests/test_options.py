"""One table of what a fusion can be asked for, read by the command line, the studio's server and its page."""

import subprocess
import sys
from dataclasses import dataclass
from typing import Annotated, get_args

import pytest

from hocket import options
from hocket.cli import fuse
from hocket.errors import ConfigError
from hocket.options import PRESETS, Align, Choice, Fit, FuseOptions, Length, Number, make_options, table
from hocket.studio.requests import RequestError, page_options, parse_request

PAIR = {"input": "a", "target": "b"}


def named(name: str) -> Number | Choice:
    return next(option for option in table() if option.name == name)


@pytest.mark.parametrize(("name", "kind"), [("align", Align), ("length", Length), ("fit", Fit)])
def test_choices_are_those_of_their_types(name: str, kind: object) -> None:
    choice = named(name)
    assert isinstance(choice, Choice) and tuple(choice.labels) == get_args(kind)


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_can_be_asked_for_on_the_page(name: str) -> None:
    wanted = make_options(PRESETS[name])
    assert (wanted == FuseOptions()) == (name == "Balanced")
    assert parse_request({**PAIR, **PRESETS[name]}).options == wanted


def test_every_default_is_allowed_and_every_option_has_its_words() -> None:
    for option in table():
        assert option.allows(option.default) and option.title and not option.words.endswith(".")
        assert option.brief or not option.on_page


@pytest.mark.parametrize(
    "values",
    [
        {"input_amount": -0.1},
        {"target_amount": 4.1},
        {"reattack": float("nan")},
        {"input_amount": 0, "target_amount": 0},
        {"align": "chords"},
        {"key": "H"},
        {"sample_rate": 100},
        {"num_channels": 25},
    ],
)
def test_values_out_of_range_are_refused_by_name(values: dict) -> None:
    with pytest.raises(ConfigError, match=next(iter(values))):
        FuseOptions(**values)


def test_what_is_written_next_to_an_output_keeps_its_shape() -> None:
    assert FuseOptions(reattack=1.5, sample_rate=48_000).as_json() == {
        "controls": {"blend": 0.5, "input_amount": 1.0, "target_amount": 1.0, "reattack": 1.5},
        "align": "none",
        "key": "none",
        "length": "input",
        "fit": "loop",
        "sample_rate": 48_000,
        "num_channels": None,
    }


@dataclass(frozen=True, kw_only=True)
class WithAir(FuseOptions):
    """The options with one more field, and nothing else."""

    air: Annotated[float, Number("Air", "Breath: 0 = none", maximum=2.0, brief="air")] = 0.5


def test_a_new_option_is_known_to_command_line_server_and_page(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RequestError, match="no field 'air'"):
        parse_request({**PAIR, "air": 1})
    monkeypatch.setattr(options, "FuseOptions", WithAir)
    parser = fuse._parser()
    assert parser.parse_args(["a", "b", "-o", "c", "--air", "1.5"]).air == 1.5
    assert "Breath: 0 = none, max 2 (default: 0.5)" in " ".join(parser.format_help().split())
    assert page_options()[-1].as_json() == {
        "name": "air",
        "title": "Air",
        "words": "Breath: 0 = none",
        "brief": "air",
        "default": 0.5,
        "minimum": 0.0,
        "maximum": 2.0,
    }
    request = parse_request({**PAIR, "air": 1})
    assert request.options == WithAir(air=1.0) and request.as_json()["air"] == 1.0
    assert request.options.as_json()["controls"]["air"] == 1.0
    with pytest.raises(RequestError, match="air is not a number from 0 to 2"):
        parse_request({**PAIR, "air": 3})
    with pytest.raises(ConfigError, match=r"air is 3: give 0 to 2"):
        options.make_options({"air": 3})


def test_the_table_needs_no_torch() -> None:
    code = "import sys, hocket.options, hocket.studio.requests; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
