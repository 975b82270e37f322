"""Run folders from strangers: the report shows what can be read, and says in a sentence what cannot."""

import json
import os
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import run_folders as folders

from hocket import audio
from hocket.errors import DataError
from hocket.pictures import kept
from hocket.pictures.kept import read_masks
from hocket.report import curves, summarise
from hocket.report import log as reading
from hocket.report.examples import MOST_SECONDS, pairs_of, sound_of
from hocket.report.page import render
from hocket.report.run import read_run
from hocket.studio.answers import JSONResponse

MEMORY = 2**30
"""Of addresses beyond those that a report of an ordinary run needs."""

CHILD = """
import resource, sys
from hocket.cli import main
import hocket.report.page, hocket.settings
if main(["report", sys.argv[1], "-o", sys.argv[3]]) != 0:
    raise SystemExit("the ordinary run has no report")
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + int(sys.argv[4]),) * 2)
raise SystemExit(main(["report", sys.argv[2], "-o", sys.argv[3]]))
"""


def ordinary(path: Path) -> Path:
    """A run with figures and two examples."""
    lines = [*(folders.train(step) for step in range(1, 6)), folders.validation(1)]
    folders.write(path, folders.start(), *lines)
    for number in (1, 2):
        folders.add_pair(path, number, steps=(5,))
    return path


def report_in_little_memory(tmp_path: Path, run: Path) -> str:
    """The page that `hocket report` writes in a child with a limit; the limit is set after an ordinary report."""
    page = tmp_path / "page.html"
    usual = ordinary(tmp_path / "usual")
    done = subprocess.run(
        [sys.executable, "-c", CHILD, usual, run, page, str(MEMORY)],
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
    return page.read_text()


def zeros(path: Path, num_bytes: int) -> None:
    """Makes a file of zeros that takes no room on the disk."""
    with path.open("wb") as handle:
        handle.truncate(num_bytes)


def npy(shape: str, kind: str = "<f2", *, content: bytes = b"") -> bytes:
    """An array's file with any header."""
    header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + content


def archive(path: Path, method: int = zipfile.ZIP_DEFLATED, **members: bytes) -> Path:
    """An npz of these members; those that it lacks are as they should be."""
    usual = {
        "input_mask": npy("(4, 5)", content=bytes(40)),
        "target_mask": npy("(4, 5)", content=bytes(40)),
        "frame_rate": npy("()", "<f4", content=struct.pack("<f", 90.0)),
    }
    with zipfile.ZipFile(path, "w", method) as file:
        for name, content in (usual | members).items():
            if content:
                file.writestr(f"{name}.npy", content)
    return path


def inflating(path: Path, num_bytes: int = 3 * 2**29) -> Path:
    """A few megabytes that unpack to more than the memory that there is."""
    side = round((num_bytes / 2) ** 0.5)
    archive(path, input_mask=b"")
    with (
        zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED, compresslevel=1) as file,
        file.open("input_mask.npy", "w", force_zip64=True) as member,
    ):
        member.write(npy(f"({side}, {side})"))
        for _ in range(num_bytes // 2**24):
            member.write(bytes(2**24))
    return path


def test_masks_are_read_as_they_were_kept(tmp_path: Path) -> None:
    mask = np.linspace(0, 1, 65 * 50).reshape(65, 50).astype(np.float16)
    hz = np.linspace(0, 12_000, 65).astype(np.float32)
    for save in (np.savez, np.savez_compressed):
        save(
            tmp_path / "a.npz",
            input_mask=mask,
            target_mask=mask.T.copy().T,
            bin_hz=hz,
            frame_rate=np.float32(94),
        )
        found = read_masks(tmp_path / "a.npz")
        assert np.array_equal(found.input, mask) and np.array_equal(found.target, mask)
        assert found.input.dtype == np.float32 and found.frame_rate == 94 and np.array_equal(found.bin_hz, hz)
    assert read_masks(archive(tmp_path / "b.npz")).bin_hz is None


@pytest.mark.parametrize(
    "members",
    [
        {"input_mask": npy("(1000000, 1000000000)")},
        {"input_mask": npy("(4, 5)", content=bytes(10))},
        {"input_mask": npy("(-4, -5)", content=bytes(40))},
        {"input_mask": npy("(20,)", content=bytes(40))},
        {"input_mask": npy("(5, 4)", content=bytes(40))},
        {"input_mask": npy("(0, 1000000000000000)"), "target_mask": npy("(0, 1000000000000000)")},
        {"input_mask": npy("(4, 5)", "|O", content=b"cos\nsystem\n(S'true'\ntR.")},
        {"input_mask": npy("(4, 5)", "<i8", content=bytes(160))},
        {"input_mask": npy("(4, 5)", "<c16", content=bytes(320))},
        {"input_mask": npy("(4, 5)", "<f99", content=bytes(40))},
        {"input_mask": npy("(4, 5)", "<f2", content=b"\x00\x7e" * 20)},
        {"input_mask": npy("(4, 5)", "<f2", content=b"\x00\xbc" * 20)},
        {"input_mask": npy("(" * 200 + "4" + ")" * 200)},
        {"input_mask": npy("(4, __import__('os').getpid())")},
        {"input_mask": b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**32 - 1) + b" " * 100},
        {"input_mask": b"\x93NUMPY\x03\x00" + bytes(100)},
        {"input_mask": b"no array"},
        {"input_mask": b""},
        {"frame_rate": npy("()", "<f4", content=struct.pack("<f", float("nan")))},
        {"frame_rate": npy("()", "<f4", content=struct.pack("<f", -1.0))},
        {"frame_rate": npy("(1,)", "<f4", content=struct.pack("<f", 90.0))},
    ],
)
def test_arrays_that_are_no_masks_are_refused_by_their_headers(
    tmp_path: Path, members: dict[str, bytes]
) -> None:
    with pytest.raises(DataError, match=r"^\S+a\.npz [^\n]*\.$"):
        read_masks(archive(tmp_path / "a.npz", **members))


