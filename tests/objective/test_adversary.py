"""The adversary learns to tell, the model learns to please it, and neither changes the other's weights."""

import itertools

import pytest
import torch
from torch import Tensor
from toy_fusion import make_model, only, rendered_pair

from hocket.data.synthetic.render import render_song
from hocket.data.synthetic.songs import make_song
from hocket.errors import ConfigError
from hocket.objective import Adversary, AdversaryConfig
from hocket.signal import match_rms

SMALL = {"gan_channels": 4, "gan_fft_sizes": (512, 256), "gan_learning_rate": 3e-3}
NUM_SAMPLES = 12_000


def make_adversary(seed: int = 0, **values: object) -> Adversary:
    torch.manual_seed(seed)
    return Adversary(AdversaryConfig(**(SMALL | values)))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def real() -> Tensor:
    """Music that is unrelated to the pair, at the pair's loudness: `[4, samples]`."""
    songs = [render_song(make_song(99, index, "band"), duration_seconds=2.0) for index in range(4)]
    return match_rms(torch.stack([torch.from_numpy(song[-NUM_SAMPLES:]) for song in songs])[:, None])[:, 0]


@pytest.fixture(scope="module")
def fake() -> Tensor:
    """Something that is no music: noise with holes, at the same loudness."""
    generator = torch.Generator().manual_seed(1)
    noise = torch.randn(4, 1, NUM_SAMPLES, generator=generator)
    return match_rms(noise * (torch.arange(NUM_SAMPLES) % 900 < 500))[:, 0]


def teach(adversary: Adversary, *, output: Tensor, real: Tensor, num_steps: int) -> list[dict[str, float]]:
    rows = []
    for _ in range(num_steps):
        loss, accuracy = adversary.loss_of_discriminator(output=output, real=real)
        adversary.optimizer.zero_grad()
        loss.backward()
        adversary.optimizer.step()
        rows.append({"loss": loss.item(), **accuracy})
    return rows


@pytest.mark.parametrize("kind", ["hinge", "least_squares"])
def test_the_discriminator_learns_to_tell(kind: str, real: Tensor, fake: Tensor) -> None:
    adversary = make_adversary(gan_loss=kind)
    rows = teach(adversary, output=fake, real=real, num_steps=20)
    first, last = rows[0], rows[-1]
    assert min(first["discriminator_accuracy_real"], first["discriminator_accuracy_output"]) < 0.6
    assert min(last["discriminator_accuracy_real"], last["discriminator_accuracy_output"]) > 0.8
    assert last["loss"] < 0.5 * first["loss"]


@pytest.mark.parametrize("kind", ["hinge", "least_squares"])
def test_the_model_is_told_to_look_real(kind: str, real: Tensor, fake: Tensor) -> None:
    adversary = make_adversary(gan_loss=kind)
    teach(adversary, output=fake, real=real, num_steps=20)
    of_fake, of_real = (
        adversary.judge_output(output=output, real=real)["adversarial"].item() for output in (fake, real)
    )
    assert of_fake > of_real + 0.3


def test_a_model_trained_against_a_frozen_adversary_gets_by_it(real: Tensor) -> None:
    inputs, targets = (source[..., :NUM_SAMPLES] for source in rendered_pair())
    model, adversary = make_model(), make_adversary()
    outputs = model(inputs, targets).output[:, 0].detach()
    teach(adversary, output=outputs, real=real, num_steps=20)
    before = [parameter.clone() for parameter in adversary.network.parameters()]
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    terms: list[dict[str, float]] = []
    for _ in range(12):
        judged = adversary.judge_output(output=model(inputs, targets).output[:, 0], real=real)
        optimizer.zero_grad()
        judged["adversarial"].backward()
        optimizer.step()
        terms.append({name: value.item() for name, value in judged.items()})
    assert terms[-1]["adversarial"] < terms[0]["adversarial"] - 0.1
    for parameter, old in zip(adversary.network.parameters(), before, strict=True):
        assert torch.equal(parameter, old) and parameter.requires_grad


def test_judging_leaves_the_discriminator_without_gradients(real: Tensor, fake: Tensor) -> None:
    adversary, output = make_adversary(), fake.clone().requires_grad_()
    judged = adversary.judge_output(output=output, real=real)
    (judged["adversarial"] + judged["feature_matching"]).backward()
    assert output.grad is not None and float(output.grad.abs().max()) > 0
    assert all(parameter.grad is None for parameter in adversary.network.parameters())


def test_telling_apart_sends_no_gradient_to_the_model(real: Tensor, fake: Tensor) -> None:
    adversary, output = make_adversary(), fake.clone().requires_grad_()
    loss, _ = adversary.loss_of_discriminator(output=output, real=real)
    loss.backward()
    assert output.grad is None
    assert all(parameter.grad is not None for parameter in adversary.network.parameters())


def test_features_match_when_they_are_the_same_and_less_the_less_alike(real: Tensor, fake: Tensor) -> None:
    adversary = make_adversary()

    def distance(output: Tensor) -> float:
        return adversary.judge_output(output=output, real=real)["feature_matching"].item()

    assert distance(real) == pytest.approx(0.0, abs=1e-6)
    # Statistics over the batch and over time: who comes first does not count.
    assert distance(real.flip(0)) == pytest.approx(0.0, abs=1e-5)
    values = [distance((1 - share) * real + share * fake) for share in (0.0, 0.1, 0.4, 1.0)]
    assert all(low < high for low, high in itertools.pairwise(values)), values


def test_an_undecided_discriminator_loses_as_much_as_a_coin(real: Tensor, fake: Tensor) -> None:
    # With all scores at 0 the hinge costs 1 + 1; least squares costs 1 for the real ones and nothing for outputs.
    for kind, expected in (("hinge", 2.0), ("least_squares", 1.0)):
        adversary = make_adversary(gan_loss=kind)
        with torch.no_grad():
            for name, parameter in adversary.network.named_parameters():
                # The score's weight norm (original0) and its bias: without them all scores are 0.
                if ".score." in name and not name.endswith("original1"):
                    parameter.zero_()
        loss, _ = adversary.loss_of_discriminator(output=fake, real=real)
        assert loss.item() == pytest.approx(expected, abs=1e-6)


def test_each_resolution_has_its_say(real: Tensor) -> None:
    adversary = make_adversary(gan_fft_sizes=(1024, 512, 256))
    heard = adversary.network(real)
    assert len(heard) == 3 and all(
        scores.shape[0] == len(real) and len(features) == 3 for scores, features in heard
    )


@pytest.mark.parametrize(
    "values",
    [
        {"gan_start": 1.0},
        {"gan_start": -0.1},
        {"gan_start": float("nan")},
        {"gan_channels": 0},
        {"gan_learning_rate": 0.0},
        {"gan_learning_rate": float("nan")},
        {"gan_fft_sizes": ()},
        {"gan_fft_sizes": (512, 32)},
        {"gan_fft_sizes": (510,)},
    ],
)
def test_a_setting_that_does_not_work_is_named(values: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=f"^{next(iter(values))} is"):
        AdversaryConfig(**values)  # type: ignore[arg-type]


def test_the_adversary_hands_in_the_terms_that_the_objective_knows(real: Tensor) -> None:
    inputs, targets = rendered_pair()
    output = make_model()(inputs, targets).output[:, 0]
    judged = make_adversary().judge_output(output=output, real=real)
    assert set(judged) == {"adversarial", "feature_matching"}
    assert only("feature_matching").weights["feature_matching"] == 1.0
