"""What happened while a run trained, as marks on the time axis and as a list."""

from hocket.report.chart import Mark, short
from hocket.report.run import Line, Run, number

SIGNS = {
    "C": "continued after a stop",
    "B": "back to an older checkpoint",
    "R": "remedy applied",
    "F": "fault: something was not finite, the step was skipped",
    "S": "spike: the loss was far above the usual, the step was skipped",
}


def marks_of(run: Run) -> list[Mark]:
    """Everything out of the usual, in order."""
    return [mark for line in run.lines if (mark := _mark(line)) is not None]


def signs_of(marks: list[Mark]) -> list[tuple[str, str]]:
    """The letters that occur and what they mean."""
    found = {mark.sign for mark in marks}
    return [(sign, text) for sign, text in SIGNS.items() if sign in found]


def _mark(line: Line) -> Mark | None:
    step = line["step"]
    if line["kind"] == "resume":
        return Mark(step, "C", f"step {step}: continued")
    if line["kind"] == "rollback":
        return Mark(step, "B", f"step {line.get('from_step', '?')}: went back to step {step}")
    if line["kind"] == "remedy":
        return Mark(
            step,
            "R",
            f"step {step}: {line.get('field')} set to {line.get('value')} ({line.get('reason')})",
        )
    if line["kind"] == "fault":
        terms, files = (", ".join(map(str, _list(line.get(name)))) for name in ("terms", "files"))
        return Mark(step, "F", f"step {step}: not finite: {terms}" + f", with {files}" * bool(files))
    if line["kind"] == "train" and number(line.get("spiked")) > 0:
        return Mark(step, "S", f"step {step}: loss {short(number(line.get('loss/total')))}, updated nothing")
    return None


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
