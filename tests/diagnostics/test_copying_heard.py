"""Verdicts, rungs and margins on sounds that are copies, overlays, true fusions or a collapse by construction."""

from functools import lru_cache, partial

import pytest
import torch
from torch import Tensor

from hocket.codec import SpectralCodec
from hocket.data.synthetic.render import render_song, render_truth
from hocket.data.synthetic.songs import make_song
from hocket.diagnostics import Level, Verdict, diagnose, mask_figures
from hocket.model import Masks
from hocket.objective import terms as mask_terms
from hocket.signal import match_rms
from hocket.signal.scene import Scene, Voice

RATE_HZ = 24_000


def make_scene(output: Tensor, input: Tensor, target: Tensor, share: Tensor | None = None) -> Scene:
    own = None if share is None else Voice(share, RATE_HZ)
    return Scene(Voice(output, RATE_HZ), Voice(input, RATE_HZ), Voice(target, RATE_HZ), own)


@lru_cache
def rendered() -> tuple[Tensor, Tensor, Tensor]:
    """Three pairs and their true fusions, `[3, samples]` each, at an RMS of 0.1."""

    def together(waveforms: list[object]) -> Tensor:
        return match_rms(torch.stack([torch.as_tensor(waveform) for waveform in waveforms])[:, None])[:, 0]

    inputs = [make_song(5, 0, "drums"), make_song(5, 2, "band"), make_song(5, 9, "drums")]
    targets = [make_song(5, 1, "chords"), make_song(5, 11, "chords"), make_song(5, 8, "band")]
    return (
        together([render_song(song, duration_seconds=4.0) for song in inputs]),
        together([render_song(song, duration_seconds=4.0) for song in targets]),
        together([render_truth(*pair, duration_seconds=4.0) for pair in zip(inputs, targets, strict=True)]),
    )


def test_copies_overlays_and_silence_are_called_by_their_name() -> None:
    input, target, _ = rendered()
    noise = 0.1 * torch.randn(input.shape, generator=torch.Generator().manual_seed(0))
    sources = (input[:, 24_000:60_000], target[:, 24_000:60_000], target[:, 24_000:60_000])
    cases = {
        "copying input": (input, -0.3 * input, input + 0.3 * target, input + 0.2 * noise),
        "copying target": (target, -5.0 * target, target - 0.3 * input),
        "overlay": (input + target, 0.6 * input - 0.4 * target, input + target + 0.2 * noise),
        "unrelated": (noise, torch.zeros_like(noise)),
        "mixing": (input + target + 1.5 * noise,),
    }
    for name, outputs in cases.items():
        for output in outputs:
            # The share only saves the time that the harmonic part would take; verdicts do not ask for it.
            rows = diagnose(make_scene(output[:, 24_000:60_000], *sources)).rows()
            assert [str(row.verdict) for row in rows] == [name] * 3


def test_a_copy_and_its_mirror_have_opposite_margins() -> None:
    input, target, _ = rendered()
    forth, back = (diagnose(make_scene(copy, input, target, share=copy)) for copy in (input, target))
    assert bool((forth.rhythm_margin > 0.4).all()) and bool((forth.harmony_margin < -0.3).all())
    torch.testing.assert_close(forth.rhythm_margin, -back.rhythm_margin, atol=1e-4, rtol=0)
    torch.testing.assert_close(forth.harmony_margin, -back.harmony_margin, atol=1e-3, rtol=0)
    torch.testing.assert_close(forth.output_input_correlation, torch.ones(3), atol=1e-4, rtol=0)
    torch.testing.assert_close(back.overlay_r2, torch.ones(3), atol=1e-4, rtol=0)


def test_a_true_fusion_mixes_and_is_articulated_better_than_an_overlay() -> None:
    input, target, truth = rendered()
    fused, laid = (
        diagnose(make_scene(truth, input, target)),
        diagnose(make_scene(input + target, input, target)),
    )
    assert all(row.verdict is Verdict.MIXING for row in fused.rows())
    assert bool((fused.rhythm_margin > 0.5).all()) and bool((fused.harmony_margin > 0.2).all())
    assert bool((fused.articulation_margin > laid.articulation_margin).all())
    assert float((fused.articulation_margin - laid.articulation_margin).mean()) > 0.2
    assert fused.mean().level in (Level.FUSION, Level.LAYERING) and laid.mean().level is Level.OVERLAY


