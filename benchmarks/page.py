"""Tables and the page they stand on, in Markdown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Table:
    """Column names and rows of words."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @property
    def markdown(self) -> str:
        """As lines with bars."""
        lines = [self.columns, ("---",) * len(self.columns), *self.rows]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)


@dataclass(frozen=True)
class Section:
    """Result of a section: paragraphs and tables in order, and the raw figures."""

    title: str
    content: tuple[str | Table, ...]
    figures: Mapping[str, Any] = field(default_factory=dict)

    @property
    def markdown(self) -> str:
        """The section as the page has it."""
        parts = [part if isinstance(part, str) else part.markdown for part in self.content]
        return "\n\n".join([f"## {self.title}", *parts])


INTRODUCTION = """\
Speed is told in ratios: what is compared ran in turns in one process, and a ratio is that of the medians, with the
smallest and the largest of any round behind it. Seconds belong to the machine and to what else it did; ratios mostly
do not. Where one thread works in this process its processor time is counted, which neighbours disturb least."""


def page(sections: Sequence[Section], *, facts: Mapping[str, str], command: str) -> str:
    """The whole page."""
    machine = "\n".join(f"- {name}: {value}" for name, value in facts.items())
    body = "\n\n".join(section.markdown for section in sections)
    return f"# How fast it is\n\n{INTRODUCTION}\n\n`{command}`\n\n{machine}\n\n{body}\n"
