"""Advice on a run, with the command to type."""

import math
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hocket.diagnostics import Figures, Level, Verdict, remedies_for
from hocket.diagnostics.copying import COPYING
from hocket.diagnostics.milestones import MILESTONES
from hocket.diagnostics.wording import WORDS
from hocket.report.explanation import MUCH_WAITING, undecided, waiting_share
from hocket.report.judging import MUSICAL, Judged, headline, newest_epoch, num_unknown, weight_of
from hocket.report.run import Run, number

SHARPER = 1.5


@dataclass(frozen=True)
class Advice:
    """A sentence, and the command that follows it (empty where there is none to type)."""

    text: str
    command: str = ""


def advice(run: Run) -> list[Advice]:
    """The next things to do, the surest first."""
    row = headline(run)
    if row is None:
        return _unjudged(run)
    verdict = row.figures.verdict
    if row.figures.level is Level.FUSION:
        found = _fusion(run)
    elif _is_early(run):
        found = _early(run)
    elif verdict in COPYING:
        found = _copying(run, row)
    else:
        found = _short_of(run, row)
    return [*found, *_going_on(run), *_waiting(run)]


def train_again(run: Run, name: str, *flags: str) -> str:
    """A command that trains the same configuration again, next to this run, with these flags changed."""
    config = shlex.quote(str(run.path / "config.toml"))
    named = (flag.partition(" ") for flag in flags)
    shown = ["".join((field.replace("_", "-"), *value)) for field, *value in named]
    return " ".join(["hocket train --config", config, "--run", _beside(run, name), *shown])


def _copying(run: Run, row: Judged) -> list[Advice]:
    """Advice against copying: first the weights that state the goal, then the remedies of the milestones."""
    config = run.weights_at(row.step)
    if row.figures.verdict is Verdict.COPYING_TARGET:
        asked, found = list(MUSICAL[:3]), _from_target(run, config)
    else:
        asked, found = ["harmony_weight", "output_balance_weight"], _from_input(run, config)
    if not all(weight_of(config, name) > 0 for name in asked):
        found = [_preset(run)]
    return [*found, *_remedies(run, row, config)]


def _from_target(run: Run, config: Mapping[str, Any]) -> list[Advice]:
    weight = weight_of(config, "output_balance_weight")
    return [
        Advice(
            f"Raise output_balance_weight (now {weight:g}): it asks for both sources in the output, not only "
            "in the masks.",
            train_again(run, "output-balance", f"--output-balance-weight {2 * weight:g}"),
        )
    ]


def _from_input(run: Run, config: Mapping[str, Any]) -> list[Advice]:
    harmony, balance = (weight_of(config, name) for name in ("harmony_weight", "output_balance_weight"))
    return [
        Advice(
            f"Raise harmony_weight (now {harmony:g}) and output_balance_weight (now {balance:g}): they ask "
            "for the target's harmony, and for both sources in the output.",
            train_again(
                run,
                "more-target",
                f"--harmony-weight {SHARPER * harmony:g}",
                f"--output-balance-weight {2 * balance:g}",
            ),
        )
    ]


def _remedies(run: Run, row: Judged, config: Mapping[str, Any]) -> list[Advice]:
    """Remedies that the milestones call for in the end, if they still change something; they follow another advice."""
    verdict, epochs = row.figures.verdict, run.num_epochs or 1
    remedies = [
        remedy
        for remedy in remedies_for(verdict, epoch=epochs, num_epochs=epochs)
        if remedy.changes(number(config.get(remedy.field, 0.0)))
    ]
    if not remedies:
        return []
    figures = row.figures
    why = f"the output leans towards the {figures.nearer_source}" if figures.leans else remedies[0].reason
    more = (
        ": reconstruction of both sources at 0.3 and 0.7 did not cure the project's own collapsed run"
        if verdict is Verdict.COPYING_TARGET
        else ""
    )
    return [
        Advice(
            f"Or keep this objective and apply the remedies of the milestones, because {why}. Check again at "
            f"the next milestone{more}.",
            train_again(run, "remedies", *(f"--{remedy.field} {remedy.value:g}" for remedy in remedies)),
        )
    ]


