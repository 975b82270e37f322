"""Files that `hocket fuse` leaves: the output, what it was made of, tables and pictures."""

import csv
import hashlib
import io
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hocket import files, outputs
from hocket.errors import AudioError
from hocket.shards import Shard, parts
from hocket.version import __version__

if TYPE_CHECKING:
    from hocket.diagnostics import Figures
    from hocket.fusing import Fuser, Fusion, SourcePair
    from hocket.fusing.ladder import Progress
    from hocket.score.chords import Progression
    from hocket.score.timeline import Timeline

MOST_HZ = 24_000
MAX_PART_BYTES = 2**27
RESULTS = "results.json"
NOT_JUDGED = "not checked yet"
# A name that is not UTF-8 comes as lone surrogates: escaped, as JSON writes them.
ESCAPED = "backslashreplace"


@dataclass(frozen=True)
class Places:
    """Paths of one fusion's files: its sound, and next to it what is told of it."""

    sound: Path
    with_pictures: bool = False
    with_excerpts: bool = False
    with_stems: bool = False
    with_markers: bool = False

    @property
    def sidecar(self) -> Path:
        """The JSON file that says what the sound was made of and what it is."""
        return self.sound.with_name(f"{self.sound.name}.hocket.json")

    @property
    def pictures(self) -> list[Path]:
        """The pictures of the check and of the masks, where they are requested."""
        names = (f"{self.sound.name}.hocket.png", f"{self.sound.name}.hocket.masks.png")
        return [self.sound.with_name(name) for name in names if self.with_pictures]

    @property
    def excerpts(self) -> list[Path]:
        """The parts of input and target that were fused, where they are requested."""
        names = (f"{self.sound.stem}_input.wav", f"{self.sound.stem}_target.wav")
        return [self.sound.with_name(name) for name in names if self.with_excerpts]

    @property
    def stems(self) -> list[Path]:
        """The rhythm's and the harmony's part of the output, where they are requested."""
        names = (f"{self.sound.stem}.rhythm.wav", f"{self.sound.stem}.harmony.wav")
        return [self.sound.with_name(name) for name in names if self.with_stems]

    @property
    def markers(self) -> list[Path]:
        """Beats, bars and chords as a MIDI file and as a label track, where they are requested."""
        names = (f"{self.sound.stem}.mid", f"{self.sound.stem}.labels.txt")
        return [self.sound.with_name(name) for name in names if self.with_markers]


def claim(
    fusions: Sequence[Places], *, tables: Sequence[Path] = (), sources: Iterable[Path], overwrite: bool
) -> None:
    """Makes sure, before anything is fused, that nothing of the user's will be lost; asks where somebody can answer.

    Raises:
        ConfigError: see `hocket.outputs.check_outputs`.
    """
    # Markers say nowhere who wrote them either, and count as recordings.
    sound = [
        path
        for places in fusions
        for path in (*places.excerpts, *places.stems, *places.markers, places.sound)
    ]
    planned = [*sound, *tables]
    for places in fusions:
        planned += [places.sidecar, *places.pictures]
    sources = list(sources)
    # All that no answer can allow is refused before anybody is asked.
    outputs.check_outputs(planned, sources=sources, sound=sound, overwrite=True)
    there = outputs.existing(sound)
    allowed = overwrite or (bool(there) and _may_replace(there))
    outputs.check_outputs(planned, sources=sources, sound=sound, overwrite=allowed)


