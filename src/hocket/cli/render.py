"""`hocket render`: writes a corpus of simple music whose true fusions are known."""

import sys
import time
from pathlib import Path

from hocket.cli.flags import VerbParser


def run(argv: list[str]) -> int:
    """Renders the corpus and says what was written, where, and what to do with it; progress goes to stderr."""
    arguments = _parser().parse_args(argv)
    from hocket.data.synthetic.corpus import render_corpus

    start = time.perf_counter()
    render_corpus(
        arguments.folder,
        num_songs=arguments.num_songs,
        num_pairs=arguments.num_pairs,
        duration_seconds=arguments.duration_seconds,
        seed=arguments.seed,
        sample_rate=arguments.sample_rate,
        force=arguments.force,
        progress=_show_progress,
    )
    _tell(arguments.folder, arguments.duration_seconds, time.perf_counter() - start)
    return 0


def _parser() -> VerbParser:
    parser = VerbParser(
        "render",
        "Renders simple music: songs to train on, and pairs of songs with the true fusion of each (the input's rhythm "
        "with the target's chords). The same seed gives the same music.",
    )
    add = parser.add_argument
    add("folder", type=Path, metavar="OUT_DIR", help="new or empty folder to write to")
    add("--num-songs", type=int, default=24, metavar="N", help="number of songs")
    add("--num-pairs", type=int, metavar="N", help="number of true fusions (default: half as many as songs)")
    add("--duration-seconds", type=float, default=20.0, metavar="S", help="length of each file in seconds")
    add("--seed", type=int, default=0, metavar="N", help="random seed")
    add("--sample-rate", type=int, default=24_000, metavar="HZ", help="sample rate of each file in Hz")
    add("--force", action="store_true", help="replace a corpus that was rendered there before")
    return parser


def _show_progress(done: int, total: int) -> None:
    """One line that is rewritten in a terminal; elsewhere a line at every tenth of the way."""
    if sys.stderr.isatty():
        print(f"\rrendering {done}/{total}", end="\n" if done == total else "", file=sys.stderr, flush=True)
    elif done * 10 // total > (done - 1) * 10 // total:
        print(f"rendering {done}/{total}", file=sys.stderr, flush=True)


def _tell(folder: Path, duration_seconds: float, wall_seconds: float) -> None:
    num_songs = len(list((folder / "music").iterdir()))
    num_pairs = len(list((folder / "truth").iterdir()))
    real_time_factor = (num_songs + num_pairs) * duration_seconds / wall_seconds
    print(
        f"{num_songs} songs and {num_pairs} true fusions of {duration_seconds:g} s each "
        f"in {wall_seconds:.1f} s ({real_time_factor:.0f} times real time)\n"
        f"  {folder / 'music'}        the songs: drums, chords and bands\n"
        f"  {folder / 'truth'}        the true fusion of each pair\n"
        f"  {folder / 'pairs.csv'}    input, target, truth, pair\n"
        f"  {folder / 'corpus.json'}  tempo, key, chords and instruments of each song\n"
        f"next: hocket train {folder / 'music'} --run RUN"
    )