def _short_of(run: Run, row: Judged) -> list[Advice]:
    """Advice on what a fusion lacks: raise its weights, or use the default preset if they are 0."""
    config, figures = run.weights_at(row.step), row.figures
    wanted = _missing(figures)
    if not wanted and (names := figures.unmeasured):
        return [
            Advice(
                f"Listen to the examples: {' and '.join(names)} could not be measured, perhaps because a source has "
                "no onsets or no pitch. Use validation songs that have both."
            )
        ]
    if not wanted or any(weight_of(config, name) == 0 for name, _ in wanted):
        return [_preset(run)]
    flags = [f"--{name} {SHARPER * weight_of(config, name):g}" for name, _ in wanted]
    words = " and ".join(words for _, words in wanted)
    more = [
        Advice(
            f"Raise the weights of what is missing ({words}). The terms trade off against each "
            "other, so check the other margins too.",
            train_again(run, "sharper", *flags),
        )
    ]
    if undecided(row.masks):
        more.insert(0, Advice("Train longer: the masks hardly choose between the sources yet.", _longer(run)))
    return more


def _missing(figures: Figures) -> list[tuple[str, str]]:
    """The weights that ask for the margins that are too small, and their names in words."""
    return [
        (f"{name}_weight", WORDS[name][0])
        for name, (margin, least) in figures.margins.items()
        if margin < least
    ]


def _preset(run: Run) -> Advice:
    music = shlex.quote(str(run.config.get("music") or "MUSIC_DIR"))
    return Advice(
        "Train with an objective that states the goal: the preset default asks for both sources in the "
        "output, the input's rhythm, the target's harmony, and chords in the input's timing. In the "
        "project's own comparison it reached a fusion where the collapsed preset copied.",
        f"hocket train {music} --run {_beside(run, 'default')} --preset default",
    )


def _fusion(run: Run) -> list[Advice]:
    if run.state == "training":
        return [Advice("Change nothing: let it continue, and listen to the examples below.")]
    best = shlex.quote(str(run.path / "best"))
    return [
        Advice(
            "Listen to the examples below, then fuse recordings of your own.",
            f"hocket fuse INPUT TARGET -o fused.wav --checkpoint {best}",
        )
    ]


def _is_early(run: Run) -> bool:
    """True if nothing is due yet: every run begins with flat masks, which are an overlay."""
    due = MILESTONES[0].epoch(run.num_epochs) if run.num_epochs else 0
    return newest_epoch(run) < due and run.state != "ended"


def _early(run: Run) -> list[Advice]:
    """Advice to wait; a run that stopped has to be continued instead."""
    if run.state != "training":
        return []
    due = MILESTONES[0].epoch(run.num_epochs)
    return [
        Advice(
            f"Wait: the first milestone ({MILESTONES[0].wish}) is due at epoch {due}, and the run is at "
            f"epoch {newest_epoch(run)}."
        )
    ]


def _unjudged(run: Run) -> list[Advice]:
    if num_unknown(run):
        return [*_calmer(run), *_going_on(run)]
    return [] if run.state == "training" else _going_on(run)


def _calmer(run: Run) -> list[Advice]:
    """Settings that keep an output finite."""
    rate = number(run.config.get("learning_rate"))
    flags = [f"--learning-rate {rate / 10:g}"] if 0 < rate < math.inf else []
    text = f"Train again with a lower --learning-rate{f' (now {rate:g})' if flags else ''}"
    if run.config.get("on_nonfinite") != "rollback":
        flags.append("--on-nonfinite rollback")
        text += ", and with --on-nonfinite rollback, which goes back to a checkpoint that was still finite"
    return [Advice(f"{text}.", train_again(run, "calmer", *flags))]


def _going_on(run: Run) -> list[Advice]:
    if run.state != "stopped" or (run.num_steps and run.step >= run.num_steps):
        return []
    done = f" of {run.num_steps}" if run.num_steps else ""
    config, path = shlex.quote(str(run.path / "config.toml")), shlex.quote(str(run.path))
    return [
        Advice(
            f"The run stopped at step {run.step}{done}. This command continues from its newest checkpoint.",
            f"hocket train --config {config} --run {path}",
        )
    ]


def _waiting(run: Run) -> list[Advice]:
    if waiting_share(run) <= MUCH_WAITING:
        return []
    path, config = shlex.quote(str(run.path)), shlex.quote(str(run.path / "config.toml"))
    return [
        Advice(
            "Load music in more processes, so that steps do not wait for it. You can continue the "
            "run with this change.",
            f"hocket train --config {config} --run {path} --num-workers 4",
        )
    ]


def _longer(run: Run) -> str:
    return train_again(run, "longer", f"--num-epochs {2 * run.num_epochs}")


def _beside(run: Run, name: str) -> str:
    # "." and ".." are folders without a name of their own.
    path = run.path if run.path.name not in ("", "..") else run.path.resolve()
    return shlex.quote(str(path.parent / f"{run.name}-{name}"))
