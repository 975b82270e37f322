"""The adversary: owns the discriminators, their optimiser and both sides' losses, behind two verbs."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from hocket.objective.texture import AddUp, alone
from hocket.settings import AdversaryConfig
from hocket.signal.spectrum import power, stft


class SpectrumDiscriminator(nn.Module):
    """Judges log magnitudes at one resolution (after Jang et al. 2021); its scores are per time-frequency patch."""

    def __init__(self, fft_size: int, num_channels: int) -> None:
        super().__init__()
        self.fft_size = fft_size
        sizes = [(1, num_channels), (num_channels, 2 * num_channels), (2 * num_channels, 2 * num_channels)]
        self.layers = nn.ModuleList(
            weight_norm(nn.Conv2d(fan_in, fan_out, (7, 5), stride=(3, 2), padding=(3, 2)))
            for fan_in, fan_out in sizes
        )
        self.score = weight_norm(nn.Conv2d(2 * num_channels, 1, 3, padding=1))

    def forward(self, waveform: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Scores `[b, patches]` of `[b, samples]`, and the features of each layer."""
        spectrum = stft(waveform, fft_size=self.fft_size, hop=self.fft_size // 4)
        x = 10.0 * torch.log10(power(spectrum)[:, None] + 1e-5) / 20.0
        features = []
        for layer in self.layers:
            x = F.leaky_relu(layer(x), 0.1)
            features.append(x)
        return self.score(x).flatten(1), features


class MultiResolutionDiscriminator(nn.Module):
    """Several resolutions side by side, since no single window sees both clicks and smeared partials."""

    def __init__(self, fft_sizes: tuple[int, ...], num_channels: int) -> None:
        super().__init__()
        self.parts = nn.ModuleList(SpectrumDiscriminator(size, num_channels) for size in fft_sizes)

    def forward(self, waveform: Tensor) -> list[tuple[Tensor, list[Tensor]]]:
        """Scores and features of each resolution."""
        return [part(waveform) for part in self.parts]


class Adversary:
    """Learns to tell outputs from real music, and tells the model how.

    "Real" is music unrelated to the pair: were it the target, the adversary would teach copying it.
    """

    def __init__(
        self, config: AdversaryConfig, device: torch.device | str = "cpu", *, add_up: AddUp = alone
    ) -> None:
        self.config, self._add_up = config, add_up
        self.network = MultiResolutionDiscriminator(config.gan_fft_sizes, config.gan_channels).to(device)
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=config.gan_learning_rate, betas=(0.5, 0.9), fused=True
        )

    def loss_of_discriminator(self, *, output: Tensor, real: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Loss of the discriminator on `[b, samples]` twice, and its accuracy on either side."""
        fakes, reals = self.network(output.detach()), self.network(real)
        losses, hits_real, hits_fake = [], [], []
        for (fake, _), (true, _) in zip(fakes, reals, strict=True):
            losses.append(self._real_loss(true) + self._fake_loss(fake))
            hits_real.append((true > self._boundary).float().mean())
            hits_fake.append((fake < self._boundary).float().mean())
        accuracy = {
            "discriminator_accuracy_real": torch.stack(hits_real).mean(),
            "discriminator_accuracy_output": torch.stack(hits_fake).mean(),
        }
        return torch.stack(losses).mean(), accuracy

    def judge_output(self, *, output: Tensor, real: Tensor) -> dict[str, Tensor]:
        """The model's side: `adversarial` and `feature_matching`; the discriminator itself is left untouched.

        Output and real music are unrelated, so features are matched in their statistics over time, not bin by bin.
        """
        self.network.requires_grad_(False)
        fakes = self.network(output)
        with torch.no_grad():
            reals = self.network(real)
        self.network.requires_grad_(True)
        scores = torch.stack([self._wish(score) for score, _ in fakes])
        distances = [
            self._distance(ours, theirs)
            for (_, fake), (_, true) in zip(fakes, reals, strict=True)
            for ours, theirs in zip(fake, true, strict=True)
        ]
        return {"adversarial": scores.mean(), "feature_matching": torch.stack(distances).mean()}

    @property
    def _boundary(self) -> float:
        return 0.0 if self.config.gan_loss == "hinge" else 0.5

    def _real_loss(self, score: Tensor) -> Tensor:
        return (
            F.relu(1.0 - score).mean() if self.config.gan_loss == "hinge" else (score - 1.0).square().mean()
        )

    def _fake_loss(self, score: Tensor) -> Tensor:
        return F.relu(1.0 + score).mean() if self.config.gan_loss == "hinge" else score.square().mean()

    def _wish(self, score: Tensor) -> Tensor:
        return -score.mean() if self.config.gan_loss == "hinge" else (score - 1.0).square().mean()

    def _distance(self, ours: Tensor, theirs: Tensor) -> Tensor:
        """Distance between means and deviations over batch and time of features `[batch, channels, bands, frames]`."""
        (mean, deviation), (wanted_mean, wanted_deviation) = (
            self._statistics(part) for part in (ours, theirs)
        )
        return (mean - wanted_mean).abs().mean() + (deviation - wanted_deviation).abs().mean()

    def _statistics(self, features: Tensor) -> tuple[Tensor, Tensor]:
        count = self._add_up(features.new_tensor(float(features.shape[0] * features.shape[3])))
        mean = self._add_up(features.sum(dim=(0, 3))) / count
        variance = self._add_up((features - mean[None, :, :, None]).square().sum(dim=(0, 3))) / count
        return mean, (variance + 1e-6).sqrt()
