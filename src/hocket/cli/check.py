"""`hocket check`: says of any output whether it mixes its sources, copies one of them, or lays one over the other."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from hocket.cli.flags import underscored

if TYPE_CHECKING:
    from hocket.audio import Audio
    from hocket.diagnostics.listening import Heard, HeardFigures


def run(argv: list[str]) -> int:
    """Prints the diagnosis, or with `--json` one JSON object; 0 whatever the verdict is."""
    options = _parser().parse_args(underscored(argv))
    if options.plot is not None:
        from hocket.pictures import require_matplotlib, require_place

        require_matplotlib()
        require_place(options.plot)
    from hocket.diagnostics.listening import diagnose_heard, listen

    heard = listen(*(_read(path) for path in (options.output, options.input, options.target)))
    figures = diagnose_heard(heard)
    as_json = json.dumps(figures.as_dict(), indent=2, allow_nan=False)
    print(as_json if options.json else _in_words(figures, options))
    if options.plot is not None:
        _draw(heard, figures, options)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hocket check",
        description="Says of any output, however it was made, whether it mixes its two sources, copies one of them, "
        "or merely lays one over the other. Recordings of any rate and number of channels; the longer ones are cut to "
        "the shortest, and a constant delay of up to 0.25 s is taken out.",
        allow_abbrev=False,
    )
    parser.add_argument("output", type=Path, metavar="OUT", help="the recording in question")
    parser.add_argument(
        "--input", type=Path, required=True, metavar="A", help="the source that should give the rhythm"
    )
    parser.add_argument(
        "--target", type=Path, required=True, metavar="B", help="the source that should give the harmony"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="draw waveforms, onsets and chroma")
    return parser


def _read(path: Path) -> "Audio":
    from hocket import audio
    from hocket.diagnostics.listening import MINIMUM_SECONDS, RATE_HZ

    recording = audio.load(path, sample_rate=RATE_HZ, mono=True)
    audio.require_sound(recording, path, minimum_seconds=MINIMUM_SECONDS)
    return recording


def _draw(heard: "Heard", figures: "HeardFigures", options: argparse.Namespace) -> None:
    from hocket.diagnostics.listening import RATE_HZ
    from hocket.pictures import draw_check

    draw_check(
        options.plot,
        output=heard.output,
        input=heard.input,
        target=heard.target,
        sample_rate=RATE_HZ,
        figures=figures,
        title=f"{options.output.name}   (input {options.input.name}, target {options.target.name})",
    )


def _in_words(figures: "HeardFigures", options: argparse.Namespace) -> str:
    from hocket.diagnostics.wording import (
        articulation_words,
        delay_words,
        harmony_words,
        overlay_words,
        rhythm_words,
        verdict_words,
    )

    lines = [
        f"{options.output}  (input {options.input.name}, target {options.target.name})",
        f"  output→input   {figures.output_input_correlation:5.2f}",
        f"  output→target  {figures.output_target_correlation:5.2f}   (ratio {figures.ratio:.1f}x)",
        f"  {verdict_words(figures)}",
        f"  rung           {figures.rung}",
        f"  rhythm         {figures.rhythm_margin:5.2f}   {rhythm_words(figures)}",
        f"  harmony        {figures.harmony_margin:5.2f}   {harmony_words(figures)}",
        f"  articulation   {figures.articulation_margin:5.2f}   {articulation_words(figures)}",
        f"  overlay R²     {figures.overlay_r2:5.2f}   {overlay_words(figures)}",
    ]
    if delay := delay_words(figures):
        lines.append(f"  delay          {delay}")
    if options.plot is not None:
        lines.append(f"  picture        {options.plot}")
    return "\n".join(lines)
