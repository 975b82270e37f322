"""Methods without training, in the same run: their time and their margins beside ours, on the same pairs."""

import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.page import Section, Table
from benchmarks.plan import Plan, loop
from benchmarks.timing import ALONE, Timing, Work, ratio, side_by_side, threads
from hocket.data.pairs import read_pairs
from hocket.errors import DataError
from hocket.fusing import Fuser
from hocket.model import FusionModel

EXPLANATION = """\
Mono at 24 kHz in memory, one thread, weights loaded, in turns. The margins are those of `hocket evaluate`, with
estimators that had no part in making any of the three: how much more the output agrees with the source that it should
follow than with the other; means over the pairs."""
OURS = "hocket"
PEERS = {
    "layering": "librosa's HPSS: drums of the input, chords of the target",
    "nmf_mosaicing": "NMF mosaicing",
}
FIGURES = {
    "rhythm_margin": "rhythm",
    "harmony_margin": "harmony",
    "articulation_margin": "articulation",
    "output_input_correlation": "output→input",
    "output_target_correlation": "output→target",
}


@dataclass(frozen=True)
class Contest:
    """One pair: what each method took, and what the evaluation says of its output."""

    timings: Mapping[str, Timing]
    scores: Mapping[str, Mapping[str, float]]


def measure(plan: Plan) -> Section:
    """Ours, librosa's layering and NMF mosaicing on every pair, at 24 kHz mono in memory, one thread."""
    import hocket.evaluation  # noqa: F401 (says so where the extra is missing)

    model = Fuser.from_checkpoint().model
    pairs = read_pairs(plan.pairs_to_compare())
    if plan.quick:
        pairs = pairs[:1]
    if not pairs:
        raise DataError(f"{plan.pairs_to_compare()} has no pairs: give at least one.")
    contests, rounds = [], 2 if plan.quick else 3
    with threads(1):
        for number, pair in enumerate(pairs, start=1):
            plan.say(f"  pair {number} of {len(pairs)}")
            contests.append(_contest(model, pair.input, pair.target, rounds=rounds))
        raced = _by_length(model, plan, rounds)
    whose = "given" if plan.pairs else "rendered"
    content = (
        f"{len(pairs)} {whose} pair{'s' * (len(pairs) != 1)}. {EXPLANATION}",
        _table(contests),
        "The times alone, by length:",
        _length_table(raced),
    )
    figures = [
        {"seconds": {name: list(t.seconds) for name, t in contest.timings.items()}, "scores": contest.scores}
        for contest in contests
    ]
    lengths = {f"{s:g}": {name: list(t.seconds) for name, t in race.items()} for s, race in raced.items()}
    return Section("Peers", content, {"pairs": figures, "lengths": lengths})


def _contest(model: FusionModel, input_path: Path, target_path: Path, *, rounds: int) -> Contest:
    from hocket.evaluation.conventions import read_folded
    from hocket.evaluation.score import score_triple

    sources = [read_folded(path) for path in (input_path, target_path)]
    length = min(map(len, sources))
    input, target = (source[:length] for source in sources)
    timings, outputs = _race(model, input, target, rounds=rounds)
    scores = {
        name: score_triple(output=output, input=input, target=target) for name, output in outputs.items()
    }
    return Contest(timings, scores)


def _race(
    model: FusionModel, input: np.ndarray, target: np.ndarray, *, rounds: int
) -> tuple[dict[str, Timing], dict[str, np.ndarray]]:
    """Times each method on waveforms `[samples]`, in turns, and keeps its output."""
    from hocket.evaluation.baselines import BASELINES
    from hocket.evaluation.conventions import SAMPLE_RATE_HZ

    outputs: dict[str, np.ndarray] = {}

    def ours() -> None:
        outputs[OURS] = np.asarray(model.inference(input, target))

    def peer(name: str) -> Work:
        def run() -> None:
            outputs[name] = BASELINES[name](input, target, SAMPLE_RATE_HZ)

        return run

    works: dict[str, Work] = {OURS: ours, **{name: peer(name) for name in PEERS}}
    return side_by_side(works, rounds=rounds, clock=ALONE), outputs


def _by_length(model: FusionModel, plan: Plan, rounds: int) -> dict[float, dict[str, Timing]]:
    """Times on drums and chords of several lengths."""
    raced = {}
    for seconds in (5.0, 10.0) if plan.quick else (10.0, 60.0, 180.0):
        plan.say(f"  {seconds:g} s")
        input, target = (loop(index, seconds, model.sample_rate) for index in range(2))
        raced[seconds] = _race(model, input, target, rounds=rounds)[0]
    return raced


def _length_table(raced: Mapping[float, Mapping[str, Timing]]) -> Table:
    rows = []
    for seconds, timings in raced.items():
        others = [(timings[name].words, ratio(timings[name], timings[OURS]).words) for name in PEERS]
        rows.append((f"{seconds:g} s", timings[OURS].words, *(word for pair in others for word in pair)))
    peers = [word for name in ("HPSS", "NMF mosaicing") for word in (name, "ours is faster by")]
    return Table(("length", "this program", *peers), tuple(rows))


def _table(contests: list[Contest]) -> Table:
    rows = []
    for name, words in ((OURS, "this program"), *PEERS.items()):
        whole, own = (
            Timing(tuple(sum(part) for part in zip(*(c.timings[who].seconds for c in contests), strict=True)))
            for who in (name, OURS)
        )
        faster = "" if name == OURS else ratio(whole, own).words
        means = [statistics.mean(contest.scores[name][figure] for contest in contests) for figure in FIGURES]
        rows.append((words, whole.words, faster, *(f"{mean:.2f}" for mean in means)))
    return Table(("", "all pairs", "ours is faster by", *FIGURES.values()), tuple(rows))
