"""Preparation on the development recordings: labels, originals in stereo, and nothing unrelated taken for the same."""

import csv
from pathlib import Path

import pytest

from hocket.data.manifest import Recording
from hocket.data.prepare import Prepared, prepare
from hocket.signal.beats import CLARITY

pytestmark = pytest.mark.music

LOOPS = "drum loop"
SUSTAINED = "orchestral"
TUNED = 0.3
"""Chroma clarity from which a drum loop has notes as well: the others have 0.07 to 0.19, orchestras 0.25 to 0.54."""


@pytest.fixture(scope="module")
def prepared(music: Path, tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """The 68 recordings of a quarter of a minute; the 24 longer ones would take most of the time."""
    folder = tmp_path_factory.mktemp("music")
    for path in sorted(music.glob("*/*.flac")):
        if "long" not in path.name:
            link = folder / "in" / path.relative_to(music)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(path)
    return prepare([folder / "in"], folder / "data", jobs=2)


@pytest.fixture(scope="module")
def labelled(music: Path, prepared: Prepared) -> list[tuple[dict[str, str], Recording]]:
    """What was known of the recordings, and what was found."""
    found = {recording.name: recording for recording in prepared.manifest.recordings}
    with (music / "manifest.csv").open(newline="") as handle:
        return [(row, found[row["file"]]) for row in csv.DictReader(handle) if row["file"] in found]


def test_all_are_used_and_the_originals_in_stereo_join_their_mono_versions_and_nobody_else(
    prepared: Prepared,
) -> None:
    used = prepared.manifest.used()
    assert len(used) == 68 and not prepared.left_out()
    groups: dict[str, set[str]] = {}
    for recording in used:
        groups.setdefault(recording.group, set()).add(recording.name)
    shared = sorted(sorted(names) for names in groups.values() if len(names) > 1)
    songs = [f"{number:02d}_{part}" for number in (1, 3, 4, 8) for part in "AB"]
    assert shared == [[f"stereo/s{song}.flac", f"val/v{song}.flac"] for song in songs]
    for names in shared:
        assert len({recording.split for recording in used if recording.name in names}) == 1


def test_drum_loops_are_rhythmic_and_orchestras_tonal(
    labelled: list[tuple[dict[str, str], Recording]],
) -> None:
    loops, sustained = (
        [(row, one) for row, one in labelled if row["style"] == style] for style in (LOOPS, SUSTAINED)
    )
    assert min(one.percussiveness or 0.0 for _, one in loops) > max(
        one.percussiveness or 0.0 for _, one in sustained
    )
    # A loop in which another estimator hears chords as well is left out.
    drums = [one for row, one in loops if float(row["chroma_clarity"]) < TUNED]
    assert len(drums) >= len(loops) - 1
    assert min(one.tonality or 0.0 for _, one in sustained) > max(one.tonality or 0.0 for one in drums)


def test_percussiveness_agrees_with_another_estimator(
    labelled: list[tuple[dict[str, str], Recording]],
) -> None:
    from scipy.stats import spearmanr

    theirs = [float(row["percussive"]) for row, _ in labelled]
    ours = [one.percussiveness for _, one in labelled]
    assert spearmanr(theirs, ours).statistic > 0.9


def test_the_tempo_of_loops_with_a_clear_beat_is_their_nominal_one_or_half(
    labelled: list[tuple[dict[str, str], Recording]],
) -> None:
    loops = [(row, one) for row, one in labelled if row["style"] == LOOPS]
    clear = [(row, one) for row, one in loops if (one.tempo_confidence or 0.0) >= CLARITY]
    assert len(clear) >= len(loops) - 1
    wrong = [
        row["file"]
        for row, one in clear
        if min(abs((one.tempo_bpm or 0.0) * f / float(row["loop_nominal_bpm"]) - 1.0) for f in (1, 2)) > 0.02
    ]
    assert not wrong
