"""The model's promises: undecided at first, as many stages as asked, masks as the only way through."""

import pytest
import torch

from fusion_samples import RATE_HZ, agents_of, make_model, noise, set_gains, stir
from hocket.codec import SpectralConfig
from hocket.errors import ConfigError
from hocket.model import AgentConfig, CascadeConfig, FusionModel, Masks
from hocket.model.faders import MAX_LEVEL
from hocket.model.weights import weights_hash
from hocket.signal import match_rms
from hocket.signal.spectrum import power


@pytest.mark.parametrize("num_stages", [1, 2, 3])
@pytest.mark.parametrize("max_gain", [1.25, 2.0, 4.0])
def test_an_untrained_model_gives_each_source_half_of_every_place(num_stages: int, max_gain: float) -> None:
    model = make_model(
        agent=AgentConfig(model_dim=16, num_heads=2, num_bands=8, max_gain=max_gain), num_stages=num_stages
    )
    input, target = match_rms(noise(seed=1)), match_rms(noise(seed=2))
    result = model(input, target)
    for stage in result.stages:
        for mask in (stage.masks.input, stage.masks.target):
            torch.testing.assert_close(mask, torch.full_like(mask, 0.5))
    assert float(result.masks.complementarity) == pytest.approx(0.75, abs=1e-5)
    assert float(result.masks.coverage) == pytest.approx(1.0, abs=1e-5)
    assert float(result.masks.variance) == pytest.approx(0.0, abs=1e-9)
    shares = (result.input_share, result.target_share)
    for share, latent, level in zip(
        shares, (result.input_latent, result.target_latent), result.levels[0], strict=True
    ):
        expected = 0.5 * level * result.tone[:, None, :, None] * latent
        torch.testing.assert_close(share, expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("num_stages", [1, 2, 3])
def test_there_are_as_many_stages_as_asked_for_and_each_changes_the_masks(num_stages: int) -> None:
    model = stir(make_model(num_stages=num_stages))
    result = model(noise(seed=1), noise(seed=2))
    assert len(result.stages) == len(model.cascade.agents) == num_stages
    assert result.refined is result.refined and result.output is result.output, "made once"
    torch.testing.assert_close(result.latent_of(result.stages[-1]), result.refined)
    assert result.masks is result.stages[-1].masks
    for before, after in zip(result.stages, result.stages[1:], strict=False):
        assert float((before.masks.input - after.masks.input).abs().mean()) > 0.01
    torch.testing.assert_close(model.decode(result.refined, result.output.shape[-1]), result.output)


def test_later_stages_hear_the_draft() -> None:
    model = stir(make_model(num_stages=2))
    first, second = agents_of(model)
    assert len(first.analysers) == 2 and len(second.analysers) == 3
    powers = [power(model.codec.encode(noise(seed=seed)[:, 0])).transpose(1, 2) for seed in (1, 2, 3, 4)]
    means = model.codec.grouping.means
    sources = [second.embed(model.codec.describe(means(source))) for source in powers]
    one, other = second(sources[:3]), second([*sources[:2], sources[3]])
    assert float((one.share - other.share).abs().mean()) > 0.01


def test_a_stage_that_changes_nothing_keeps_the_draft() -> None:
    # Later stages begin undecided: what they add to the first stage's decision is then exactly nothing.
    model = make_model(num_stages=2)
    generator = torch.Generator().manual_seed(5)
    weight = agents_of(model)[0].head.weight
    with torch.no_grad():
        weight.copy_(torch.randn(weight.shape, generator=generator))
    result = model(noise(seed=1), noise(seed=2))
    assert torch.equal(result.draft, result.refined)


def test_the_output_is_the_masked_sum_and_nothing_else() -> None:
    model = stir(make_model())
    input, target = noise(seed=1, batch=2), noise(seed=2, batch=2)
    result = model(input, target)
    window = torch.hann_window(1024)
    spectra = [
        torch.stft(source[:, 0], 1024, 256, window=window, pad_mode="constant", return_complex=True)
        for source in (input, target)
    ]
    levels = result.levels[:, :, None, None]
    mixed = levels[:, 0] * result.masks.input * spectra[0] + levels[:, 1] * result.masks.target * spectra[1]
    mixed = mixed * result.tone[..., None]
    expected = torch.istft(mixed, 1024, 256, window=window, length=input.shape[-1])
    torch.testing.assert_close(result.output[:, 0], expected, atol=1e-5, rtol=1e-4)
    parts = [model.decode(share, input.shape[-1]) for share in (result.input_share, result.target_share)]
    torch.testing.assert_close(parts[0] + parts[1], result.output, atol=1e-6, rtol=1e-4)
    assert all(float(part.abs().max()) > 0.01 for part in parts)


def test_no_sound_passes_masks_that_are_zero() -> None:
    model = stir(make_model(num_stages=1))
    with torch.no_grad():
        agents_of(model)[0].head.weight.zero_()
    set_gains(model, input=-1e4, target=-1e4)
    input, target = noise(seed=1).requires_grad_(), noise(seed=2).requires_grad_()
    output = model(input, target).output
    assert torch.equal(output, torch.zeros_like(output))
    # Were there a way around the masks, moving a source would move the output.
    output.sum().backward()
    for source in (input, target):
        assert source.grad is not None and torch.equal(source.grad, torch.zeros_like(source))


def test_a_muted_voice_is_not_in_the_output_at_all() -> None:
    """What is left of it is what the faders and the tone control, which stand still, took from it."""
    model = make_model(num_stages=1)
    set_gains(model, input=0.0, target=-1e4)
    result = model(noise(seed=1), noise(seed=2))
    assert torch.equal(result.target_share, torch.zeros_like(result.target_share))
    # It has nothing to balance: the other one is turned down as far as it goes, which cannot help.
    still = 0.5 / MAX_LEVEL * result.tone[:, None, :, None]
    torch.testing.assert_close(result.refined, still * result.input_latent, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("max_gain", [1.1, 2.0, 8.0])
@pytest.mark.parametrize("num_stages", [1, 2])
def test_masks_lie_between_zero_and_the_largest_gain(max_gain: float, num_stages: int) -> None:
    agent = AgentConfig(model_dim=16, num_heads=2, num_bands=8, max_gain=max_gain)
    model = stir(make_model(agent=agent, num_stages=num_stages), strength=6.0)
    result = model(noise(seed=1), noise(seed=2))
    for mask in (result.masks.input, result.masks.target):
        assert float(mask.min()) >= 0.0
        assert max(1.0, 0.9 * max_gain) < float(mask.max()) <= max_gain * (1 + 1e-5)


def test_channels_share_the_masks_and_keep_their_places() -> None:
    model = stir(make_model())
    mono, target = noise(seed=1), noise(seed=2)
    both = model(mono.expand(-1, 2, -1), target.expand(-1, 2, -1)).output
    torch.testing.assert_close(both[:, :1], both[:, 1:])
    torch.testing.assert_close(both[:, :1], model(mono, target).output, atol=1e-5, rtol=1e-4)
    wide, other = noise(seed=3, channels=2), noise(seed=4, channels=2)
    torch.testing.assert_close(
        model(wide.flip(1), other.flip(1)).output, model(wide, other).output.flip(1), atol=1e-6, rtol=1e-4
    )


def test_examples_of_a_batch_do_not_hear_each_other() -> None:
    model = stir(make_model())
    input, target = noise(seed=1, batch=3), noise(seed=2, batch=3)
    together = model(input, target).output
    for index in range(3):
        alone = model(input[index : index + 1], target[index : index + 1]).output
        torch.testing.assert_close(together[index : index + 1], alone, atol=1e-5, rtol=1e-4)


def test_input_and_target_are_not_interchangeable() -> None:
    model = stir(make_model())
    there, back = model(noise(seed=1), noise(seed=2)), model(noise(seed=2), noise(seed=1))
    assert float((there.output - back.output).square().mean()) > 1e-4


@pytest.mark.parametrize(
    "agent",
    [
        AgentConfig(model_dim=24, num_heads=3, num_bands=5),
        AgentConfig(model_dim=8, num_heads=1, num_bands=2, num_blocks=3),
        AgentConfig(model_dim=16, num_heads=8, num_bands=64, num_attention_layers=2, expansion=1),
    ],
)
@pytest.mark.parametrize("codec", [SpectralConfig(), SpectralConfig(16_000, 512, 100, 5, 31)])
def test_every_dimension_can_be_chosen(agent: AgentConfig, codec: SpectralConfig) -> None:
    model = stir(make_model(agent=agent, codec=codec), strength=0.5)
    result = model(noise(6001, seed=1), noise(6001, seed=2))
    assert result.output.shape == (1, 1, 6001) and bool(torch.isfinite(result.output).all())
    assert result.masks.input.shape == (1, codec.fft_size // 2 + 1, 1 + 6001 // codec.hop)
    assert agents_of(model)[0].bands.shape[0] == agent.num_bands
    assert agents_of(model)[0].norm.normalized_shape == (2 * agent.model_dim,)


@pytest.mark.parametrize(("fft_size", "num_bands"), [(1024, 256), (128, 32)])
def test_more_bands_than_the_bass_has_bins_still_give_sound(fft_size: int, num_bands: int) -> None:
    agent = AgentConfig(model_dim=16, num_heads=2, num_bands=num_bands)
    model = make_model(agent=agent, codec=SpectralConfig(fft_size=fft_size, hop=fft_size // 4))
    assert bool(torch.isfinite(model(noise(seed=1), noise(seed=2)).output).all())


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"model_dim": 0}, "model_dim is 0"),
        ({"num_heads": 0}, "num_heads is 0"),
        ({"model_dim": 12, "num_heads": 4}, "multiple of 2 x num_heads = 8"),
        ({"num_bands": 1}, "num_bands is 1"),
        ({"num_blocks": 0}, "num_blocks is 0"),
        ({"num_attention_layers": 0}, "num_attention_layers is 0"),
        ({"expansion": -1}, "expansion is -1"),
        ({"max_gain": 1.0}, "max_gain is 1.0"),
        ({"max_gain": float("nan")}, "max_gain is nan"),
        pytest.param(
            {"max_gain": float("inf")},
            "max_gain is inf",
        ),
    ],
)
def test_a_size_that_does_not_work_is_named(values: dict[str, float], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        AgentConfig(**values)  # type: ignore[arg-type]


def test_no_stage_is_no_model() -> None:
    with pytest.raises(ConfigError, match="num_stages is 0"):
        CascadeConfig(0)


def test_the_default_has_about_as_many_parameters_as_is_said() -> None:
    model = FusionModel()
    count = sum(parameter.numel() for parameter in model.parameters())
    assert 0.3e6 < count < 3e6
    assert len(model.cascade.agents) == 2 and model.sample_rate == RATE_HZ


@pytest.mark.parametrize("num_stages", [1, 2, 3])
def test_gradients_reach_every_parameter_after_one_step(num_stages: int) -> None:
    model = make_model(num_stages=num_stages).train().requires_grad_(True)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    input, target = noise(seed=1), noise(seed=2)
    for _ in range(2):
        optimizer.zero_grad()
        loss = (model(input, target).output - 0.9 * target).square().mean()
        loss.backward()
        optimizer.step()
    # A key's bias turns all scores of a query alike, but for its rotation: it has a gradient as well.
    gradients = {name: parameter.grad for name, parameter in model.named_parameters()}
    for name, gradient in gradients.items():
        assert gradient is not None, name
        assert bool(torch.isfinite(gradient).all()) and float(gradient.abs().max()) > 0, name


def test_the_same_seed_makes_the_same_model_and_the_same_sound() -> None:
    one, same, other = make_model(seed=3), make_model(seed=3), make_model(seed=4)
    assert weights_hash(one) == weights_hash(same) != weights_hash(other)
    input, target = noise(seed=1), noise(seed=2)
    assert torch.equal(stir(one)(input, target).output, stir(same)(input, target).output)


def test_mask_figures_on_masks_whose_figures_are_known() -> None:
    half = torch.cat([torch.ones(1, 4, 6), torch.zeros(1, 4, 6)], dim=1)
    disjoint, doubled = Masks(half, 1 - half), Masks(half, half)
    assert float(disjoint.complementarity) == 1.0 and float(doubled.complementarity) == 0.5
    assert float(disjoint.coverage) == float(doubled.coverage) == 1.0
    assert float(disjoint.variance) == 0.25
    assert [float(mean) for mean in disjoint.means] == [0.5, 0.5]
    # DESIGN.md: with target = 1 - input and means of 0.5, complementarity is 0.75 plus the variance.
    soft = 0.5 + 0.3 * torch.sin(torch.arange(600.0) * 2 * torch.pi / 600).view(1, 20, 30)
    masks = Masks(soft, 1 - soft)
    assert float(masks.complementarity) == pytest.approx(0.75 + float(masks.variance), abs=1e-6)
