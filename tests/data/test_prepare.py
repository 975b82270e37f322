"""Preparing data: what is used and what is not, what a second run does, and what survives a kill."""

import csv
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from child_work import look_and_count, look_or_die
from prepare_sounds import RATE_HZ, encode, put, put_tunes, tune

from hocket.data.manifest import Manifest, Recording, read_manifest
from hocket.data.prepare import Prepared, prepare
from hocket.data.scan import ScanCache
from hocket.errors import ConfigError, DataError


@pytest.fixture(scope="module")
def tunes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight tunes of six seconds."""
    folder = tmp_path_factory.mktemp("tunes")
    put_tunes(folder, 8)
    return folder


@pytest.fixture
def music(tunes: Path, tmp_path: Path) -> Path:
    """A copy of the eight tunes."""
    return Path(shutil.copytree(tunes, tmp_path / "music"))


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Prepared]:
    """Prepares `tmp_path / "music"`, or other folders; in children where `jobs` are given."""

    def call(*folders: Path, **options: object) -> Prepared:
        where = folders or (tmp_path / "music",)
        return prepare(where, tmp_path / "data", **{"jobs": 0, **options})  # type: ignore[arg-type]

    return call


def named(manifest: Manifest) -> dict[str, Recording]:
    return {recording.name: recording for recording in manifest.recordings}


def looked_at(tmp_path: Path) -> list[str]:
    """Names of the files that were opened since the last call."""
    notes = tmp_path / "looked_at.txt"
    names = sorted(notes.read_text().split("\n")[:-1]) if notes.exists() else []
    notes.unlink(missing_ok=True)
    return names


def test_everything_that_is_found_is_used_or_named_with_its_reason(
    music: Path, run: Callable[..., Prepared], tmp_path: Path
) -> None:
    put(music / "short.wav", tune(20, seconds=1.0))
    put(music / "silent.wav", np.zeros(6 * RATE_HZ))
    put(music / "whisper.wav", 2e-5 * tune(21, seconds=6.0))
    (music / "broken.flac").write_bytes(b"no music at all" * 50)
    (music / "empty.mp3").touch()
    whole = (music / "tune_0.wav").read_bytes()
    (music / "cut.wav").write_bytes(whole[: len(whole) // 2])
    (music / "copy.wav").write_bytes(whole)
    (music / "gone.wav").symlink_to(tmp_path / "nowhere.wav")
    (music / "notes.txt").write_text("not looked at")
    os.mkfifo(music / "pipe.wav")
    put(music / "deadly.wav", tune(22, seconds=6.0))
    put(music / "vanishing.wav", tune(23, seconds=6.0))
    prepared = run(jobs=2, function=look_or_die)
    found = named(prepared.manifest)
    reasons = {name: recording.reason for name, recording in found.items() if recording.status != "used"}
    assert reasons == {
        "short.wav": "too short",
        "silent.wav": "silent",
        "whisper.wav": "silent",
        "broken.flac": "unreadable",
        "empty.mp3": "unreadable",
        "cut.wav": "unreadable",
        "tune_0.wav": "duplicate",  # copy.wav comes before it
        "gone.wav": "dead link",
        "pipe.wav": "unreadable",
        "deadly.wav": "crashed",
        "vanishing.wav": "gone",
    }
    assert {name for name, recording in found.items() if recording.status == "used"} == {
        "copy.wav",
        *(f"tune_{index}.wav" for index in range(1, 8)),
    }
    for name, recording in found.items():
        assert recording.status == "used" or recording.sentence.startswith(str(music / name))
        assert (recording.split != "") == (recording.status == "used")
        assert "\n" not in recording.sentence and (not recording.reason or recording.sentence.endswith("."))
    assert "ended by SIGSEGV" in found["deadly.wav"].sentence
    assert prepared.other_files == {".txt": 1}
    assert {reason: len(group) for reason, group in prepared.left_out().items()}["unreadable"] == 4


def test_the_manifest_says_what_the_recordings_are(
    music: Path, run: Callable[..., Prepared], tmp_path: Path
) -> None:
    stereo = np.stack([tune(30, seconds=9.0)] * 2)
    put(music / "stereo.wav", stereo, 44_100)
    recording = named(run().manifest)["stereo.wav"]
    assert (recording.sample_rate, recording.num_channels, recording.format) == (44_100, 2, "wav")
    path = music / "stereo.wav"
    assert recording.num_bytes == path.stat().st_size and recording.mtime_ns == path.stat().st_mtime_ns
    assert recording.duration_seconds == pytest.approx(9.0 * RATE_HZ / 44_100, abs=1e-3)
    assert recording.peak_db == pytest.approx(-6.02, abs=0.3)
    rms_db = 20 * np.log10(np.sqrt(np.mean(stereo[0] ** 2)))
    assert recording.rms_db == pytest.approx(rms_db, abs=0.2)
    with (tmp_path / "data" / "report.csv").open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert [Path(row["file"]).name for row in rows] == sorted(path.name for path in music.iterdir())
    row = next(row for row in rows if row["file"] == str(path))
    assert (row["status"], row["split"], row["group"]) == ("used", recording.split, recording.group)
    assert float(row["tonality"]) == recording.tonality


def test_the_second_run_looks_at_what_is_new_or_changed_only(
    music: Path, run: Callable[..., Prepared], tmp_path: Path
) -> None:
    first = run(function=look_and_count)
    assert looked_at(tmp_path) == sorted(path.name for path in music.iterdir())
    assert (first.num_looked_at, first.num_kept) == (8, 0)
    again = run(function=look_and_count)
    assert (again.num_looked_at, again.num_kept) == (0, 8)
    assert again.manifest == first.manifest and looked_at(tmp_path) == []
    put(music / "new.wav", tune(40))
    put(music / "tune_3.wav", tune(41))
    (music / "tune_2.wav").unlink()
    os.utime(music / "tune_5.wav", ns=(10**18, 10**18))
    third = run(function=look_and_count)
    assert looked_at(tmp_path) == ["new.wav", "tune_3.wav", "tune_5.wav"]
    assert (third.num_looked_at, third.num_kept) == (3, 5)
    by_status = {
        (recording.name, recording.status, recording.reason) for recording in third.manifest.recordings
    }
    assert by_status >= {("tune_2.wav", "gone", "gone"), ("tune_3.wav", "gone", "changed")}
    assert {path.name for path in music.iterdir()} == {recording.name for recording in third.manifest.used()}
    touched, before = named(third.manifest)["tune_5.wav"], named(first.manifest)["tune_5.wav"]
    assert touched.mtime_ns == 10**18 and touched.content == before.content and touched.group == before.group


def test_what_could_not_be_read_is_tried_again(music: Path, run: Callable[..., Prepared]) -> None:
    put(music / "deadly.wav", tune(22, seconds=6.0))
    assert named(run(jobs=1, function=look_or_die).manifest)["deadly.wav"].reason == "crashed"
    assert named(run().manifest)["deadly.wav"].status == "used"


def test_songs_stay_on_their_side_whatever_is_added_renamed_or_transcoded(
    music: Path, run: Callable[..., Prepared]
) -> None:
    before = named(run().manifest)
    put_tunes(music / "more", 12, first=100)
    held = next(name for name, recording in before.items() if recording.split == "validation")
    used = next(name for name, recording in before.items() if recording.split == "training")
    encode(music / "aaa.mp3", tune(int(held[5:-4]), seconds=6.0), kind="mp3")
    encode(music / "bbb.ogg", tune(int(used[5:-4]), seconds=6.0)[RATE_HZ // 2 :], kind="ogg")
    (music / "tune_7.wav").rename(music / "renamed.wav")
    after = named(run().manifest)
    for name, recording in before.items():
        assert after["renamed.wav" if name == "tune_7.wav" else name].split == recording.split
    assert after["aaa.mp3"].split == "validation" and after["aaa.mp3"].group == after[held].group
    assert after["bbb.ogg"].split == "training" and after["bbb.ogg"].group == after[used].group
    assert not [recording for recording in after.values() if recording.status == "gone"]


def test_a_song_that_returns_or_is_tagged_anew_comes_back_to_its_side(
    music: Path, run: Callable[..., Prepared], tmp_path: Path
) -> None:
    before = named(run().manifest)
    for held in [name for name, recording in before.items() if recording.split == "validation"]:
        (music / held).rename(tmp_path / held)
    assert {recording.name for recording in run().manifest.used()} == {
        name for name, recording in before.items() if recording.split == "training"
    }
    for held in tmp_path.glob("*.wav"):
        # Other bytes, the same music: only the memory of its sound can tell.
        encode(music / f"{held.stem}.flac", tune(int(held.stem[5:]), seconds=6.0), kind="flac")
    after = named(run().manifest)
    for held in tmp_path.glob("*.wav"):
        assert after[f"{held.stem}.flac"].split == "validation"


def test_a_file_that_joins_both_sides_brings_all_of_it_into_training(
    music: Path, run: Callable[..., Prepared]
) -> None:
    before = named(run().manifest)
    sides = {
        side: next(name for name, recording in before.items() if recording.split == side)
        for side in ("training", "validation")
    }
    both = np.concatenate([tune(int(name[5:-4]), seconds=6.0) for name in sides.values()])
    put(music / "medley.wav", both)
    prepared = run()
    after = named(prepared.manifest)
    joined = [after["medley.wav"], *(after[name] for name in sides.values())]
    assert {recording.split for recording in joined} == {"training"}
    assert len({recording.group for recording in joined}) == 1
    assert any("newly recognised as the same music, and all in training" in note for note in prepared.notes)


def test_settings_that_would_move_songs_need_to_be_asked_for_twice(
    music: Path, run: Callable[..., Prepared]
) -> None:
    first = run(seed=1, validation_fraction=0.3)
    assert run().manifest.settings == first.manifest.settings
    for setting in ({"seed": 2}, {"validation_fraction": 0.4}, {"test_fraction": 0.2}):
        with pytest.raises(ConfigError, match=r"was split with \w+ = .*split again with --resplit"):
            run(**setting)
    moved = run(seed=2, test_fraction=0.3, resplit=True).manifest
    assert moved.settings.seed == 2 and moved.used("test")
    assert moved.hash != first.manifest.hash
    assert not {recording.group for recording in moved.used("test")} & {
        recording.group for recording in moved.used("training")
    }


def test_minimum_seconds_judges_what_was_seen_already(music: Path, run: Callable[..., Prepared]) -> None:
    put(music / "short.wav", tune(20, seconds=3.0))
    assert named(run().manifest)["short.wav"].reason == "too short"
    longer = run(minimum_seconds=2.0)
    assert longer.num_looked_at == 0 and named(longer.manifest)["short.wav"].status == "used"


def test_folders_no_longer_given_are_not_used_and_said_so(
    music: Path, run: Callable[..., Prepared], tmp_path: Path
) -> None:
    put_tunes(tmp_path / "more", 2, first=50)
    both = run(music, tmp_path / "more")
    assert len(both.manifest.used()) == 10 and len(both.manifest.roots) == 2
    one = run(music)
    assert len(one.manifest.used()) == 8
    assert [recording.name for recording in one.left_out()["not asked for"]] == ["tune_50.wav", "tune_51.wav"]
    back = run(tmp_path / "more", music)
    assert back.num_kept == 8 + 2
    sides = [{one.content: one.split for one in each.manifest.used()} for each in (both, back)]
    assert sides[0] == sides[1]


@pytest.mark.parametrize("jobs", [1, 2])
def test_the_result_follows_from_the_recordings_alone(
    music: Path, run: Callable[..., Prepared], tmp_path: Path, jobs: int
) -> None:
    one = run(jobs=jobs).manifest
    other = prepare([music], tmp_path / "other", jobs=3 - jobs).manifest
    assert one == other
    names = ("manifest.jsonl", "report.csv", "looks.jsonl")
    for name in names:
        assert (tmp_path / "data" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == sorted(names)


@pytest.mark.parametrize(
    "name", ["Ünï – 音楽 🎵.wav", "line\nbreak.wav", 'com,ma "quote".wav', "-o.wav", "a" * 200 + ".wav"]
)
def test_any_legal_name_goes_through(run: Callable[..., Prepared], tmp_path: Path, name: str) -> None:
    put(tmp_path / "music" / name, tune(1, seconds=5.0))
    run()
    (recording,) = read_manifest(tmp_path / "data").used()
    assert recording.name == name
    with (tmp_path / "data" / "report.csv").open(newline="", encoding="utf-8") as handle:
        assert [row["file"] for row in csv.DictReader(handle)] == [str(tmp_path / "music" / name)]


def test_a_name_that_is_no_text_goes_through(run: Callable[..., Prepared], tmp_path: Path) -> None:
    put(tmp_path / "music" / "plain.wav", tune(1, seconds=5.0))
    raw = os.fsencode(tmp_path / "music") + b"/caf\xe9.wav"
    try:
        os.rename(tmp_path / "music" / "plain.wav", raw)  # noqa: PTH104
    except OSError:
        pytest.skip("this file system takes only names that are text")
    run()
    manifest = read_manifest(tmp_path / "data")
    (recording,) = manifest.used()
    assert os.fsencode(manifest.path_of(recording)) == raw and run().num_kept == 1
    assert b"caf\xe9.wav" in (tmp_path / "data" / "report.csv").read_bytes()


@pytest.mark.parametrize("content", ["nothing", "other files", "broken files"])
def test_nothing_to_use_is_one_sentence_and_writes_no_manifest(
    run: Callable[..., Prepared], tmp_path: Path, content: str
) -> None:
    folder = tmp_path / "music"
    folder.mkdir()
    if content != "nothing":
        (folder / "notes.txt").touch()
    if content == "broken files":
        (folder / "a.wav").write_bytes(b"nothing")
        put(folder / "b.wav", tune(1, seconds=1.0))
    with pytest.raises(DataError) as caught:
        run()
    said = str(caught.value)
    assert said.startswith(str(folder)) and said.count(": ") >= 1 and "\n" not in said
    assert ("1 unreadable, 1 too short" in said) is (content == "broken files")
    assert not (tmp_path / "data" / "manifest.jsonl").exists()


def test_a_place_that_cannot_be_written_is_known_before_the_music_is_read(
    music: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "strange").mkdir()
    (tmp_path / "strange" / "thesis.tex").touch()
    for data, said in (
        (tmp_path / "file", "is a file: give a folder"),
        (tmp_path / "file" / "in", r"cannot be written to \(Not a directory\)"),
        (tmp_path / "strange", r"contains something else \('thesis.tex'\)"),
        (Path("/proc/hocket"), "cannot be written to"),
        (music, "contains something else"),
    ):
        with pytest.raises(DataError, match=said):
            prepare([music], data, function=look_and_count)
    assert looked_at(tmp_path) == []


@pytest.mark.parametrize(
    "setting",
    [
        {"validation_fraction": 0.6},
        {"validation_fraction": float("nan")},
        {"test_fraction": -0.1},
        {"minimum_seconds": 0.1},
    ],
)
def test_settings_out_of_range_are_named(
    music: Path, run: Callable[..., Prepared], setting: dict[str, float]
) -> None:
    with pytest.raises(ConfigError, match=f"{next(iter(setting))} is .*: give "):
        run(**setting)


def test_a_damaged_manifest_is_not_overwritten(
    music: Path, run: Callable[..., Prepared], tmp_path: Path
) -> None:
    run()
    path = tmp_path / "data" / "manifest.jsonl"
    path.write_bytes(path.read_bytes()[:-40])
    damaged = path.read_bytes()
    with pytest.raises(DataError, match="is damaged"):
        run()
    assert path.read_bytes() == damaged


def test_a_damaged_line_of_looks_costs_that_recording_only(
    music: Path, run: Callable[..., Prepared], tmp_path: Path
) -> None:
    first = run()
    path = tmp_path / "data" / "looks.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(
        b"".join([b"\xff\xfe\n", *lines[:3], lines[3][:100] + b"\n", *lines[4:-1], lines[-1][:50]])
    )
    again = run()
    assert (again.num_looked_at, again.num_kept) == (2, 6)
    assert again.manifest == first.manifest
    assert len(ScanCache(path).latest) == 8


def test_the_music_folder_is_only_read(music: Path, run: Callable[..., Prepared]) -> None:
    def state() -> list[tuple[str, int]]:
        return sorted((path.name, path.stat().st_mtime_ns) for path in music.rglob("*"))

    before = state()
    run()
    assert state() == before


def test_prepared_data_may_lie_inside_the_music(music: Path) -> None:
    first = prepare([music], music / "prepared")
    second = prepare([music], music / "prepared")
    assert len(second.manifest.used()) == 8 and second.other_files == first.other_files == {}


def start_preparing(music: Path, data: Path) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "hocket", "prepare", str(music), "-o", str(data), "--jobs", "1"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def killed_at_random(music: Path, data: Path, num_kills: int, *, longest_seconds: float) -> int:
    """Kills a run at each of so many moments, checks what it leaves, and says how many it met at work."""
    random = np.random.default_rng(0)
    num_met = 0
    for moment in random.uniform(0.2, longest_seconds, num_kills):
        process = start_preparing(music, data)
        time.sleep(moment)
        num_met += process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
        if (data / "manifest.jsonl").exists():
            assert len(read_manifest(data).used()) == 8
            shutil.rmtree(data)
    return num_met


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
def test_a_killed_run_leaves_nothing_broken_and_the_next_one_goes_on(music: Path, tmp_path: Path) -> None:
    assert killed_at_random(music, tmp_path / "data", 4, longest_seconds=3.0) >= 2
    resumed = prepare([music], tmp_path / "data")
    assert resumed.manifest == prepare([music], tmp_path / "whole").manifest
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == [
        "looks.jsonl",
        "manifest.jsonl",
        "report.csv",
    ]


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
def test_fifty_kills_leave_nothing_broken(music: Path, tmp_path: Path) -> None:
    begin = time.monotonic()
    assert start_preparing(music, tmp_path / "whole").wait() == 0
    whole_seconds = time.monotonic() - begin
    assert killed_at_random(music, tmp_path / "data", 50, longest_seconds=whole_seconds) >= 25
    assert prepare([music], tmp_path / "data").manifest == prepare([music], tmp_path / "whole").manifest


def test_what_a_killed_run_had_seen_is_not_looked_at_again(
    music: Path, run: Callable[..., Prepared], tmp_path: Path
) -> None:
    class EnoughError(Exception):
        pass

    def stop_after_five(done: int, total: int, path: str) -> None:
        if done == 5:
            raise EnoughError

    with pytest.raises(EnoughError):
        run(progress=stop_after_five, jobs=1)
    resumed = run()
    assert (resumed.num_looked_at, resumed.num_kept) == (3, 5)


def test_progress_counts_what_there_is_to_look_at(music: Path, run: Callable[..., Prepared]) -> None:
    seen: list[tuple[int, int]] = []
    run(jobs=1, progress=lambda done, total, path: seen.append((done, total)))
    assert seen == [(number, 8) for number in range(1, 9)]
    run(jobs=1, progress=lambda done, total, path: seen.append((done, total)))
    assert len(seen) == 8


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits the size of files as Linux does")
def test_a_full_disk_is_one_sentence_and_keeps_the_last_manifest(music: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    prepare([music], data)
    before = (data / "manifest.jsonl").read_bytes()
    put_tunes(music, 3, first=60)
    script = (
        "import resource, signal, sys; from hocket.cli import main\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({len(before)} + 100, {len(before)} + 100))\n"
        f"sys.exit(main(['prepare', {str(music)!r}, '-o', {str(data)!r}, '--jobs', '1']))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert "looks.jsonl cannot be written (File too large): choose" in done.stderr
    assert "Traceback" not in done.stderr
    assert (data / "manifest.jsonl").read_bytes() == before
    assert len(prepare([music], data).manifest.used()) == 11
