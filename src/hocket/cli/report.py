"""`hocket report`: one page that shows what runs did, with pictures and sound."""

from pathlib import Path

from hocket import outputs
from hocket.cli.flags import VerbParser
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
    print(f"wrote {out} ({out.stat().st_size / 1e6:.1f} MB): open it in a browser, it needs no network")
    return 0


def _parser() -> VerbParser:
    parser = VerbParser(
        "report",
        "Writes one HTML file with everything a run folder tells: verdict, why, what to do, curves, "
        "pictures and sound. Works while training goes on. Several runs stand side by side.",
    )
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="folder of a run")
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE.html",
        help="the page (RUN/report.html; of several runs ./report.html)",
    )
    return parser


def _place(runs: list[Path]) -> Path:
    return runs[0] / REPORT if len(runs) == 1 else Path(REPORT)
