"""`hocket export`: the model as an ONNX file, checked against PyTorch."""

from pathlib import Path
from typing import TYPE_CHECKING

from hocket import outputs
from hocket.cli.flags import INCLUDED, VerbParser
from hocket.cli.progress import say
from hocket.runs import find_checkpoint

if TYPE_CHECKING:
    from hocket.export import Exported


def run(argv: list[str]) -> int:
    """Writes the file and prints what it holds and how it compared; a failed check writes nothing."""
    options = _parser().parse_args(argv)
    from hocket.export import export_model, require_onnx, require_place
    from hocket.model.weights import default_weights

    require_onnx()
    require_place(options.output)
    checkpoint = default_weights() if options.run is None else find_checkpoint(options.run)
    outputs.check_outputs([options.output], sources=[checkpoint], overwrite=False)
    say(_in_words(export_model(options.output, options.run)))
    return 0


def _parser() -> VerbParser:
    parser = VerbParser(
        "export",
        "Writes the model as ONNX: it takes the power spectrograms of two recordings, with any number of frames, and "
        "returns masks, levels and tone. The file is first run on random and on rendered musical input, and must agree "
        "with PyTorch within 1e-4.",
    )
    words = f"run folder or checkpoint, such as RUN/best (default: {INCLUDED})"
    parser.add_argument("run", type=Path, nargs="?", metavar="RUN", help=words)
    words = "the file to write"
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE.onnx", help=words)
    return parser


def _in_words(exported: "Exported") -> str:
    facts = exported.metadata
    bins = int(facts["fft_size"]) // 2 + 1
    plane = f"[batch, frames, {bins}]"
    lines = [
        f"{exported.path}  {exported.num_bytes / 1e6:.1f} MB, opset {facts['opset']}",
        f"  weights  {facts['weights']}",
        f"  works at {facts['sample_rate']} Hz, FFT {facts['fft_size']}, hop {facts['hop']}",
        f"  takes    input_power, target_power, shared {plane}",
        f"  gives    input_mask, target_mask {plane}, levels [batch, 2], tone [batch, {bins}]",
        "  largest differences from PyTorch      masks   levels     tone",
    ]
    lines += [
        f"    {found.name:<33} {found.masks:8.1e} {found.levels:8.1e} {found.tone:8.1e}"
        for found in exported.comparisons
    ]
    return "\n".join(lines)