def _may_replace(there: list[Path]) -> bool:
    if not (sys.stdin and sys.stdin.isatty() and sys.stdout.isatty()):
        return False
    several = f"{len(there)} files, such as {there[0]}, already exist. Replace them?"
    question = f"{there[0]} already exists. Replace it?" if len(there) == 1 else several
    # Not input(): without the line editor's library it asks on stderr.
    print(f"{question} [y/N] ", end="", flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def save(
    fuser: "Fuser",
    fusion: "Fusion",
    pair: "SourcePair",
    places: Places,
    *,
    encoding: Any,
    seconds: float,
    timeline: "Timeline | None" = None,
) -> dict[str, Any]:
    """Writes sound, excerpts, stems, markers and the JSON next to them, all or none; gives what the JSON says.

    Nothing is judged yet, which takes a while: whoever ends the program now has a whole file, and it says so.
    """
    from hocket.audio.writing import save_into

    facts = {
        "hocket": __version__,
        "input": {"path": str(pair.input), "sha256": _sha256(pair.input)},
        "target": _target_facts(pair.target),
        "checkpoint": {"path": str(fuser.checkpoint), "sha256": _sha256(fuser.checkpoint)},
        "sample_rate": fusion.output.sample_rate,
        "duration_seconds": fusion.output.duration_seconds,
        "fusing_seconds": round(seconds, 3),
        "diagnosis": None,
        "masks": fusion.mask_figures,
        "levels": dict(zip(("input", "target"), fusion.levels, strict=True)),
        "options": fusion.options.as_json(),
        "notes": [*fusion.notes, NOT_JUDGED],
        "config": fuser.metadata.get("config"),
    }
    with files.FileGroup(failure=AudioError) as group:
        # They take their names in this order: where the sound is, the rest is as well.
        files.write_all(group.open(places.sidecar), _as_json(facts))
        for path, source in zip(places.excerpts, (fusion.input, fusion.target), strict=False):
            save_into(group, path, source, encoding="float32")
        if places.with_stems:
            for path, stem in zip(places.stems, fusion.stems, strict=True):
                # A stem alone can be louder than the sum: no other encoding holds that.
                save_into(group, path, stem, encoding="float32")
        if timeline is not None and places.with_markers:
            from hocket.score.midi import timeline_as_midi

            contents = (timeline_as_midi(timeline), timeline.as_labels().encode())
            for path, content in zip(places.markers, contents, strict=True):
                files.write_all(group.open(path), content)
        save_into(
            group,
            places.sound,
            fusion.output,
            encoding=encoding,
            tags=outputs.fusion_tags(pair.input, pair.target),
        )
    return facts


def _target_facts(target: "Path | Progression") -> dict[str, Any]:
    if isinstance(target, Path):
        return {"path": str(target), "sha256": _sha256(target)}
    return {"chords": target.name, "bars_per_chord": target.bars_per_chord}


def judge(
    fusion: "Fusion", facts: dict[str, Any], places: Places, on_progress: "Progress"
) -> "tuple[Figures | None, list[str]]":
    """Adds the diagnosis to the JSON next to a sound.

    Gives the diagnosis, None where it cannot be made, and what the user should know of how the output came about.
    """
    from hocket.diagnostics.wording import causes
    from hocket.fusing import judging

    figures, notes = judging.judge(fusion, on_progress)
    notes[:0] = causes(figures) if figures is not None else []
    judged = {"diagnosis": figures.as_dict() if figures is not None else None, "notes": notes}
    files.write_bytes(places.sidecar, _as_json(facts | judged), failure=AudioError)
    return figures, notes


def draw(fuser: "Fuser", fusion: "Fusion", figures: "Figures | None", places: Places) -> None:
    """Draws the check and the masks next to the output; of a long one three minutes from its middle."""
    from hocket.fusing.judging import excerpt
    from hocket.pictures import draw_check, draw_masks

    codec = fuser.model.codec
    shown = excerpt(fusion, frame_rate=codec.frame_rate)
    check, masks = places.pictures
    title = places.sound.name
    if len(shown.output) / shown.sample_rate < fusion.output.duration_seconds - 1:
        title += f", from {int(shown.start_seconds) // 60}:{int(shown.start_seconds) % 60:02d} on"
    draw_masks(
        masks,
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
        check,
        output=shown.output,
        input=shown.input,
        target=shown.target,
        sample_rate=shown.sample_rate,
        figures=figures,
        title=title,
    )


def write_tables(folder: Path, rows: list[dict[str, Any]], shard: Shard | None = None) -> None:
    """Writes `results.csv` and `results.json`: a row for each pair, failed ones with their error.

    Of a shard only its part is written, as JSON.
    """
    columns = list(dict.fromkeys(name for row in rows for name in row))
    table = io.StringIO()
    writer = csv.DictWriter(table, columns, lineterminator="\n", restval="")
    writer.writeheader()
    writer.writerows(rows)
    contents = (table.getvalue().encode(errors=ESCAPED), _as_json(rows))
    planned = zip(table_paths(folder), contents, strict=True)
    if shard is not None:
        planned = zip([shard.part(folder / RESULTS)], contents[1:], strict=True)
    with files.FileGroup(failure=AudioError) as group:
        for path, content in planned:
            files.write_all(group.open(path), content)


def merge_tables(folder: Path, shard: Shard, pairs: "Sequence[SourcePair]") -> int:
    """Writes the tables of all shards once every pair has its row; returns how many pairs have none yet.

    Each shard calls it when its own part is written, so that the last one finds all parts.
    """
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    for other, part in parts(folder / RESULTS).items():
        if other.count != shard.count or not outputs.is_ours(part):
            continue
        for row in files.parse_json(files.read_bytes(part, max_bytes=MAX_PART_BYTES), part):
            found[row["name"], row["input"], row["target"]] = row
    rows = [found.get((pair.name, str(pair.input), str(pair.target))) for pair in pairs]
    whole = [row for row in rows if row is not None]
    if len(whole) == len(rows):
        write_tables(folder, whole)
    return len(rows) - len(whole)


def table_paths(folder: Path, shard: Shard | None = None) -> list[Path]:
    """Paths that `write_tables` writes, and where there are shards also this one's part."""
    tables = [folder / "results.csv", folder / RESULTS]
    return tables if shard is None else [*tables, shard.part(tables[1])]


def _as_json(values: Any) -> bytes:
    return (json.dumps(values, indent=2, ensure_ascii=False) + "\n").encode(errors=ESCAPED)


def _sha256(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
