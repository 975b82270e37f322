"""Scores of shards on disk, from which the scores of the whole set are made as if one process had made them all."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
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
    systems = {name: list(map(asdict, scored)) for name, scored in rows.items()}
    content = {"hocket": versions["hocket"], "versions": versions, "systems": systems}
    files.write_text(path, json.dumps(content, default=_as_text) + "\n")


def read_parts(folder: Path, pairs: Sequence[Pair], versions: Mapping[str, str]) -> Rows:
    """The rows of all shards of a folder, in the order of the pairs.

    Raises:
        DataError: a part is missing or damaged, or they are not all of these pairs, systems and versions.
    """
    whole: Rows = {}
    for path in _all_parts(folder):
        content = files.parse_json(files.read_bytes(path, max_bytes=MAX_PART_BYTES), path)
        try:
            systems = {name: list(map(_decode, rows)) for name, rows in content["systems"].items()}
            fits = content["versions"] == versions and (not whole or systems.keys() == whole.keys())
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DataError(f"{path} is damaged or no part of an evaluation: run its shard again.") from error
        if not fits:
            raise DataError(f"{path} was scored by other versions or with other flags: run its shard again.")
        for name, rows in systems.items():
            whole.setdefault(name, []).extend(rows)
    places = {(pair.name, str(pair.input), str(pair.target)): place for place, pair in enumerate(pairs)}
    for rows in whole.values():
        if sorted(map(_pair_of, rows)) != sorted(places):
            raise DataError(
                f"the shards in {folder} scored other pairs: give the same file of pairs as to them."
            )
        rows.sort(key=lambda scored: places[_pair_of(scored)])
    return whole


def _pair_of(scored: ScoredRow) -> tuple[str, str, str]:
    return scored.row["pair"], scored.row["input"], scored.row["target"]


def _all_parts(folder: Path) -> list[Path]:
    """The parts of the one set of shards that a folder holds."""
    found = parts(folder / NAME)
    counts = sorted({shard.count for shard in found})
    if len(counts) != 1:
        which = f"shards of {' and of '.join(map(str, counts))}: keep one of them" if counts else "no shards"
        raise DataError(
            f"{folder} holds {which}; 'hocket evaluate --parts {folder} --shard 1/4 ...' writes them."
        )
    missing = sorted(set(range(1, counts[0] + 1)) - {shard.number for shard in found})
    if missing:
        names = ", ".join(map(str, missing[:20]))
        raise DataError(f"{folder} lacks the shards {names} of {counts[0]}: run them first.")
    return list(found.values())


def _decode(values: dict[str, Any]) -> ScoredRow:
    row = {str(name): value for name, value in values["row"].items()}
    output, sources = (
        FrameStatistics(side["num_frames"], _as_array(side["total"]), _as_array(side["products"]))
        for side in (values["output"], values["sources"])
    )
    scored = ScoredRow(row, output=output, sources=sources, windows=_as_array(values["windows"]))
    _pair_of(scored)
    return scored


def _as_text(array: np.ndarray) -> list[Any]:
    """Type, shape and bytes: exact, and half as long as digits."""
    return [array.dtype.str, array.shape, base64.b64encode(array.tobytes()).decode()]


def _as_array(values: list[Any]) -> np.ndarray:
    kind, shape, text = values
    return np.frombuffer(base64.b64decode(text), np.dtype(kind)).reshape(shape)
