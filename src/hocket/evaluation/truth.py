"""Distance of an output from the true fusion, on pairs for which that is known (a rendered corpus)."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from hocket.data.pairs import MAX_PAIRS_BYTES, Pair
from hocket.errors import DataError
from hocket.evaluation.features import Features
from hocket.evaluation.harmony import chroma_cosine
from hocket.evaluation.waveform import correlation
from hocket.files import read_text

COLUMN = "truth"


def score_truth(*, output: Features, truth: Features) -> dict[str, float]:
    """Agreement in [-1, 1] with the true fusion, which would score 1 in both: of rhythm, and of harmony.

    The same measures as those of the margins: Pearson correlation of the onset envelopes, and the cosine of
    the smoothed, centred chroma of the whole signals. Both waveforms have one length.
    """
    return {
        "truth_rhythm": correlation(output=output.onset_envelope, reference=truth.onset_envelope),
        "truth_harmony": chroma_cosine(output=output.chroma_whole, reference=truth.chroma_whole),
    }


def read_truths(path: Path, pairs: Sequence[Pair]) -> list[Path]:
    """The recordings in the column `truth` of a pairs file, one for each of the pairs that were read from it.

    Relative paths are relative to the CSV file. Raises DataError, naming the pair, where one is missing.
    """
    lines = io.StringIO(read_text(path, max_bytes=MAX_PAIRS_BYTES), newline="")
    header, *rows = [cells for cells in csv.reader(lines) if any(cell.strip() for cell in cells)]
    if header.count(COLUMN) != 1:
        raise DataError(
            f"{path} needs exactly one column '{COLUMN}': give a rendered corpus's pairs.csv, or leave out --truths."
        )
    place = header.index(COLUMN)
    return [_truth(path, pair, cells[place : place + 1]) for pair, cells in zip(pairs, rows, strict=True)]


def _truth(path: Path, pair: Pair, cell: Sequence[str]) -> Path:
    name = "".join(cell).strip()
    truth = path.parent / name
    if not name or not truth.is_file():
        what = f"'{name}', which is not a file" if name else "nothing"
        raise DataError(f"{path} names {what} as the truth of pair {pair.name}: correct it.")
    return truth
