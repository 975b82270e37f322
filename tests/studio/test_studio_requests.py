"""What a page may ask for, field by field."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hocket.options import FuseOptions
from hocket.studio.requests import RequestError, page_options, parse_request, printable

GOOD: dict[str, Any] = {"input": "abc", "target": "def"}


def test_the_picture_is_that_of_the_pictures_part() -> None:
    from hocket.pictures import arrays
    from hocket.studio import pictures

    assert (pictures.LOWEST_HZ, pictures.NUM_ROWS, pictures.NUM_COLUMNS) == (
        arrays.LOWEST_HZ,
        arrays.NUM_ROWS,
        arrays.NUM_COLUMNS,
    )


def test_little_is_needed_and_all_is_taken() -> None:
    plain = parse_request(GOOD)
    assert plain.options == FuseOptions() and plain.input_region is None
    full = {
        **GOOD,
        "input_region": [0, 1.5],
        "target_region": None,
        "input_amount": 0,
        "reattack": 4,
        "fit": "stretch",
    }
    request = parse_request(full)
    assert request.input_region == (0.0, 1.5)
    assert request.options == FuseOptions(input_amount=0.0, reattack=4.0, fit="stretch")


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
    with pytest.raises(RequestError, match=word) as caught:
        parse_request({**GOOD, **change})
    sentence = str(caught.value)
    assert sentence.endswith(".") and "\n" not in sentence and len(sentence) < 200


@pytest.mark.parametrize("body", [None, 1, "x", [], [GOOD], True])
def test_only_an_object_is_a_request(body: Any) -> None:
    with pytest.raises(RequestError):
        parse_request(body)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
)


@given(
    st.dictionaries(
        st.sampled_from([*GOOD, *(option.name for option in page_options()), "input_region", "x"]), anything
    )
)
def test_whatever_comes_is_a_request_or_a_sentence(body: dict[str, Any]) -> None:
    try:
        options = parse_request(body).options
    except RequestError:
        return
    assert 0 <= options.input_amount <= 4 and options.align in ("none", "tempo", "beats")


def test_a_region_has_to_lie_in_the_recording() -> None:
    request = parse_request({**GOOD, "input_region": [1.0, 3.02], "target_region": [2.95, 3.0]})
    assert request.region("input", 3.0) == (1.0, 3.0), "pages round the end"
    for role, seconds in (("input", 2.0), ("input", 0.5), ("target", 3.0)):
        with pytest.raises(RequestError, match=f"{role}_region"):
            request.region(role, seconds)


def test_names_are_shown_on_one_line() -> None:
    assert printable("a\nb\x00c\u202etxt.exe\x1b[31m", 40) == "abctxt.exe[31m"
    assert printable("ü" * 50, 10) == "ü" * 9 + "…"
