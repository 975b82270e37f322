"""Names and kinds of files that are no recordings, or recordings of the strangest names."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

Place = Callable[[Path, bytes], Path]


def _named(name: str | bytes) -> Place:
    def make(folder: Path, sound: bytes) -> Path:
        path = Path(os.fsdecode(os.fsencode(folder) + b"/" + os.fsencode(name)))
        path.write_bytes(sound)
        return path

    return make


def _loop(folder: Path, sound: bytes) -> Path:
    (folder / "a.wav").symlink_to("b.wav")
    (folder / "b.wav").symlink_to("a.wav")
    return folder / "a.wav"


def _through_a_loop(folder: Path, sound: bytes) -> Path:
    (folder / "again").symlink_to(".")
    (folder / "a.wav").write_bytes(sound)
    return folder.joinpath(*["again"] * 60, "a.wav")


def _link_to(target: str) -> Place:
    def make(folder: Path, sound: bytes) -> Path:
        (folder / "a.wav").symlink_to(target)
        return folder / "a.wav"

    return make


def _linked(folder: Path, sound: bytes) -> Path:
    (folder / "true.wav").write_bytes(sound)
    (folder / "a.wav").symlink_to("true.wav")
    return folder / "a.wav"


def _folder(folder: Path, sound: bytes) -> Path:
    (folder / "a.wav").mkdir()
    return folder / "a.wav"


def _fifo(folder: Path, sound: bytes) -> Path:
    os.mkfifo(folder / "a.wav")
    return folder / "a.wav"


def _socket(folder: Path, sound: bytes) -> Path:
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(folder / "a.wav"))
    return folder / "a.wav"


def _locked(folder: Path, sound: bytes) -> Path:
    (folder / "a.wav").write_bytes(sound)
    (folder / "a.wav").chmod(0)
    return folder / "a.wav"


def _in_a_locked_folder(folder: Path, sound: bytes) -> Path:
    (folder / "closed").mkdir()
    (folder / "closed" / "a.wav").write_bytes(sound)
    (folder / "closed").chmod(0)
    return folder / "closed" / "a.wav"


def _sparse(folder: Path, sound: bytes) -> Path:
    with (folder / "a.wav").open("wb") as handle:
        handle.write(sound)
        handle.truncate(5 * 2**30)
    return folder / "a.wav"


def _at(path: str) -> Place:
    return lambda folder, sound: Path(path)


LOADED = {
    "a newline": _named("a\nb.wav"),
    "a tab and an escape": _named("a\t\x1b[31m.wav"),
    "quotes": _named('it\'s "odd" $HOME `x`; %s {0}.wav'),
    "not UTF-8": _named(b"\xff\xfe\x80.wav"),
    "another script": _named("音楽 🥁 موسيقى.wav"),
    "combining": _named("e\u0301\u202e\u200b.wav"),
    "255 bytes": _named("n" * 251 + ".wav"),
    "255 bytes of umlauts": _named("ü" * 125 + "x.wav"),
    "a hyphen": _named("-o.wav"),
    "spaces": _named("  .wav  "),
    "no ending": _named("recording"),
    "a wrong ending": _named("a.mp3"),
    "a link": _linked,
}
"""Places of a recording that must load whatever it is called."""

REFUSED = {
    "a loop of links": _loop,
    "sixty links": _through_a_loop,
    "a link to nothing": _link_to("nothing.wav"),
    "a link to a device": _link_to("/dev/zero"),
    "a link to a folder": _link_to("."),
    "a folder": _folder,
    "a pipe": _fifo,
    "a socket": _socket,
    "the null device": _at("/dev/null"),
    "the endless device": _at("/dev/zero"),
    "no name": _at(""),
    "a zero in its name": _at("a\0b.wav"),
    "256 bytes": _at("n" * 252 + ".wav"),
    "a path of 5,000 bytes": _at("folder/" * 714 + "a.wav"),
    "5 GB in a header of 4": _sparse,
    "a file of the system's": _at("/proc/self/mem"),
    "a file that says it is empty": _at("/proc/self/status"),
}
"""Places that must be refused; all of it exists, or cannot."""

LOCKED = {"unreadable": _locked, "in an unreadable folder": _in_a_locked_folder}
"""Places that only root could read: tried without root's rights."""
