"""Multi-resolution spectral distance to a source: the loss of the old configurations."""

from torch import Tensor

from hocket.signal.spectrum import power, stft

RESOLUTIONS = (512, 1024, 2048)


def reconstruction(*, output: Tensor, reference: Tensor) -> Tensor:
    """Spectral convergence plus mean log-magnitude distance over three resolutions: `[b, samples]` twice to `[b]`.

    0 for equal signals, about 2 for unrelated ones (Yamamoto, Song and Kim 2020).
    """
    distances = [_distance(output, reference, fft_size) for fft_size in RESOLUTIONS]
    return sum(distances[1:], distances[0]) / len(RESOLUTIONS)


def _distance(output: Tensor, reference: Tensor, fft_size: int) -> Tensor:
    ours, theirs = (
        (power(stft(waveform, fft_size=fft_size, hop=fft_size // 4)) + 1e-7).sqrt()
        for waveform in (output, reference)
    )
    convergence = (ours - theirs).square().sum(dim=(1, 2)).add(1e-12).sqrt() / theirs.square().sum(
        dim=(1, 2)
    ).sqrt()
    return convergence + (ours.log() - theirs.log()).abs().mean(dim=(1, 2))
