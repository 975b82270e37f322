"""`hocket export`: the model as an ONNX file, checked against PyTorch, or as the folder of a hub's repository."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from hocket import examples, outputs
from hocket.cli.flags import INCLUDED, VerbParser
from hocket.cli.progress import say
from hocket.errors import CheckpointError, ConfigError
from hocket.runs import find_checkpoint

if TYPE_CHECKING:
    from hocket.export import Exported

EXAMPLE = "drums-strings"


def run(argv: list[str]) -> int:
    """Writes what was asked for and prints what it holds; a failed check writes nothing."""
    options = _parser().parse_args(argv)
    if (options.output is None) == (options.hub_folder is None):
        raise ConfigError("give either -o FILE.onnx or --hub-folder DIR: one of the two.")
    from hocket.export import export_model, require_onnx, require_place
    from hocket.model.weights import default_weights

    if options.output is not None:
        require_onnx()
        require_place(options.output)
    checkpoint = default_weights() if options.run is None else find_checkpoint(options.run)
    if options.hub_folder is not None:
        say(_write_hub_folder(options.hub_folder, options.run, checkpoint))
        return 0
    outputs.check_outputs([options.output], sources=[checkpoint], overwrite=False)
    say(_in_words(export_model(options.output, checkpoint)))
    return 0


def _write_hub_folder(folder: Path, run: Path | None, checkpoint: Path) -> str:
    """Fuses the example, and writes it with the weights and what is known of them."""
    from hocket import api
    from hocket.export.hub import require_new, write_hub_folder

    require_new(folder)
    rhythm, harmony = (examples.FOLDER / f"{EXAMPLE}-{part}.mp3" for part in ("rhythm", "harmony"))
    with tempfile.TemporaryDirectory(prefix="hocket-hub-") as work:
        fused = Path(work) / "fusion.mp3"
        api.fuse(rhythm, harmony, fused, checkpoint=checkpoint)
        write_hub_folder(
            folder,
            checkpoint,
            card=_card(run, checkpoint),
            licence="apache-2.0" if run is None else None,
            example={"rhythm.mp3": rhythm, "harmony.mp3": harmony, "fusion.mp3": fused},
        )
    return (
        f"{folder}  weights, configuration, model card and example\n"
        f"  share  hf upload OWNER/{folder.resolve().name} {folder}\n"
        f"  use    hocket fuse INPUT TARGET --checkpoint hub:OWNER/{folder.resolve().name}"
    )


def _card(run: Path | None, checkpoint: Path) -> str:
    """A model card's text: that of the included weights, or what the log of a run says."""
    from hocket.report.card import NOT_FOR, card_of
    from hocket.report.run import read_run

    if run is None:
        return checkpoint.with_name("README.md").read_text(encoding="utf-8").partition("\n")[2]
    try:
        found = read_run(run if run.is_dir() else checkpoint.parent)
    except CheckpointError:
        return NOT_FOR
    card = card_of({found.name: found})
    return "\n\n".join([*card.data.values(), *card.use, "**Limits.** " + " ".join(card.limits)])


def _parser() -> VerbParser:
    parser = VerbParser(
        "export",
        "Writes the model for other people or programs. --hub-folder writes the files of a repository on a hub of "
        "models, such as Hugging Face: weights, configuration, model card and an example. -o writes ONNX: it takes the "
        "power spectrograms of two recordings, with any number of frames, and returns masks, levels and tone. The file "
        "is first run on random and on rendered musical input, and must agree with PyTorch within 1e-4.",
        usage="hocket export [RUN] -o FILE.onnx | --hub-folder DIR",
    )
    words = f"run folder or checkpoint, such as RUN/best (default: {INCLUDED})"
    parser.add_argument("run", type=Path, nargs="?", metavar="RUN", help=words)
    add = parser.add_argument
    add("-o", "--output", type=Path, metavar="FILE.onnx", help="the ONNX file to write")
    add("--hub-folder", type=Path, metavar="DIR", help="the new folder to write, to be uploaded to a hub")
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
