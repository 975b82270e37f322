"""Fuses two recordings with numpy, onnxruntime and soundfile: neither torch nor hocket is needed.

    hocket export -o model.onnx
    python fuse_without_torch.py model.onnx drums.wav chords.wav fused.wav

Recordings at other rates than the model's 24 kHz need soxr as well. It fuses the first 24 s, the most that the model is
meant to process at once. It leaves out the re-attack of `hocket fuse`, which is not part of the model.
"""

import os
import sys

# Before the import, which otherwise writes an identity below ~/.cache and sends telemetry to its maker.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import numpy as np
import onnxruntime
import soundfile

onnxruntime.disable_telemetry_events()

MOST_SECONDS = 24.0
END_SECONDS = 0.003
MAX_PEAK = 0.98


def main(model: str, input_path: str, target_path: str, output_path: str) -> None:
    """Reads both recordings, lets the model assign each part of the spectrum to a source, and writes the output."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    facts = session.get_modelmeta().custom_metadata_map
    rate, fft_size, hop = (int(facts[name]) for name in ("sample_rate", "fft_size", "hop"))

    sources = [read(path, rate) for path in (input_path, target_path)]
    length = min(*(source.shape[1] for source in sources), round(MOST_SECONDS * rate))
    for source, path in zip(sources, (input_path, target_path), strict=True):
        if not source[:, :length].any():
            sys.exit(f"{path} is silent: give a recording with sound in it.")
    if 1 != min(len(source) for source in sources) != max(len(source) for source in sources):
        sys.exit("the recordings differ in their channels: give the same number, or mono.")
    input, target = np.broadcast_arrays(*(source[:, :length] for source in sources))
    loudness = rms(input)
    scaled = [at_level(source, float(facts["target_rms"])) for source in (input, target)]
    spectra = [stft(source, fft_size, hop) for source in scaled]

    planes = [plane_of(*spectra, first, second) for first, second in ((0, 0), (1, 1), (0, 1))]
    names = ("input_power", "target_power", "shared")
    input_mask, target_mask, levels, tone = session.run(None, dict(zip(names, planes, strict=True)))
    of_input = levels[0, 0] * tone[0] * input_mask[0] * spectra[0]
    of_target = levels[0, 1] * tone[0] * target_mask[0] * spectra[1]

    output = istft(of_input + of_target, fft_size, hop, length)
    means = [
        level * mask[0, [0, -1]].mean()
        for level, mask in zip(levels[0], (input_mask, target_mask), strict=True)
    ]
    quieten_ends(output, means[0] * scaled[0] + means[1] * scaled[1], round(END_SECONDS * rate))
    output = at_level(output, loudness)
    output *= MAX_PEAK / max(MAX_PEAK, float(np.abs(output).max()))
    soundfile.write(output_path, output.T, rate, subtype="FLOAT")


def read(path: str, rate: int) -> np.ndarray:
    """A recording at the model's rate, `[channels, samples]`."""
    samples, own_rate = soundfile.read(path, dtype="float32", always_2d=True)
    if own_rate != rate:
        import soxr

        samples = soxr.resample(samples, own_rate, rate)
    return samples.T


def rms(waveform: np.ndarray) -> float:
    """Root mean square over channels and samples."""
    return float(np.sqrt(np.mean(np.square(waveform, dtype=np.float64))))


def at_level(waveform: np.ndarray, level: float) -> np.ndarray:
    """The waveform brought to an RMS."""
    return waveform * np.float32(level / rms(waveform))


def quieten_ends(output: np.ndarray, mixed: np.ndarray, reach: int) -> None:
    """Makes both ends of the output those of a plain mix, by a correction that dies away within `reach` samples.

    A mask spreads a frame's energy over the whole frame, and the end of the recording would cut it off with a click.
    """
    falling = (1 - np.arange(reach) / reach) ** 3
    for edge, span, shape in ((0, slice(0, reach), falling), (-1, slice(-reach, None), falling[::-1])):
        output[:, span] += (mixed[:, edge] - output[:, edge])[:, None] * shape


def plane_of(input: np.ndarray, target: np.ndarray, first: int, second: int) -> np.ndarray:
    """The inner product of two spectra `[channels, frames, bins]` in each bin, as the model takes it."""
    both = (input, target)
    return np.mean((both[first] * both[second].conj()).real, axis=0, dtype=np.float32)[None]


def hann(length: int) -> np.ndarray:
    """A periodic Hann window."""
    return np.float32(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length))


def stft(waveform: np.ndarray, fft_size: int, hop: int) -> np.ndarray:
    """Spectra `[channels, frames, bins]`, centred on multiples of the hop, with zeros beyond the ends."""
    padded = np.pad(waveform, ((0, 0), (fft_size // 2, fft_size // 2)))
    frames = np.lib.stride_tricks.sliding_window_view(padded, fft_size, axis=1)[:, ::hop]
    return np.fft.rfft(frames * hann(fft_size)).astype(np.complex64)


def istft(spectra: np.ndarray, fft_size: int, hop: int, length: int) -> np.ndarray:
    """The waveform `[channels, length]`: windowed frames, overlapped, divided by what the squared windows add up to."""
    window = hann(fft_size)
    frames = np.fft.irfft(spectra, n=fft_size) * window
    total = np.zeros((len(spectra), fft_size + hop * (spectra.shape[1] - 1) + hop), dtype=np.float32)
    envelope = np.zeros(total.shape[1], dtype=np.float32)
    for index in range(spectra.shape[1]):
        span = slice(index * hop, index * hop + fft_size)
        total[:, span] += frames[:, index]
        envelope[span] += window**2
    kept = slice(fft_size // 2, fft_size // 2 + length)
    return total[:, kept] / envelope[kept]


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit("usage: python fuse_without_torch.py MODEL.onnx INPUT TARGET OUT.wav")
    main(*sys.argv[1:])
