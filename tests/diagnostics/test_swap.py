"""The swap test passes for an output that listens to both sources, and for nothing else."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from hocket.data.synthetic.render import render_song
from hocket.data.synthetic.songs import make_song
from hocket.diagnostics import SwapFigures, judge_swap, next_example
from hocket.signal import match_rms
from hocket.signal.scene import Scene, Voice

RATE_HZ = 24_000
Fusion = Callable[[Tensor, Tensor], Tensor]


def songs(kind: str, first: int) -> Tensor:
    rendered = [render_song(make_song(3, first + k, kind), duration_seconds=5.0) for k in range(3)]  # type: ignore[arg-type]
    return match_rms(torch.from_numpy(np.stack(rendered))[:, None])[:, 0]


@pytest.fixture(scope="module")
def sources() -> tuple[Tensor, Tensor]:
    return songs("drums", 0), songs("chords", 10)


def swap(fusion: Fusion, sources: tuple[Tensor, Tensor]) -> SwapFigures:
    input, target = sources

    def scene(input: Tensor) -> Scene:
        return Scene(*(Voice(x, RATE_HZ) for x in (fusion(input, target), input, target)))

    return judge_swap(scene(input), scene(next_example(input)))


def test_drums_over_chords_listen_to_both(sources: tuple[Tensor, Tensor]) -> None:
    figures = swap(lambda input, target: input + target, sources)
    assert figures.passed, figures


def test_a_copy_of_one_source_is_deaf_to_the_other(sources: tuple[Tensor, Tensor]) -> None:
    copied_target = swap(lambda input, target: target, sources)
    assert abs(copied_target.rhythm_follows) < 0.2 and not copied_target.passed
    assert copied_target.harmony_stays == pytest.approx(1.0, abs=1e-3) and copied_target.harmony_follows > 0.3
    copied_input = swap(lambda input, target: input, sources)
    assert copied_input.rhythm_stays == pytest.approx(1.0, abs=1e-3) and copied_input.rhythm_follows > 0.5
    assert abs(copied_input.harmony_follows) < 0.3 and not copied_input.passed


def test_an_output_that_never_changes_fails_though_everything_stays(sources: tuple[Tensor, Tensor]) -> None:
    always = sources[0][:1].expand(3, -1)
    figures = swap(lambda input, target: always, sources)
    assert figures.rhythm_stays == pytest.approx(1.0, abs=1e-3) and not figures.passed
    assert figures.rhythm_follows == pytest.approx(0.0, abs=0.7)


def test_sources_in_the_wrong_roles_fail(sources: tuple[Tensor, Tensor]) -> None:
    input, target = sources
    figures = swap(lambda first, second: second, (target, input))
    assert not figures.passed


def test_one_example_has_no_other_to_swap_with(sources: tuple[Tensor, Tensor]) -> None:
    with pytest.raises(ValueError, match="two"):
        swap(lambda input, target: input + target, (sources[0][:1], sources[1][:1]))