def test_articulation_listens_to_the_share_where_there_is_one() -> None:
    input, target, _ = rendered()
    laid = input + target
    own_time = diagnose(make_scene(laid, input, target, share=target))
    struck = diagnose(make_scene(laid, input, target, share=input))
    heard = diagnose(make_scene(laid, input, target))
    assert bool((own_time.articulation_margin < -0.4).all()) and bool(
        (struck.articulation_margin > 0.4).all()
    )
    assert not torch.allclose(heard.articulation_margin, own_time.articulation_margin, atol=0.05)
    for name in ("rhythm_margin", "harmony_margin", "overlay_r2"):
        assert torch.equal(getattr(heard, name), getattr(struck, name))


def test_a_loud_example_does_not_decide() -> None:
    input, target, _ = rendered()
    gains = torch.tensor([[1.0], [1.0], [1000.0]])
    output = torch.stack([input[0], input[1], target[2]])
    scenes = [
        make_scene(scale * output, scale * input, scale * target, share=scale * target)
        for scale in (torch.ones(3, 1), gains)
    ]
    even, loud = (diagnose(scene).mean() for scene in scenes)
    for name, value in vars(even).items():
        assert getattr(loud, name) == pytest.approx(value, abs=0.02), name
    # Two of three copy the input; by energy alone it would be the third that counts.
    assert loud.output_input_correlation == pytest.approx(2 / 3, abs=0.05)


def test_the_mean_is_that_of_the_rows() -> None:
    input, target, _ = rendered()
    diagnosis = diagnose(make_scene(input + target, input, target, share=target))
    rows, mean = diagnosis.rows(), diagnosis.mean()
    assert len(rows) == 3
    for name, value in vars(mean).items():
        assert value == pytest.approx(sum(getattr(row, name) for row in rows) / 3, abs=1e-6)


def test_copies_in_both_directions_are_seen_in_the_rows_though_not_in_their_mean() -> None:
    # The mean of a batch cannot tell; whoever watches for copies has to look at the rows.
    input, target, _ = rendered()
    noise = 0.1 * torch.randn(input.shape, generator=torch.Generator().manual_seed(1))
    output = torch.stack([input[0], target[1]]) + 0.5 * noise[:2]
    diagnosis = diagnose(make_scene(output, input[:2], target[:2], share=target[:2]))
    assert diagnosis.mean().verdict is Verdict.MIXING
    assert [row.verdict for row in diagnosis.rows()] == [Verdict.COPYING_INPUT, Verdict.COPYING_TARGET]


def test_the_diagnosis_takes_no_gradient() -> None:
    input, target, _ = rendered()
    output = (input + target).requires_grad_()
    assert not any(
        values.requires_grad for values in vars(diagnose(make_scene(output, input, target))).values()
    )


def test_perfect_masks_can_collapse_and_only_the_diagnosis_sees_it() -> None:
    # DESIGN.md, section 2: half of all places are as good as silent. Whoever gets those has half of the mask
    # and nothing of the sound.
    input, target, _ = rendered()
    codec = SpectralCodec()
    input_latent, target_latent = codec.encode(input), codec.encode(target)
    loudness = torch.maximum(input_latent.abs(), target_latent.abs())
    audible = (loudness >= loudness.flatten(1).median(dim=1).values[:, None, None]).float()
    masks = Masks(input=1.0 - audible, target=audible)
    complementarity = partial(mask_terms.complementarity, limit=0.07)
    for term in (mask_terms.balance, complementarity, mask_terms.coverage):
        assert float(term(masks).max()) == pytest.approx(0.0, abs=1e-3)
    seen = mask_figures(masks)
    assert seen.input_mask_mean == pytest.approx(0.5, abs=1e-3) == seen.target_mask_mean
    assert (seen.complementarity, seen.coverage) == (1.0, 1.0)
    assert seen.mask_variance == pytest.approx(0.25, abs=1e-3)
    masked_target = codec.decode(masks.target * target_latent, input.shape[-1])
    output = masked_target + codec.decode(masks.input * input_latent, input.shape[-1])
    heard = diagnose(make_scene(output, input, target, share=masked_target)).mean()
    assert heard.verdict is Verdict.COPYING_TARGET and heard.level is Level.COPY
    assert heard.output_target_correlation > 0.95 and abs(heard.output_input_correlation) < 0.1


def test_mask_figures_average_over_examples() -> None:
    masks = Masks(torch.stack([torch.ones(3, 4), torch.zeros(3, 4)]), torch.full((2, 3, 4), 0.25))
    seen = mask_figures(masks)
    assert (seen.input_mask_mean, seen.target_mask_mean) == (0.5, 0.25)
    assert seen.complementarity == pytest.approx(1 - 0.125) and seen.coverage == pytest.approx(0.75)
    # Each example's mask is flat: a difference between examples is no variance of places.
    assert seen.mask_variance == 0.0
