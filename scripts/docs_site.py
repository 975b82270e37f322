"""Adds to the site (`make docs`) what is made while it is built, so that it is written down in one place only.

MkDocs calls the functions that begin with `on_`. They give the pages of the command line, from its parsers; the list of
options of `hocket.fuse`; files of the checkout that a page links to; sections of the README; and drawings as part of
the page, where they follow its light or dark scheme.
"""

import argparse
import importlib
import os
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from hocket import options
from hocket.cli import GROUPS, VERBS
from hocket.cli.flags import VerbParser, with_hyphens

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
CARRIED = {
    "src/hocket/weights/README.md": "model-card.md",
    "src/hocket/studio/page/vendor/LICENSE-wavesurfer.txt": "licences/wavesurfer.txt",
    "src/hocket/report/plots/LICENSE-uPlot.txt": "licences/uPlot.txt",
    "src/hocket/evaluation/basic_pitch/LICENSE": "licences/basic-pitch.txt",
} | {
    f"src/hocket/examples/{path.name}": f"audio/{path.name}"
    for path in (ROOT / "src" / "hocket" / "examples").glob("*.mp3")
}
"""Files beside `docs` that pages may link to, and where the site has them."""

LINK = re.compile(r'(\]\(|(?:data-src|src|href)=")([^)"#:\s]+)')
FROM_README = re.compile(r"^\[[^\]\n]+\]\((?:\.\./)+README\.md#([\w-]+)\)$", re.MULTILINE)
DRAWING = re.compile(r'<img [^>]*src="(?:\.\./)*(pictures/[\w-]+\.svg)"[^>]*>')


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the files that are not in `docs`."""
    for source, name in CARRIED.items():
        if name.endswith(".md"):
            files.append(File.generated(config, name, content=(ROOT / source).read_text(encoding="utf-8")))
        else:
            files.append(File.generated(config, name, abs_src_path=str(ROOT / source)))
    for verb in VERBS:
        files.append(File.generated(config, f"reference/{verb}.md", content=verb_page(verb)))
    listening = (DOCS / "listen.html").read_text(encoding="utf-8")
    files.append(File.generated(config, "listen.html", content=linked(listening, "listen.html")))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Puts sections of the README in the place of links to them, and leads all links into the site."""
    source = page.file.src_uri
    markdown = FROM_README.sub(lambda link: readme_section(link[1], source), markdown)
    markdown = markdown.replace("<!-- options of hocket.fuse -->", option_list())
    markdown = markdown.replace("<!-- verbs of hocket -->", verb_list())
    return linked(markdown, source)


def on_page_content(html: str, **_: Any) -> str:
    """Makes drawings part of the page."""
    return DRAWING.sub(lambda image: (DOCS / image[1]).read_text(encoding="utf-8"), html)


def linked(text: str, source: str) -> str:
    """Replaces links to carried files by links to where the site has them."""
    folder = Path(source).parent

    def link(found: re.Match[str]) -> str:
        path = os.path.relpath(DOCS / folder / found[2], ROOT)
        return found[1] + (os.path.relpath(CARRIED[path], folder) if path in CARRIED else found[2])

    return LINK.sub(link, text)


def readme_section(anchor: str, source: str) -> str:
    """The README's text below a heading, with links as seen from the page `source`."""
    folder = (DOCS / source).parent
    title = anchor.replace("-", " ")
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL | re.IGNORECASE)
    assert found, f"{source} links to README.md#{anchor}, which is no section"
    return LINK.sub(lambda link: link[1] + os.path.relpath(ROOT / link[2], folder), found[1].strip())


def option_list() -> str:
    """All that `hocket.fuse` can be asked for, as a list of definitions."""
    rows = options.table()
    return "\n\n".join(f"`{row.name}={row.default!r}`\n:   {row.words} ({row.values})." for row in rows)


def verb_list() -> str:
    """All verbs with their pages, in the groups of `hocket --help`."""
    parts = []
    for title, verbs in GROUPS.items():
        parts += [
            f"**{title}**",
            "\n".join(f"- [hocket {verb}]({verb}.md): {words}" for verb, words in verbs.items()),
        ]
    return "\n\n".join(parts)


def parser_of(verb: str) -> VerbParser:
    """The parser that the verb itself uses."""
    parser: VerbParser = importlib.import_module(f"hocket.cli.{verb}")._parser()
    return parser


def verb_page(verb: str) -> str:
    """A page with all flags of a verb, as its help has them."""
    parser = parser_of(verb)
    usage = parser.usage or parser._brief_usage()
    parts = [f"# hocket {verb}", f"{parser.description}", f"```text\n{usage}\n```"]
    formatter = parser._get_formatter()
    for group in parser._action_groups:
        actions = [action for action in group._group_actions if action.help != argparse.SUPPRESS]
        if actions:
            parts += [f"## {str(group.title).capitalize()}", escaped(group.description or "")]
            parts += [definition(action, formatter) for action in actions]
    return "\n\n".join(filter(None, parts)) + "\n"


def definition(action: argparse.Action, formatter: argparse.HelpFormatter) -> str:
    """One flag and what it does."""
    action.option_strings = with_hyphens(action.option_strings)
    return f"`{formatter._format_action_invocation(action)}`\n:   {escaped(formatter._expand_help(action))}"


def escaped(text: str) -> str:
    """Keeps Markdown from reading a help text as anything but text."""
    return re.sub(r"([*_<>|\[\]])", r"\\\1", " ".join(text.split()))
