"""`hocket report`: one page that shows what runs did, with pictures and sound."""

from pathlib import Path

from hocket import outputs
from hocket.cli.flags import VerbParser
from hocket.cli.progress import say
from hocket.runs import READ, REPORT


def run(argv: list[str]) -> int:
    """Writes the report and prints where it is."""
    options = _parser().parse_args(argv)
    out = options.output or _place(options.runs)
    for run in options.runs:
        outputs.require_short(run)
    if options.output is not None:
        outputs.require_place(out)
    read = [path for run in options.runs for pattern in READ for path in run.glob(pattern)]
    outputs.check_outputs([out], sources=read, overwrite=False)
    from hocket.report.page import write_report
    from hocket.settings import RunConfig, flatten

    write_report(options.runs, out, defaults=flatten(RunConfig()))
    say(f"wrote {out} ({out.stat().st_size / 1e6:.1f} MB): open it in a browser, it needs no network")
    return 0


def _parser() -> VerbParser:
    parser = VerbParser(
        "report",
        "Writes one HTML file about a run: verdict, reasons, advice, curves, pictures and sound. It works during "
        "training too. Several runs are shown side by side.",
    )
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="one or more run folders")
    words = "the page (default: RUN/report.html; for several runs ./report.html)"
    parser.add_argument("-o", "--output", type=Path, metavar="FILE.html", help=words)
    return parser


def _place(runs: list[Path]) -> Path:
    return runs[0] / REPORT if len(runs) == 1 else Path(REPORT)
