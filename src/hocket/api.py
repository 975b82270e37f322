"""The stable functions of `import hocket`: `fuse`, `check` and `load_model`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hocket.diagnostics.listening import HeardFigures
    from hocket.fusing import FusedFile
    from hocket.model import FusionModel
    from hocket.score.chords import Progression


def fuse(
    input: str | Path,
    target: "str | Path | Progression",
    output: str | Path | None = None,
    *,
    checkpoint: str | Path | None = None,
    device: str = "cpu",
    **options: Any,
) -> "FusedFile":
    """Fuses the rhythm of one recording with the harmony of another.

    The result is in memory, which takes gigabytes for an hour: see `hocket.fusing.Fuser.fuse_to_file` for long ones.

    Args:
        input: the recording that gives the rhythm, of any rate, channels and length.
        target: the recording, MIDI file or `hocket.score.chords.Progression` that gives the harmony.
        output: a `.wav`, `.flac`, `.mp3` or `.m4a` file to write; replaced if it exists. None writes nothing.
        checkpoint: a run folder or weights of your own; None uses those included in Hocket.
        device: `auto`, `cpu`, `cuda`, `cuda:N` or `mps`.
        options: fields of `hocket.options.FuseOptions`, such as `blend=0.4` or `align="beats"`.

    Returns:
        Output and sources as `Audio` (`[channels, samples]`, float32), both stems, the masks and notes.

    Raises:
        HocketError: a recording, checkpoint or option is wrong; the sentence names it and the cure.
    """
    from hocket import audio, outputs
    from hocket.audio.writing import require_holds
    from hocket.errors import ConfigError
    from hocket.fusing import Fuser
    from hocket.options import make_options, table

    known = {option.name: option.default for option in table()}
    if unknown := options.keys() - known.keys():
        raise ConfigError(f"there is no option {min(unknown)}: give some of {', '.join(known)}.")
    wanted = make_options(known | options)
    if output is not None:
        path, first = Path(output), audio.info(input)
        require_holds(
            path,
            sample_rate=wanted.sample_rate or first.sample_rate,
            num_channels=wanted.num_channels or first.num_channels,
        )
        sources = [Path(source) for source in (input, target) if isinstance(source, str | Path)]
        outputs.check_outputs([path], sources=sources, sound=[path], overwrite=True)
        outputs.require_place(path)
    fused = Fuser.from_checkpoint(checkpoint, device=device).fuse_files(input, target, options=wanted)
    if output is not None:
        audio.save(output, fused.audio)
    return fused


def check(output: str | Path, *, input: str | Path, target: str | Path) -> "HeardFigures":
    """Tells whether an output mixes its two sources, copies one of them, or only lays one over the other.

    It works for outputs of any program. All three are compared at 24 kHz, cut to the shortest. Of longer recordings,
    five minutes, sampled across the file, are analysed.

    Returns:
        Figures: `level` (copy, overlay, layering or fusion), correlations in [-1, 1], margins in [-2, 2], overlay R².

    Raises:
        AudioError: a recording cannot be read, is silent, or shorter than 1 s; the sentence names it.
    """
    from hocket.diagnostics.listening import MOST_MINUTES, diagnose_heard, listen, open_recording

    recordings = (open_recording(Path(path)) for path in (output, input, target))
    return diagnose_heard(listen(*recordings, most_minutes=MOST_MINUTES))


def load_model(checkpoint: str | Path | None = None) -> "FusionModel":
    """Loads a trained model, whose `inference(input, target)` fuses two waveforms `[channels, samples]` at its rate.

    Args:
        checkpoint: a run folder or weights of your own; None uses those included in Hocket.

    Raises:
        CheckpointError: there is none, or it is damaged.
    """
    from hocket.model import load_model as load

    model, _ = load(checkpoint)
    return model.eval()
