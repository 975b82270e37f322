"""Scores of shards on disk, from which the scores of the whole set are made as if one process had made them all."""

import base64
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hocket import files, outputs
from hocket.data.pairs import Pair
from hocket.errors import DataError
from hocket.evaluation.quality import FrameStatistics
from hocket.evaluation.summary import ScoredRow
from hocket.shards import Shard, parts

NAME = "scores.json"
MAX_PART_BYTES = 2**31

Rows = dict[str, list[ScoredRow]]


def claim_part(folder: Path, shard: Shard) -> Path:
    """Makes sure, before anything is scored, that a shard's part can be written; returns its path.

    Raises:
        HocketError: the folder cannot be written to, or holds a file of somebody else's under that name.
    """
    outputs.make_folder(folder)
    path = shard.part(folder / NAME)
    outputs.check_outputs([path], sources=[], overwrite=True)
    return path


def write_part(path: Path, rows: Mapping[str, Sequence[ScoredRow]], versions: Mapping[str, str]) -> None:
    """Writes what each system scored on a shard's pairs, to the last bit, whole or not at all."""
    systems = {name: [_encode(row) for row in scored] for name, scored in rows.items()}
    content = {"hocket": versions["hocket"], "versions": versions, "systems": systems}
    files.write_text(path, json.dumps(content) + "\n")


def read_parts(folder: Path, pairs: Sequence[Pair], versions: Mapping[str, str]) -> Rows:
    """The rows of all shards of a folder, in the order of the pairs.

    Raises:
        DataError: a part is missing or damaged, or they are not all of these pairs, systems and versions.
    """
    whole: Rows = {}
    for path in _all_parts(folder):
        content = files.parse_json(files.read_bytes(path, max_bytes=MAX_PART_BYTES), path)
        try:
            if content["versions"] != versions or (whole and content["systems"].keys() != whole.keys()):
                raise DataError(
                    f"{path} was scored by other versions or with other flags: run that shard again."
                )
            for name, rows in content["systems"].items():
                whole.setdefault(name, []).extend(map(_decode, rows))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DataError(
                f"{path} is damaged or no part of an evaluation: run that shard again."
            ) from error
    wanted = [(pair.name, str(pair.input), str(pair.target)) for pair in pairs]
    for rows in whole.values():
        rows.sort(key=lambda scored: (len(scored.row["pair"]), scored.row["pair"]))
        if [(row.row["pair"], row.row["input"], row.row["target"]) for row in rows] != wanted:
            raise DataError(
                f"the shards in {folder} scored other pairs: give the file of pairs that they were given."
            )
    return whole


def _all_parts(folder: Path) -> list[Path]:
    """The parts of the one set of shards that a folder holds."""
    found = parts(folder / NAME)
    counts = {path.stem.rpartition("-")[2] for path in found}
    if len(counts) != 1:
        which = (
            f"shards of {' and of '.join(sorted(counts))}: keep those of one"
            if counts
            else "no scores of shards"
        )
        raise DataError(
            f"{folder} holds {which}; 'hocket evaluate --shard 1/4 --parts {folder} ...' writes them."
        )
    count = int(counts.pop())
    wanted = {number: Shard(number, count).part(folder / NAME) for number in range(1, count + 1)}
    missing = [str(number) for number, path in wanted.items() if path not in found]
    if missing:
        raise DataError(f"{folder} lacks the shards {', '.join(missing[:20])} of {count}: run them first.")
    return list(wanted.values())


def _encode(scored: ScoredRow) -> dict[str, Any]:
    return {
        "row": scored.row,
        "windows": _as_text(scored.windows),
        **{side: _of_statistics(getattr(scored, side)) for side in ("output", "sources")},
    }


def _of_statistics(statistics: FrameStatistics) -> list[Any]:
    return [statistics.num_frames, _as_text(statistics.total), _as_text(statistics.products)]


def _decode(values: dict[str, Any]) -> ScoredRow:
    sides = {}
    for side in ("output", "sources"):
        num_frames, total, products = values[side]
        sides[side] = FrameStatistics(num_frames, _as_array(total), _as_array(products))
    return ScoredRow(values["row"], windows=_as_array(values["windows"]), **sides)


def _as_text(array: np.ndarray) -> list[Any]:
    """Type, shape and bytes: exact, and half as long as digits."""
    return [array.dtype.str, array.shape, base64.b64encode(array.tobytes()).decode()]


def _as_array(values: list[Any]) -> np.ndarray:
    kind, shape, text = values
    return np.frombuffer(base64.b64decode(text), np.dtype(kind)).reshape(shape)
