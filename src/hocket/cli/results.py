"""What `hocket fuse` leaves on disk: the output, what it was made of, tables and pictures."""

import csv
import hashlib
import io
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hocket import __version__
from hocket.errors import AudioError

if TYPE_CHECKING:
    from hocket.diagnostics import Figures
    from hocket.inference import FusedFile, Fuser


MOST_MINUTES = 5
"""A diagnosis takes longer than fusing: of long recordings only so much is listened to."""


def save(
    fuser: "Fuser",
    fused: "FusedFile",
    input_path: Path,
    target_path: Path,
    output: Path,
    encoding: Any,
    seconds: float,
) -> "tuple[Figures, list[str]]":
    """Writes the output and, beside it, a JSON file that says what it was made of and what it is.

    Gives the diagnosis, and what the user should know of how it came about.
    """
    from hocket import audio
    from hocket.diagnostics.listening import diagnose_audio

    figures = diagnose_audio(fused.audio, fused.input, fused.target, most_minutes=MOST_MINUTES)
    notes = [*fused.notes, *_weaknesses(fused)]
    if fused.audio.duration_seconds > 60 * MOST_MINUTES:
        notes.append(f"the figures are those of {MOST_MINUTES} minutes, spread over the whole.")
    audio.save(output, fused.audio, encoding=encoding)
    facts = {
        "hocket": __version__,
        "input": {"path": str(input_path), "sha256": _sha256(input_path)},
        "target": {"path": str(target_path), "sha256": _sha256(target_path)},
        "checkpoint": {"path": str(fuser.checkpoint), "sha256": _sha256(fuser.checkpoint)},
        "sample_rate": fused.audio.sample_rate,
        "duration_seconds": fused.audio.duration_seconds,
        "fusing_seconds": round(seconds, 3),
        "diagnosis": figures.as_dict(),
        "masks": fused.mask_figures,
        "levels": dict(zip(("input", "target"), fused.levels, strict=True)),
        "options": asdict(fused.options),
        "notes": notes,
        "config": fuser.metadata.get("config"),
    }
    _write_text(output.with_suffix(".json"), json.dumps(facts, indent=2, ensure_ascii=False) + "\n")
    return figures, notes


def _weaknesses(fused: "FusedFile") -> list[str]:
    """A sentence for each source that is too weak for its role."""
    from hocket.diagnostics.roles import weak_roles

    input, target = (source.mono().samples[0] for source in (fused.input, fused.target))
    found = weak_roles(input=input, target=target, sample_rate=fused.audio.sample_rate)
    return [weakness.sentence for weakness in found]


def save_sources(fused: "FusedFile", output: Path) -> None:
    """The excerpts that were fused, beside the output, to be listened to in turn."""
    from hocket import audio

    for name in ("input", "target"):
        source = getattr(fused, name)
        audio.save(output.with_name(f"{output.stem}_{name}.wav"), source, encoding="float32")


def draw(fuser: "Fuser", fused: "FusedFile", figures: "Figures", output: Path) -> None:
    """Draws the check and the masks beside the output."""
    from hocket.pictures import draw_check, draw_masks

    mono = {name: getattr(fused, name).mono().samples[0] for name in ("audio", "input", "target")}
    rate = fused.audio.sample_rate
    draw_check(
        output.with_suffix(".png"),
        output=mono["audio"],
        input=mono["input"],
        target=mono["target"],
        sample_rate=rate,
        figures=figures,
        title=output.name,
    )
    bin_hz = fuser.model.codec.bin_hz
    draw_masks(
        output.with_name(f"{output.stem}_masks.png"),
        input_mask=fused.masks[0],
        target_mask=fused.masks[1],
        output=mono["audio"],
        sample_rate=rate,
        frame_rate=fuser.model.codec.frame_rate,
        bin_hz=None if bin_hz is None else bin_hz.numpy(),
        title=output.name,
    )


def write_tables(folder: Path, rows: list[dict[str, Any]]) -> None:
    """Writes `results.csv` and `results.json`: a row for each pair, failed ones with their error."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    table = io.StringIO()
    writer = csv.DictWriter(table, columns, lineterminator="\n", restval="")
    writer.writeheader()
    writer.writerows(rows)
    _write_text(folder / "results.csv", table.getvalue())
    _write_text(folder / "results.json", json.dumps(rows, indent=2, ensure_ascii=False) + "\n")


def _sha256(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _write_text(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise AudioError(f"{path} cannot be written ({error.strerror}): free some space.") from error
