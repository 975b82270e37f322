"""Docstrings say what a thing is or does, in the words of a colleague: not "What ...", "Whether ...", "The same"."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DIALECT = re.compile(r'^\s*"""(What|How|Whether|Where|Nothing|The same|Who|Why|When|Which)\b.*', flags=re.M)


@pytest.mark.parametrize("folder", ["src/hocket", "corpus", "benchmarks", "scripts"])
def test_no_docstring_begins_in_the_old_dialect(folder: str) -> None:
    found = {
        f"{path.relative_to(ROOT)}: {match.group().strip()}"
        for path in sorted((ROOT / folder).rglob("*.py"))
        for match in DIALECT.finditer(path.read_text(encoding="utf-8"))
    }
    assert not found
