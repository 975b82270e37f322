"""Docstrings and user strings are plain English: no docstring in the old dialect, no word that the house style bans."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DIALECT = re.compile(r'^\s*"""(What|How|Whether|Where|Nothing|The same|Who|Why|When|Which)\b.*', flags=re.M)

BANNED = {
    r"\blikewise\b": "same as above",
    r"\banew\b": "again",
    r"(?<![Tt]here )\bis no (?!longer)\b|\bis none\b|\bor no (checkpoint|number|id)\b": "is not a",
    r"\bas learned\b": "model default",
    r"\blets? through\b": "passes",
    r"\bstruck\b": "in the input's timing",
    r'(?<!class=")\blanes?\b': "track",
    r"\b(is|are) what (is|are)\b|\bwhat it is told\b|\bin what is heard\b": "is plotted, receives, in the output",
    r"\b(lies?|written) beside\b": "is next to, is written next to",
    r"\bwhose length the output\b": "match the length of",
    r"\bholds? (no|no sound|something|a second|samples)\b": "contains",
    r"\bfor ever\b|\bas far as it goes\b|\ball the same\b": "forever, anyway",
    r"(?<!in )\ba (minute|second)\b(?=[,.:)]|$)|\bbeats a minute\b": "per minute, per second, BPM",
    r"\bnot here, or no longer\b|\bis told of\b|\bcannot be told\b": "no longer exists",
    r"\bat all places\b|\bevery place\b|\bplace (is|came)\b": "time-frequency bin",
    r"\bmend\b|\bbehind its\b|\bby way of\b": "fix, after its, through",
    r"\b(already|exists?|exist) already\b": "already exists",
    r", as (it|its|the|this|they|a)\b": "because",
}
"""Patterns that the house style rules out in what users read, and what to say instead."""

PAGES = (
    "README.md",
    "CONTRIBUTING.md",
    "src/hocket/weights/README.md",
    "slurm/train.sbatch",
    "src/hocket/settings.py",  # whose docstrings are the help of `train`
)
SOURCES = {
    path
    for folder in ("src", "examples")
    for path in (ROOT / folder).rglob("*")
    if "vendor" not in path.parts
}


def python_strings(text: str) -> Iterator[str]:
    """All string literals but docstrings, with a blank for each value that is filled in."""
    nodes = list(ast.walk(ast.parse(text)))
    skipped = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    skipped |= {id(part) for node in nodes if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in nodes:
        if id(node) in skipped:
            continue
        if isinstance(node, ast.JoinedStr):
            yield "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@cache
def user_strings() -> tuple[tuple[str, str], ...]:
    """Name of the file, and a text that a user may read."""
    found: list[tuple[str, str]] = []
    for path in sorted(SOURCES):
        name = str(path.relative_to(ROOT))
        if path.suffix == ".py":
            found += ((name, text) for text in python_strings(path.read_text(encoding="utf-8")))
        elif path.suffix in (".html", ".js", ".sh", ".toml") and "iife" not in path.name:
            comments = r"/\*.*?\*/|^\s*//.*?$" if path.suffix == ".js" else r"(?!)"
            found.append((name, re.sub(comments, "", path.read_text(encoding="utf-8"), flags=re.M | re.S)))
    return (*found, *((name, (ROOT / name).read_text(encoding="utf-8")) for name in PAGES))


@pytest.mark.parametrize("folder", ["src/hocket", "corpus", "benchmarks", "scripts"])
def test_no_docstring_begins_in_the_old_dialect(folder: str) -> None:
    found = {
        f"{path.relative_to(ROOT)}: {match.group().strip()}"
        for path in sorted((ROOT / folder).rglob("*.py"))
        for match in DIALECT.finditer(path.read_text(encoding="utf-8"))
    }
    assert not found


@pytest.mark.parametrize("pattern", BANNED)
def test_no_user_string_has_a_banned_word(pattern: str) -> None:
    found = [
        f"{name}: {' '.join(text[max(0, match.start() - 40) : match.end() + 40].split())!r}"
        for name, text in user_strings()
        for match in re.finditer(pattern, text)
    ]
    assert not found, f"say rather: {BANNED[pattern]}"
