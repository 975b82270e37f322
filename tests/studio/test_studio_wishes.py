"""What a page may ask for, field by field."""

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hocket.studio.wishes import OPTIONS, RANGES, WishError, parse_wish, printable

GOOD: dict[str, Any] = {"input": "abc", "target": "def"}


def test_what_may_be_asked_for_is_what_inference_takes() -> None:
    from hocket.fusing.alignment import Align
    from hocket.fusing.lengths import Fit, Length
    from hocket.model.mixing import MAX_AMOUNT, Controls

    assert {"align": get_args(Align), "length": get_args(Length), "fit": get_args(Fit)} == OPTIONS
    assert {name: limits["default"] for name, limits in RANGES.items()} == vars(Controls())
    assert {limits["max"] for limits in RANGES.values()} == {MAX_AMOUNT}


def test_the_picture_is_that_of_the_pictures_part() -> None:
    from hocket.pictures import arrays
    from hocket.studio import pictures

    assert (pictures.LOWEST_HZ, pictures.NUM_ROWS, pictures.NUM_COLUMNS) == (
        arrays.LOWEST_HZ,
        arrays.NUM_ROWS,
        arrays.NUM_COLUMNS,
    )


def test_little_is_needed_and_all_is_taken() -> None:
    plain = parse_wish(GOOD)
    assert (plain.input_amount, plain.reattack, plain.align, plain.input_region) == (1.0, 0.0, "none", None)
    full = {
        **GOOD,
        "input_region": [0, 1.5],
        "target_region": None,
        "input_amount": 0,
        "reattack": 4,
        "fit": "stretch",
    }
    wish = parse_wish(full)
    assert wish.input_region == (0.0, 1.5) and wish.input_amount == 0.0 and wish.fit == "stretch"


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"input": None}, "input"),
        ({"input": 7}, "input"),
        ({"target": ""}, "target"),
        ({"target": "x" * 65}, "target"),
        ({"target": ["a"]}, "target"),
        ({"input_amount": "1"}, "input_amount"),
        ({"input_amount": True}, "input_amount"),
        ({"input_amount": -0.1}, "input_amount"),
        ({"target_amount": 4.1}, "target_amount"),
        ({"target_amount": float("nan")}, "target_amount"),
        ({"target_amount": 10**400}, "target_amount"),
        ({"reattack": None}, "reattack"),
        ({"reattack": {}}, "reattack"),
        ({"input_amount": 0, "target_amount": 0}, "both 0"),
        ({"input_region": [1, 1]}, "input_region"),
        ({"input_region": [2, 1]}, "input_region"),
        ({"input_region": [-1, 1]}, "input_region"),
        ({"input_region": [0]}, "input_region"),
        ({"input_region": [0, 1, 2]}, "input_region"),
        ({"input_region": "all"}, "input_region"),
        ({"input_region": [0, True]}, "input_region"),
        ({"target_region": [0, float("inf")]}, "target_region"),
        ({"target_region": [0, 10**400]}, "target_region"),
        ({"align": "sideways"}, "align"),
        ({"align": None}, "align"),
        ({"fit": ["loop"]}, "fit"),
        ({"sample_rate": 8000}, "sample_rate"),
        ({"__proto__": {}}, "__proto__"),
    ],
)
def test_everything_else_is_told_by_its_name(change: dict[str, Any], word: str) -> None:
    with pytest.raises(WishError, match=word) as caught:
        parse_wish({**GOOD, **change})
    sentence = str(caught.value)
    assert sentence.endswith(".") and "\n" not in sentence and len(sentence) < 200


@pytest.mark.parametrize("body", [None, 1, "x", [], [GOOD], True])
def test_only_an_object_is_a_wish(body: Any) -> None:
    with pytest.raises(WishError):
        parse_wish(body)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
)


@given(st.dictionaries(st.sampled_from([*GOOD, *OPTIONS, *RANGES, "input_region", "x"]), anything))
def test_whatever_comes_is_a_wish_or_a_sentence(body: dict[str, Any]) -> None:
    try:
        wish = parse_wish(body)
    except WishError:
        return
    assert 0 <= wish.input_amount <= 4 and wish.align in OPTIONS["align"]


def test_a_region_has_to_lie_in_the_recording() -> None:
    wish = parse_wish({**GOOD, "input_region": [1.0, 3.02], "target_region": [2.95, 3.0]})
    assert wish.region("input", 3.0) == (1.0, 3.0), "pages round the end"
    for role, seconds in (("input", 2.0), ("input", 0.5), ("target", 3.0)):
        with pytest.raises(WishError, match=f"{role}_region"):
            wish.region(role, seconds)


def test_names_are_shown_on_one_line() -> None:
    assert printable("a\nb\x00c\u202etxt.exe\x1b[31m", 40) == "abctxt.exe[31m"
    assert printable("ü" * 50, 10) == "ü" * 9 + "…"
