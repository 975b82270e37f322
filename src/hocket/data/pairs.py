"""A CSV or JSON lines file that names pairs of recordings."""

import csv
import difflib
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hocket.errors import DataError
from hocket.files import read_bytes
from hocket.outputs import fusion_name

COLUMNS = ("input", "target")
SEPARATORS = (",", ";", "\t")
JSON_SUFFIXES = (".jsonl", ".ndjson")
MAX_PAIRS_BYTES = 2**27
"""Of a file of pairs: about a million of them."""
EXAMPLE = '{"input": "drums.wav", "target": "chords.flac"}'


@dataclass(frozen=True)
class Pair:
    """Two recordings to fuse (the input gives the rhythm, the target the harmony), named `000`, `001`, ..."""

    input: Path
    target: Path
    name: str

    @property
    def title(self) -> str:
        """The name of its fusion, which sorts as the pairs do: `000 drums x strings`."""
        return f"{self.name} {fusion_name(self.input, self.target)}"


def read_pairs(path: str | Path) -> list[Pair]:
    """Reads a CSV file with the columns `input` and `target`; other columns are ignored, order is kept.

    Cells are separated by commas, semicolons or tabs, whichever gives a header with both columns.
    A file that ends in `.jsonl` has an object with these keys on each line instead. Relative paths are relative to the
    file. Pairs are named by their place, from `000` on.

    Raises:
        DataError: the file is missing, not a CSV file in UTF-8, lacks a column or has no rows; or a row lacks
            a cell, has one too many or names a file that is not there. The sentence names file and line.
    """
    path = Path(path)
    if path.suffix.lower() in JSON_SUFFIXES:
        return _read_objects(path)
    rows = _read_rows(path)
    if not rows:
        raise DataError(f"{path} is empty: give a CSV file with the columns 'input' and 'target'.")
    (_, header), *body = rows
    header = [name.strip() for name in header]
    _check_header(path, header)
    if not body:
        raise DataError(f"{path} has a header but no rows: add a row with an input and a target.")
    return [
        _pair(path, line, header, cells, name=name)
        for name, (line, cells) in zip(_names(len(body)), body, strict=True)
    ]


def _names(count: int) -> list[str]:
    width = max(3, len(str(count - 1)))
    return [f"{index:0{width}d}" for index in range(count)]


def _read_rows(path: Path) -> list[tuple[int, list[str]]]:
    """The rows that are not blank, each with the number of its last line in the file."""
    cure = "save it as comma-separated UTF-8"
    text = _read_text(path, kind="CSV file", cure=cure)
    first = next((line for line in text.splitlines() if line.strip()), "")
    separator = next((mark for mark in SEPARATORS if _has_columns(first.split(mark))), ",")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        return [(reader.line_num, cells) for cells in reader if any(cell.strip() for cell in cells)]
    except csv.Error as error:
        raise DataError(f"{path} is not a CSV file ({error}): {cure}.") from error


def _has_columns(names: list[str]) -> bool:
    return set(COLUMNS) <= {name.strip().strip('"') for name in names}


def _read_text(path: Path, *, kind: str, cure: str) -> str:
    """The text of a file, without the byte order mark that spreadsheets and editors put in front."""
    content = read_bytes(path, max_bytes=MAX_PAIRS_BYTES)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not a {kind} ({error}): {cure}.") from error


def _read_objects(path: Path) -> list[Pair]:
    """Pairs of a file of JSON lines; blank lines are passed over."""
    numbered = enumerate(
        io.StringIO(_read_text(path, kind="text file", cure="save it as UTF-8"), newline=""), start=1
    )
    lines = [(number, line) for number, line in numbered if line.strip()]
    if not lines:
        raise DataError(f"{path} is empty: give lines such as {EXAMPLE}.")
    return [
        _pair_of_object(path, number, line, name)
        for name, (number, line) in zip(_names(len(lines)), lines, strict=True)
    ]


def _pair_of_object(path: Path, number: int, line: str, name: str) -> Pair:
    try:
        values = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} line {number} is not JSON ({error}): write {EXAMPLE}.") from error
    if not isinstance(values, dict):
        raise DataError(f"{path} line {number} is not an object: write {EXAMPLE}.")
    for column in COLUMNS:
        if not isinstance(values.get(column, ""), str):
            raise DataError(
                f"{path} line {number} has a value for {column} that is not a file name: write {EXAMPLE}."
            )
    rhythm, harmony = (_recording(path, number, column, values.get(column, "")) for column in COLUMNS)
    return Pair(input=rhythm, target=harmony, name=name)


def _check_header(path: Path, header: Sequence[str]) -> None:
    for column in COLUMNS:
        if header.count(column) > 1:
            raise DataError(f"{path} has the column '{column}' twice: keep one of them.")
        if column not in header:
            others = [name for name in header if name not in COLUMNS and name.strip()]
            near = difflib.get_close_matches(column, others, n=1, cutoff=0.5)
            found = ", ".join(f"'{name}'" for name in header)
            cure = f"rename '{near[0]}' to it" if near else "begin the file with the line 'input,target'"
            raise DataError(f"{path} has no column '{column}' (it has {found}): {cure}.")


def _pair(path: Path, line: int, header: Sequence[str], cells: Sequence[str], *, name: str) -> Pair:
    if len(cells) > len(header):
        raise DataError(
            f"{path} line {line} has {len(cells)} cells for {len(header)} columns: put names that contain "
            "the separator in quotes."
        )
    row = dict(zip(header, cells, strict=False))
    rhythm, harmony = (_recording(path, line, column, row.get(column, "")) for column in COLUMNS)
    return Pair(input=rhythm, target=harmony, name=name)


def _recording(path: Path, line: int, column: str, cell: str) -> Path:
    if not cell.strip():
        raise DataError(f"{path} line {line} has no {column}: give the name of a recording.")
    recording = path.parent / cell
    if not _is_file(recording) and _is_file(path.parent / cell.strip()):
        recording = path.parent / cell.strip()
    if not _is_file(recording):
        raise DataError(
            f"{path} line {line} names the {column} '{cell}', but {recording} is not a file: correct it."
        )
    return recording


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that no file system takes, or a folder that may not be entered
        return False