def test_archives_that_are_none_or_too_large_are_refused(tmp_path: Path) -> None:
    for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        with pytest.raises(DataError, match="unusual way"):
            read_masks(archive(tmp_path / "a.npz", method))
    many = archive(tmp_path / "many.npz", **{f"x{number}": b"x" for number in range(100)})
    whole = archive(tmp_path / "whole.npz").read_bytes()
    for name, content in (
        ("empty", b""),
        ("text", b"no archive"),
        ("cut", whole[:-9]),
        ("half", whole[:200]),
    ):
        (tmp_path / f"{name}.npz").write_bytes(content)
    wide = bytearray(whole[:-22] + b"PK\6\7" + bytes(16) + whole[-22:])
    (tmp_path / "wide.npz").write_bytes(wide)
    zeros(tmp_path / "large.npz", 2**40)
    os.mkfifo(tmp_path / "pipe.npz")
    (tmp_path / "device.npz").symlink_to("/dev/zero")
    (tmp_path / "folder.npz").mkdir()
    others = ("empty", "text", "cut", "half", "wide", "large", "pipe", "device", "folder")
    paths = [many, *(tmp_path / f"{name}.npz" for name in others)]
    for path in paths:
        with pytest.raises(DataError, match=rf"{path.name} [^\n]*\.$"):
            read_masks(path)


def test_a_flipped_bit_gives_masks_or_a_sentence(tmp_path: Path) -> None:
    whole = archive(tmp_path / "a.npz").read_bytes()
    for place in range(0, len(whole), 3):
        (tmp_path / "b.npz").write_bytes(whole[:place] + bytes([whole[place] ^ 16]) + whole[place + 1 :])
        try:
            assert read_masks(tmp_path / "b.npz").input.size <= kept.MAX_CELLS
        except DataError:
            continue


