"""The project's Markdown pages as tests read them: their blocks, commands, links and anchors."""

import importlib
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from hocket.cli import VERBS
from hocket.cli.flags import VerbParser, with_hyphens
from hocket.errors import ConfigError

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
CARD = ROOT / "src" / "hocket" / "weights" / "README.md"
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", CARD, *DOCS.rglob("*.md")])
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]

FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r'(?:\]\(|(?:src|href)=")([^)"#\s]*)(?:#([^)"\s]*))?[)"]')
COMMAND = re.compile(r"^(\$ |[A-Z_]+=\S+ )*\S*\b(hocket|make|cd|torchrun|srun|bash|python|tensorboard)\b ")
LEFT_OUT = {"…", "..."}
"""Words of a command that stand for what a page does not spell out."""

ONE_AFTER_THE_OTHER = """
import json, sys
from hocket.cli import main
for words in json.loads(sys.argv[1]):
    print("hocket", *words, flush=True)
    code = main(words)
    assert code == 0, code
"""
"""All commands in one process, which loads torch and librosa once: other tests start `python -m hocket`."""


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(name: str, *languages: str) -> list[str]:
    """The fenced blocks of a page in these languages; "" are those without one."""
    return [body for language, body in FENCED.findall(text_of(name)) if language in languages]


def prose(name: str) -> str:
    """A page without its fenced blocks."""
    return FENCED.sub("", text_of(name))


def lines(name: str, *languages: str) -> Iterator[list[str]]:
    """The words of each command line in the blocks of a page."""
    for block in blocks(name, *languages):
        for line in block.replace("\\\n", " ").splitlines():
            if COMMAND.match(line):
                yield shlex.split(line.removeprefix("$ "), comments=True)


def hocket_words(words: list[str]) -> list[str] | None:
    """What follows `hocket` in a command line, `python -m hocket` among them; None if it is another program's."""
    for index, word in enumerate(words):
        if Path(word).name == "hocket" and (index == 0 or words[index - 1] == "-m"):
            return words[index + 1 :]
    return None


def commands(name: str) -> Iterator[list[str]]:
    """All `hocket` command lines in the blocks of a page, without `hocket`."""
    return filter(None, map(hocket_words, lines(name, "", "bash")))


def spans(name: str) -> Iterator[list[str]]:
    """All `hocket` commands within sentences, without `hocket`; they may leave out what is required."""
    for span in re.findall(r"`((?:[\w/.]+/)?hocket [a-z][^`]*)`", prose(name)):
        words = [word for word in shlex.split(span) if word not in LEFT_OUT][1:]
        if words and words[0] in VERBS:
            yield words


@cache
def parser_of(verb: str) -> VerbParser:
    """The parser that the verb itself uses."""
    return importlib.import_module(f"hocket.cli.{verb}")._parser()


@cache
def flags_of(verb: str) -> set[str]:
    """Its long flags, with hyphens."""
    names = {name for action in parser_of(verb)._actions for name in with_hyphens(action.option_strings)}
    return {name for name in names if name.startswith("--")}


def parse(words: list[str], *, whole: bool = True) -> None:
    """Reads a command as the program does, and the training behind `hocket slurm ... --` too.

    Raises:
        ConfigError: a flag or a value is wrong; if `whole`, also what is missing.
    """
    verb, *rest = words
    if verb == "slurm" and "--" in rest:
        cut = rest.index("--")
        parse(rest[cut + 1 :], whole=whole)
        rest = rest[:cut]
    if {"--help", "--help-all"} & set(rest):
        return
    try:
        parser_of(verb).parse_args(rest)
    except ConfigError as error:
        if whole or not re.search(r"missing|needs a value", str(error)):
            raise


def run_in(folder: Path, code: str, *arguments: str) -> str:
    """Runs Python there and gives what it printed, which is shown if it fails."""
    command = [sys.executable, "-c", code, *arguments]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600)
    assert result.returncode == 0, f"{result.stdout}\n{result.stderr}"
    return result.stdout


def run_commands(folder: Path, wanted: list[list[str]]) -> str:
    """Runs `hocket` commands there, in their order, and gives what they printed; the checkout's `src` is there too."""
    (folder / "src").symlink_to(ROOT / "src")
    return run_in(folder, ONE_AFTER_THE_OTHER, json.dumps(wanted))


def is_make_target(name: str) -> bool:
    return re.search(rf"^{name}:", text_of("Makefile"), re.MULTILINE) is not None


def links(name: str) -> Iterator[tuple[Path, str]]:
    """All links of a page to places in the checkout: the file, and the anchor or ""."""
    page = ROOT / name
    for target, anchor in LINK.findall(re.sub(r"`[^`\n]*`", "", prose(name))):
        if ":" not in target:
            yield (page.parent / target).resolve() if target else page, anchor


@cache
def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    found: dict[str, int] = {}
    for heading in re.findall(r"^#{1,6} (.+)$", FENCED.sub("", page.read_text(encoding="utf-8")), re.M):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", plain.strip().lower()).replace(" ", "-")
        found[slug] = found.get(slug, -1) + 1
    return {
        f"{slug}-{number}" if number else slug for slug, most in found.items() for number in range(most + 1)
    }
