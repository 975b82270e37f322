"""Both voices decoded apart, for codecs whose decoding is not linear: their levels can't be read off the latents."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from hocket.model.band_powers import Tally
from hocket.model.masks import Masks


@dataclass(frozen=True)
class DecodedVoices:
    """Input and target as latents `[b, c, d, t]` and as waveforms `[b, c, samples]`, and the way between them.

    Stands where `BandPowers` stands for linear codecs: it gives the sums that levels are set by.
    """

    latents: tuple[Tensor, Tensor]
    sources: tuple[Tensor, Tensor]
    hop: int
    decode: Callable[[Tensor, int], Tensor]
    _kept: dict[int, tuple[Masks, Tensor]] = field(default_factory=dict, repr=False)

    def between(self, first: int, last: int) -> "DecodedVoices":
        """The voices of some frames."""
        inputs, targets = (
            (latent[..., first:last], source[..., first * self.hop : last * self.hop])
            for latent, source in zip(self.latents, self.sources, strict=True)
        )
        return DecodedVoices((inputs[0], targets[0]), (inputs[1], targets[1]), self.hop, self.decode)

    def decoded(self, voice: int, masks: Masks) -> Tensor:
        """The waveform `[b, c, samples]` of the input's (0) or the target's (1) share under masks `[b, d, t]`."""
        known, waveform = self._kept.get(voice, (None, None))
        if waveform is None or known is not masks:
            mask = (masks.input, masks.target)[voice]
            waveform = self.decode(mask[:, None] * self.latents[voice], self.sources[voice].shape[-1])
            # The levels and the loss on the target's share ask for the same one.
            self._kept[voice] = (masks, waveform)
        return waveform

    def tally(self, masks: Masks) -> Tally:
        """The sums of `BandPowers.tally` over samples of the decoded waveforms, as one group."""
        (input, target), voices = self.sources, [self.decoded(voice, masks) for voice in (0, 1)]
        sources = _sums((input, input), (target, target), (input, target))
        return Tally(
            agreed=_sums((voices[0], input - target), (voices[1], target - input)),
            towards_target=_sums((voices[0], target), (voices[1], target)),
            sources=sources,
            mixed=torch.zeros_like(sources),
        )


def _sums(*pairs: tuple[Tensor, Tensor]) -> Tensor:
    """Inner products over channels and samples, `[b, pairs, 1]`."""
    return torch.stack([(first * second).sum(dim=(1, 2)) for first, second in pairs], dim=1)[..., None]
