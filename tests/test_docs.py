"""The documentation: it builds without a warning, every link leads somewhere, every command is one."""

import importlib.util
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import documents
import hocket
from documents import NAMES, ROOT
from hocket import audio, examples
from hocket.cli import VERBS
from hocket.errors import ConfigError
from hocket.objective import TERMS

RUN = ("docs/index.md", "docs/music.md")
"""Pages whose `bash` blocks are run, besides the README (`test_readme.py`)."""

FOREIGN = {
    "nproc-per-node", "run-path", "logdir", "signal", "me", "gpus-per-node", "ntasks-per-node", "dependency", "requeue",
    "index-url", "directory", "kill-on-bad-exit", "wait", "engine", "soundfont", "rounds", "cases", "only", "ntasks",
    "steps", "version",
}  # fmt: skip
"""Flags of other programs and scripts that pages speak of."""


class Page(HTMLParser):
    """The anchors of a built page, what it links to, and what it loads."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.anchors: set[str] = {"", "__tabbed"}
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value for name, value in attrs if value is not None}
        self.anchors |= {found[name] for name in ("id", "name") if name in found}
        is_link = tag == "a" or (tag == "link" and found.get("rel") in ("prev", "next", "canonical"))
        addresses = [found[name] for name in ("href", "src", "data-src") if name in found]
        (self.links if is_link else self.loaded).extend(addresses)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site; any warning of MkDocs fails it."""
    for name in ("mkdocs", "material", "mkdocstrings"):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is not installed: make setup, or pip install 'hocket[docs]'")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0 and "WARNING" not in done.stderr, done.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    return {path: Page(path) for path in site.rglob("*.html")}


def test_every_link_of_the_site_leads_somewhere(pages: dict[Path, Page]) -> None:
    assert len(pages) > 40
    for path, page in pages.items():
        if path.name == "404.html":  # its links begin at the server's root
            continue
        for address in (*page.links, *page.loaded):
            parts = urlsplit(address)
            if parts.scheme or parts.netloc or address.startswith(("data:", "mailto:")):
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            assert target.is_file(), f"{path.name}: {address}"
            if target in pages:
                assert unquote(parts.fragment) in pages[target].anchors, f"{path.name}: {address}"


def test_the_site_loads_nothing_from_elsewhere(site: Path, pages: dict[Path, Page]) -> None:
    for path, page in pages.items():
        assert not [address for address in page.loaded if "//" in address], path
    for sheet in site.rglob("*.css"):
        assert not re.search(r"url\(['\"]?(https?:)?//", sheet.read_text(encoding="utf-8")), sheet


def test_the_site_has_every_sound_flag_and_name(site: Path) -> None:
    start = (site / "index.html").read_text(encoding="utf-8")
    assert start.count("<audio") == 9
    for verb in VERBS:
        page = (site / "reference" / f"{verb}.html").read_text(encoding="utf-8")
        assert all(f"<code>{flag}" in page or f", {flag}" in page for flag in documents.flags_of(verb))
    python = (site / "reference" / "python.html").read_text(encoding="utf-8")
    assert all(f'id="hocket.{name}"' in python for name in hocket.__all__ if name != "__version__")
    assert "<code>reattack=0.0</code>" in python and "hocket.errors.HocketError" in python
    limits = (site / "results" / "index.html").read_text(encoding="utf-8")
    assert "rendered music only" in limits and "README.md" not in limits
    assert '<svg class="diagram"' in (site / "how-it-works.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_links_and_anchors_lead_somewhere(name: str) -> None:
    for target, anchor in documents.links(name):
        assert target.exists(), f"{target} is not there"
        if anchor and target.suffix == ".md":
            assert anchor in documents.anchors(target), f"{target.name}#{anchor}"


@pytest.mark.parametrize("name", NAMES)
def test_commands_are_read_by_the_real_parsers(name: str) -> None:
    for words in documents.commands(name):
        documents.parse(words)
    for words in documents.spans(name):
        documents.parse(words, whole=False)
    for words in documents.lines(name, "", "bash"):
        assert words[0] != "make" or documents.is_make_target(words[1]), words


@pytest.mark.parametrize("words", ["fuse a.wav b.wav --blned 1", "slurm -- train d --rnu x", "report"])
def test_a_command_that_is_none_is_found(words: str) -> None:
    with pytest.raises(ConfigError):
        documents.parse(words.split())


@pytest.mark.parametrize("name", [name for name in NAMES if "log" not in name])
def test_flags_in_sentences_exist(name: str) -> None:
    known = set.union(*map(documents.flags_of, VERBS)) | {f"--{flag}" for flag in FOREIGN}
    named = re.findall(r"(?<![\w-])--[a-z][\w-]*", documents.prose(name))
    assert {flag.replace("_", "-") for flag in named} <= known


@pytest.mark.parametrize("name", [name for name in NAMES if "log" not in name])
def test_files_and_modules_that_are_named_exist(name: str) -> None:
    text = documents.text_of(name)
    for path in re.findall(r"(?<![\w./-])([a-z]\w*/[\w/-]+\.(?:py|sh|sbatch|js))\b", text):
        places = (ROOT, ROOT / "src", ROOT / "src" / "hocket", ROOT / "tests")
        assert any((place / path).is_file() for place in places), path
    for module in re.findall(r"python -m ((?:corpus|benchmarks)[\w.]*)", text):
        assert importlib.util.find_spec(module), module


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two recordings of the names that the pages use."""
    folder = tmp_path_factory.mktemp("desk")
    for name, part in (("drums", "rhythm"), ("strings", "harmony")):
        audio.save(folder / f"{name}.wav", audio.load(examples.FOLDER / f"drums-strings-{part}.mp3"))
    return folder


def test_the_commands_of_the_first_pages_run(desk: Path) -> None:
    wanted = [documents.hocket_words(words) for page in RUN for words in documents.lines(page, "bash")]
    printed = documents.run_commands(desk, [words for words in wanted if words])
    (shown,) = documents.blocks("docs/index.md", "text")
    assert shown in printed
    assert {path.name for path in desk.glob("session.*")} >= {
        "session.wav", "session.rhythm.wav", "session.harmony.wav", "session.mid", "session.labels.txt",
    }  # fmt: skip
    (python,) = documents.blocks("docs/reference/python.md", "python")
    documents.run_in(desk, python + "\nassert fused.options.blend == 0.4\n")


def test_the_page_of_the_objective_has_every_term() -> None:
    rows = re.findall(r"^\| `(\w+)`", documents.text_of("docs/objective.md"), re.MULTILINE)
    assert rows == list(TERMS)


def test_the_log_has_a_line_for_each_try_and_details_for_each_line() -> None:
    text = documents.text_of("docs/log.md")
    lines = re.findall(r"^\| (\d{4}-\d\d-\d\d) \| \[[^\]]+\]\((log/\w+\.md)#([\w-]+)\)", text, re.MULTILINE)
    assert len(lines) == len(re.findall(r"^\| \d{4}", text, re.MULTILINE)) > 60
    assert [date for date, *_ in lines] == sorted((date for date, *_ in lines), reverse=True)
    details = [page.read_text(encoding="utf-8") for page in (documents.DOCS / "log").glob("*.md")]
    assert (
        len(set(lines)) == len(lines) == sum(len(re.findall(r"^## ", page, re.MULTILINE)) for page in details)
    )