def test_pipes_devices_and_gigabytes_cost_a_sentence_each(tmp_path: Path) -> None:
    run = ordinary(tmp_path / "run")
    start = folders.start()
    del start["config"]
    folders.write(run, start, folders.validation(1))
    (run / "config.toml").symlink_to("/dev/zero")
    examples = run / "examples"
    (examples / "pair-1" / "step-00000005.npz").unlink()
    inflating(examples / "pair-1" / "step-00000005.npz")
    for number in (3, 4, 5):
        folders.add_pair(run, number, steps=(5,))
    (examples / "pair-3" / "pair.json").unlink()
    os.mkfifo(examples / "pair-3" / "pair.json")
    (examples / "pair-4" / "step-00000005.json").write_text("[" * 60_000)
    (examples / "pair-5" / "pair.json").unlink()
    zeros(examples / "pair-5" / "pair.json", 2**34)
    page = report_in_little_memory(tmp_path, run)
    assert "Example 2" in page and "Which source each part of the output came from" in page
    for name in (
        "config.toml is a pipe or a device",
        "pair-1/step-00000005.npz contains no readable masks",
        "pair-3/pair.json is a pipe or a device",
        "pair-4/step-00000005.json is not valid JSON",
        "pair-5/pair.json is larger than",
    ):
        assert name in page, name


@pytest.mark.slow
def test_a_log_of_gigabytes_and_of_one_line_is_read_in_part(tmp_path: Path) -> None:
    run = ordinary(tmp_path / "run")
    with (run / "log.jsonl").open("ab") as log:
        log.truncate(2**36)
        log.seek(2**36)
        log.write(b"\n" + json.dumps(folders.validation(3, folders.FUSED)).encode() + b"\n")
    page = report_in_little_memory(tmp_path, run)
    assert "log.jsonl is larger than" in page and "Fusion" in page


def test_strange_lines_are_left_out_and_counted(tmp_path: Path) -> None:
    run = ordinary(tmp_path / "run")
    strange = [
        b"[" * 100_000,
        b'{"kind": "validation", "step": 5, "a": ' + b'{"a":' * 900 + b"1" + b"}" * 901,
        b'{"kind": "train", "step": ' + b"9" * 5_000 + b"}",
        b'{"kind": "train", "step": 1e400}',
        b'{"kind": ["train"], "step": 3}',
        b'{"kind": "train", "step": true}',
        b'{"kind": "validation", "step": 6, "x": "' + b"y" * 2**23 + b'"}',
        b'{"kind": "start", "step": 6, "x": [' + b"[]," * 2**20 + b"[]]}",
        b"\xff\xfe\x00",
        b"null",
    ]
    with (run / "log.jsonl").open("ab") as log:
        log.writelines(part + b"\n" for part in [*strange, json.dumps(folders.validation(2)).encode()])
    found = read_run(run)
    assert found.step == 10 and len(strange) - 1 <= found.num_unread <= len(strange)
    assert any("of log.jsonl could not be read" in sentence for sentence in summarise(run)["sentences"])
    assert curves(run)["groups"]


def test_many_lines_of_every_kind_take_little_and_the_newest_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MOST_EVENTS", 50)
    monkeypatch.setattr("hocket.report.run.MOST_TRAIN_LINES", 80)
    kinds = ("start", "resume", "remedy", "fault", "rollback", "validation", "timing", "epoch", "made up")
    lines = [{"kind": kind, "step": step} for step in range(1, 501) for kind in kinds]
    spikes = [folders.train(step, spiked=1.0) for step in range(501, 1001)]
    run = read_run(folders.write(tmp_path / "a", *lines, *spikes))
    assert len(run.lines) < 5 * 50 + 3 * 80 + 50 and run.step == 1000
    assert run.of("remedy")[-1]["step"] == 500 and not run.of("made up")


