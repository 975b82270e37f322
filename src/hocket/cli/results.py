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
    from hocket.inference import Fuser, Fusion

MOST_HZ = 24_000


def save(
    fuser: "Fuser",
    fusion: "Fusion",
    input_path: Path,
    target_path: Path,
    output: Path,
    encoding: Any,
    seconds: float,
) -> "tuple[Figures | None, list[str]]":
    """Writes the output and, beside it, a JSON file that says what it was made of and what it is.

    Gives the diagnosis, None where it cannot be made, and what the user should know of how the output came about.
    """
    from hocket import audio
    from hocket.diagnostics.wording import causes
    from hocket.inference.judging import judge

    audio.save(output, fusion.output, encoding=encoding)
    figures, notes = judge(fusion)
    notes[:0] = causes(figures) if figures is not None else []
    facts = {
        "hocket": __version__,
        "input": {"path": str(input_path), "sha256": _sha256(input_path)},
        "target": {"path": str(target_path), "sha256": _sha256(target_path)},
        "checkpoint": {"path": str(fuser.checkpoint), "sha256": _sha256(fuser.checkpoint)},
        "sample_rate": fusion.output.sample_rate,
        "duration_seconds": fusion.output.duration_seconds,
        "fusing_seconds": round(seconds, 3),
        "diagnosis": figures.as_dict() if figures is not None else None,
        "masks": fusion.mask_figures,
        "levels": dict(zip(("input", "target"), fusion.levels, strict=True)),
        "options": asdict(fusion.options),
        "notes": notes,
        "config": fuser.metadata.get("config"),
    }
    _write_text(output.with_suffix(".json"), json.dumps(facts, indent=2, ensure_ascii=False) + "\n")
    return figures, notes


def save_sources(fusion: "Fusion", output: Path) -> None:
    """The excerpts that were fused, beside the output, to be listened to in turn."""
    from hocket import audio

    for name, source in (("input", fusion.input), ("target", fusion.target)):
        audio.save(output.with_name(f"{output.stem}_{name}.wav"), source, encoding="float32")


def draw(fuser: "Fuser", fusion: "Fusion", figures: "Figures | None", output: Path) -> None:
    """Draws the check and the masks beside the output; of a long one three minutes from its middle."""
    from hocket.inference.judging import excerpt
    from hocket.pictures import draw_check, draw_masks

    codec = fuser.model.codec
    shown = excerpt(fusion, frame_rate=codec.frame_rate)
    title = output.name
    if len(shown.output) / shown.sample_rate < fusion.output.duration_seconds - 1:
        title += f", from {int(shown.start_seconds) // 60}:{int(shown.start_seconds) % 60:02d} on"
    draw_masks(
        output.with_name(f"{output.stem}_masks.png"),
        input_mask=shown.masks[0],
        target_mask=shown.masks[1],
        output=shown.output,
        sample_rate=shown.sample_rate,
        frame_rate=codec.frame_rate,
        bin_hz=None if codec.bin_hz is None else codec.bin_hz.numpy(),
        title=title,
    )
    if figures is None:
        return
    if len(shown.output) > 60 * shown.sample_rate:
        # Onsets and chroma are the same at the lower rate, and take half the memory.
        shown = excerpt(fusion, frame_rate=codec.frame_rate, most_hz=MOST_HZ)
    draw_check(
        output.with_suffix(".png"),
        output=shown.output,
        input=shown.input,
        target=shown.target,
        sample_rate=shown.sample_rate,
        figures=figures,
        title=title,
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
        try:
            # A name that is no UTF-8 comes as lone surrogates: escaped, as JSON writes them.
            temporary.write_text(text, encoding="utf-8", errors="backslashreplace")
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise AudioError(f"{path} cannot be written ({error.strerror}): free some space.") from error
