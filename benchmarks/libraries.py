"""A library from any source in one call; the program prepares into a run's folder instead."""

import tempfile
from pathlib import Path

from hocket.data.library import Library, open_prepared
from hocket.data.manifest import is_manifest
from hocket.data.prepare import prepare_music


def open_library(
    source: Path, *, excerpt_seconds: float, validation_fraction: float = 0.1, seed: int = 0
) -> Library:
    """Opens prepared data, or prepares a music folder or a file of pairs for the moment and opens that.

    Prepared data (the folder or its manifest) is split as it was prepared, whatever fraction and seed are.

    Raises:
        DataError: there is no such folder or file, or too few usable songs.
    """
    if is_manifest(source):
        return open_prepared(source, excerpt_seconds=excerpt_seconds)
    with tempfile.TemporaryDirectory(prefix="hocket-") as folder:
        data = Path(folder, "data")
        prepare_music(
            source,
            data,
            excerpt_seconds=excerpt_seconds,
            validation_fraction=validation_fraction,
            seed=seed,
            jobs=0,
        )
        return open_prepared(data, excerpt_seconds=excerpt_seconds, source=source)