def test_texts_and_settings_of_a_log_are_shown_in_part(tmp_path: Path) -> None:
    config = {f"setting {number}": [[number]] * 3 for number in range(5_000)} | folders.CONFIG
    lines = [
        {"kind": "start", "step": 0, "config": config, "command": "x" * 10**6},
        folders.validation(1),
        {"kind": "remedy", "step": 5, "field": "y" * 10**6, "value": ["z" * 10**6], "reason": {"a": "b"}},
    ]
    page = render([folders.write(tmp_path / "a", *lines)])
    assert len(page) < 10**6 and "x" * 1_000 in page


def test_of_a_long_recording_an_examples_length_is_read(tmp_path: Path) -> None:
    hiss = 1e-3 * np.random.default_rng(1).standard_normal((1, 1200 * 8_000)).astype(np.float32)
    audio.save(tmp_path / "long.flac", audio.Audio(hiss, 8_000), encoding="pcm16")
    sound = sound_of(tmp_path / "long.flac")
    assert sound is not None and sound.duration_seconds == MOST_SECONDS


def test_only_so_many_examples_are_read(tmp_path: Path) -> None:
    run = folders.write(tmp_path / "a", folders.start(), folders.validation(1))
    folders.add_pair(run, 1, steps=(5,))
    first = run / "examples" / "pair-1"
    for number in range(2, 150):
        folder = run / "examples" / f"pair-{number}"
        folder.mkdir()
        (folder / "pair.json").write_text("{}")
    for step in range(6, 300):
        (first / f"step-{step:08d}.json").write_bytes((first / "step-00000005.json").read_bytes())
    pairs = pairs_of(run)
    assert [pair.name for pair in pairs] == [f"pair-{number}" for number in range(1, 101)]
    assert [step.step for step in pairs[0].steps] == list(range(100, 300))


NOT_UTF8 = "caf\udce9 \ud800.flac"


def test_names_that_are_not_utf8_come_through_everywhere(tmp_path: Path) -> None:
    start = folders.start(music=f"/music/{NOT_UTF8}") | {
        "validation_songs": [f"/music/{NOT_UTF8}"],
        "command": f"hocket train {NOT_UTF8}",
        "versions": {NOT_UTF8: NOT_UTF8},
    }
    fault = {"kind": "fault", "step": 3, "terms": [NOT_UTF8], "files": [NOT_UTF8]}
    run = folders.write(tmp_path / "run", start, fault, folders.validation(1))
    folders.add_pair(run, 1, steps=(5,), name=NOT_UTF8)
    told = json.loads(JSONResponse(summarise(run)).body)
    assert told["examples"][0]["input_name"] == NOT_UTF8
    assert any(NOT_UTF8 in value for _, value in told["facts"])
    assert rb"\ud800.flac" in bytes(JSONResponse(curves(run)).body)
    page = render([run]).encode("utf-8", errors="backslashreplace").decode()
    assert r"caf\udce9 \ud800.flac" in page


STRANGE: list[object] = [
    *(None, True, -1, 10**18, 1e308, -1e308, float("nan"), float("inf"), "", "nan", "x" * 5_000, NOT_UTF8),
    *([], {}, [None], {"a": {"b": [1]}}, [[[["a"]]]]),
]


@pytest.mark.parametrize("make", [folders.start, folders.validation, folders.train, folders.end])
def test_every_field_may_hold_anything(tmp_path: Path, make: Callable[..., dict[str, object]]) -> None:
    usual = make(1) if make in (folders.validation, folders.train) else make()
    for value in STRANGE:
        lines = [{**usual, name: value} for name in usual if name not in ("kind", "step")]
        lines.append({"kind": usual["kind"], "step": 1, **dict.fromkeys([*usual][2:], value)})
        if make is folders.start:
            lines += [{**usual, "config": dict.fromkeys(folders.CONFIG, value)}]
        run = folders.write(tmp_path / "a", folders.start(), folders.validation(1), *lines)
        JSONResponse(summarise(run))
        JSONResponse(curves(run))
    render([run])
