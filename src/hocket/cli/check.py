"""`hocket check`: says of any output whether it mixes its sources, copies one of them, or lays one over the other."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from hocket import outputs
from hocket.cli.flags import VerbParser
from hocket.cli.progress import duration, say

if TYPE_CHECKING:
    from hocket.diagnostics.listening import Heard, HeardFigures


def run(argv: list[str]) -> int:
    """Prints the diagnosis, or with `--json` one JSON object; 0 whatever the verdict is."""
    options = _parser().parse_args(argv)
    if options.plot is not None:
        from hocket.pictures import require_matplotlib, require_place

        require_matplotlib()
        require_place(options.plot)
        outputs.check_outputs(
            [options.plot], sources=[options.output, options.input, options.target], overwrite=False
        )
    from hocket.diagnostics.listening import MOST_MINUTES, diagnose_heard, listen, open_recording

    recordings = (open_recording(path) for path in (options.output, options.input, options.target))
    heard = listen(*recordings, most_minutes=MOST_MINUTES)
    figures, notes = diagnose_heard(heard), _notes(heard)
    # Drawn first: who reads only the first line of the words wants the picture anyway.
    if options.plot is not None:
        _draw(heard, figures, options)
    if options.json:
        print(json.dumps(figures.as_dict() | {"notes": notes}, indent=2, allow_nan=False))
    else:
        say(_in_words(figures, notes, options))
    return 0


def _parser() -> VerbParser:
    parser = VerbParser(
        "check",
        "Tells whether an output mixes its two sources, copies one of them, or only lays one over the other. It works "
        "for outputs of any program, and for recordings of any sample rate and number of channels. All three are cut "
        "to the shortest, and a constant delay of up to 0.25 s is corrected. Longer recordings: 5 minutes, sampled "
        "across the file, are analysed.",
    )
    add = parser.add_argument
    add("output", type=Path, metavar="OUT", help="the output to check")
    add("--input", type=Path, required=True, metavar="A", help="the recording that gave the rhythm")
    add("--target", type=Path, required=True, metavar="B", help="the recording that gave the harmony")
    add("--json", action="store_true", help="print one JSON object instead of text")
    add("--plot", type=Path, metavar="FILE.png", help="draw waveforms, spectrograms, onsets and chroma")
    return parser


def _notes(heard: "Heard") -> list[str]:
    from hocket.diagnostics.listening import RATE_HZ

    if heard.is_whole:
        return []
    listened = sum(stop - start for start, stop in heard.spans) / RATE_HZ
    shared = heard.num_samples / RATE_HZ
    return [
        f"{duration(listened)}, sampled across the {duration(shared)} that all three share, were analysed."
    ]


def _draw(heard: "Heard", figures: "HeardFigures", options: argparse.Namespace) -> None:
    """Draws the whole, or of a long one three minutes from its middle."""
    from hocket.diagnostics.listening import PICTURE_MINUTES, RATE_HZ
    from hocket.pictures import draw_check

    length = min(heard.num_samples, round(60 * PICTURE_MINUTES * RATE_HZ))
    start = (heard.num_samples - length) // 2
    output, input, target = heard.read_one_channel(start, start + length)
    title = f"{options.output.name}   (input {options.input.name}, target {options.target.name})"
    if length < heard.num_samples:
        minutes, seconds = divmod(start // RATE_HZ, 60)
        title += f", from {minutes}:{seconds:02d} on"
    draw_check(
        options.plot,
        output=output,
        input=input,
        target=target,
        sample_rate=RATE_HZ,
        figures=figures,
        title=title,
    )


def _in_words(figures: "HeardFigures", notes: list[str], options: argparse.Namespace) -> str:
    from hocket.diagnostics.wording import (
        causes,
        delay_words,
        margin_words,
        overlay_words,
        rule_words,
        worded,
    )

    lines = [
        f"{options.output}  (input {options.input.name}, target {options.target.name})",
        f"  {worded(figures).line}",
        *(f"    {cause}" for cause in causes(figures)),
        f"  output→input   {figures.output_input_correlation:5.2f}",
        f"  output→target  {figures.output_target_correlation:5.2f}",
        f"  2x rule        {rule_words(figures)}",
        *(
            f"  {name:<14} {margin:5.2f}   {margin_words(figures, name)}"
            for name, (margin, _) in figures.margins.items()
        ),
        f"  overlay R²     {figures.overlay_r2:5.2f}   {overlay_words(figures)}",
    ]
    if delay := delay_words(figures):
        lines.append(f"  delay          {delay}")
    lines += [f"  note           {note}" for note in notes]
    if options.plot is not None:
        lines.append(f"  picture        {options.plot}")
    return "\n".join(lines)
