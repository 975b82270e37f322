"""Writes the page that `make demo` ends with: what it fused, to hear and to see, and the report of its training."""

import argparse
import os
from dataclasses import fields
from pathlib import Path
from typing import Any

from player_page import make_page, make_section

from hocket import files
from hocket.diagnostics.copying import Figures
from hocket.diagnostics.wording import worded
from hocket.errors import DataError

MOST_BYTES = 2**20


def main() -> None:
    """Reads the JSON next to each fusion and writes `index.html`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="folder of the demo, with fused/ and run/ in it")
    folder = parser.parse_args().folder
    found = sorted((folder / "fused").glob("*.wav.hocket.json"))
    report = folder / "run" / "report.html"
    end = (
        f'The short training that ended the demo: <a href="{report.relative_to(folder)}">its report</a>.'
        if report.exists()
        else ""
    )
    page = make_page("Hocket: what the demo fused", [_section(path, folder) for path in found], end=end)
    files.write_text(folder / "index.html", page, failure=DataError)


def _section(path: Path, folder: Path) -> str:
    facts = files.parse_json(files.read_bytes(path, max_bytes=MOST_BYTES), path)
    fused = path.with_name(path.name.removesuffix(".hocket.json"))
    sources = {
        role: _source(fused, side, Path(facts[side]["path"]))
        for role, side in (("rhythm", "input"), ("harmony", "target"))
    }
    names = {
        role: Path(facts[side]["path"]).stem for role, side in (("rhythm", "input"), ("harmony", "target"))
    }
    picture = fused.with_name(f"{fused.name}.hocket.masks.png")
    return make_section(
        f"The rhythm of {names['rhythm']}, the harmony of {names['harmony']}",
        {role: os.path.relpath(sound, folder) for role, sound in (sources | {"fused": fused}).items()},
        words=_verdict(facts["diagnosis"]),
        picture=os.path.relpath(picture, folder) if picture.exists() else "",
    )


def _source(fused: Path, side: str, whole: Path) -> Path:
    """The part of a source that was fused, where it lies beside the output, or else all of it."""
    part = fused.with_name(f"{fused.stem}_{side}.wav")
    return part if part.exists() else whole


def _verdict(diagnosis: dict[str, Any] | None) -> str:
    if diagnosis is None:
        return "Not checked"
    return worded(Figures(**{field.name: diagnosis[field.name] for field in fields(Figures)})).line


if __name__ == "__main__":
    main()
