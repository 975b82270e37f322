"""What happened to a run while it trained, in sentences."""

import math
import os
from collections.abc import Sequence

from hocket.report.run import Run, number

MUCH_WAITING = 0.1
MOST_NAMED = 3
MOST_UNREAD = 5


def faults(run: Run) -> list[str]:
    """What went wrong on the way, in a sentence each."""
    found = []
    if lines := run.of("fault"):
        terms = [str(term) for line in lines for term in _texts(line.get("terms"))]
        files = [str(name) for line in lines for name in _texts(line.get("files"))]
        where = f", with {listed(files)}" if files else ""
        found.append(
            f"{counted(len(lines), 'step was', 'steps were')} skipped because something was not finite: "
            f"{listed(terms) or 'no term is named'}{where}."
        )
    if spikes := sum(number(line.get("spiked")) > 0 for line in run.of("train")):
        found.append(
            f"{counted(spikes, 'step', 'steps')} updated nothing, as the loss was far above the usual."
        )
    if back := len(run.of("rollback")):
        found.append(f"Training went back to an older checkpoint {counted(back, 'time', 'times')}.")
    if run.num_unread:
        found.append(
            f"{counted(run.num_unread, 'line', 'lines')} of log.jsonl cannot be read and left out here."
        )
    return found


def unread(run: Run, faults: Sequence[str]) -> list[str]:
    """What cannot be read of the run's folder, as paths in it, with the sentences of its examples' files."""
    found = list(dict.fromkeys([*run.faults, *faults]))
    rest = len(found) - MOST_UNREAD
    shown = [fault.replace(f"{run.path}{os.sep}", "") for fault in found[:MOST_UNREAD]]
    return [*shown, f"{counted(rest, 'more file', 'more files')} cannot be read."] if rest > 0 else shown


def waiting_share(run: Run) -> float:
    """Share of the time between validations that was spent waiting for music, in [0, 1]; 0 where it is not known."""
    data = sum(number(line.get("data_seconds", 0.0)) for line in run.of("timing"))
    step = sum(number(line.get("step_seconds", 0.0)) for line in run.of("timing"))
    return data / (data + step) if 0 < data + step < math.inf else 0.0


def waiting(run: Run) -> list[str]:
    """That steps wait for music, where they do."""
    share = waiting_share(run)
    if share <= MUCH_WAITING:
        return []
    return [f"{100 * share:.0f} % of the time between validations was spent waiting for music."]


def _texts(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def listed(names: list[str]) -> str:
    """The first few different names, joined as in a sentence."""
    different = list(dict.fromkeys(names))
    rest = len(different) - MOST_NAMED - 1
    if rest > 0:
        return f"{', '.join(different[: MOST_NAMED + 1])} and {rest} more"
    return ", ".join(different[:-1]) + " and " + different[-1] if len(different) > 1 else "".join(different)


def counted(count: int, one: str, many: str) -> str:
    """A count with the word that suits it."""
    return f"{count} {one if count == 1 else many}"
