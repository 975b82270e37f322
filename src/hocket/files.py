"""Files on disk: written whole or not at all, and read within bounds.

Every file that the program writes or reads for itself goes through here. Sound is decoded in `hocket.audio`, which
opens files through `open_regular` as well. What may be written at all is in `hocket.outputs`.
"""

import errno
import io
import json
import os
import secrets
import stat
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from hocket.errors import DataError, HocketError

WRITABLE = (".wav", ".flac", ".mp3", ".m4a")
"""The endings of the recordings that can be written."""

TEMPORARY_PREFIX = ".hocket-"
"""Unfinished files begin with this; what a kill left behind is found by it."""

MAX_SETTINGS_BYTES = 2**14
"""Of a file of settings; a run's, written in full, has about 3 kB. Names with many dots take quadratic time."""

Failure = Callable[[str], HocketError]
"""Makes the error to raise from its sentence: one of the classes of `hocket.errors`."""


class FileGroup:
    """Files that appear together or not at all; use it as a context manager.

    Each file is written under a random name in its own folder. When the block ends without an error, all of them are
    flushed to the disk and take their names, in the order in which they were opened. If anything fails before the
    last one has its name, the folders are left as they were: what was replaced comes back. A link is replaced, not
    followed.

    Raises:
        HocketError: a file cannot be written. The sentence names it and the cure; `failure` chooses the class.
    """

    def __init__(self, *, failure: Failure = DataError) -> None:
        self._failure = failure
        self._members: list[_Member] = []
        self._is_complete = False

    def open(self, path: str | Path) -> BinaryIO:
        """Returns an unbuffered binary file, open for reading and writing, that becomes `path`."""
        path = Path(path)
        member = _Member(path)
        # Known before it is there: an interruption between the two would leave it.
        self._members.append(member)
        try:
            return member.create()
        except (OSError, ValueError) as error:
            self._members.remove(member)
            raise self._failure(write_failure(path, error)) from error

    def __enter__(self) -> "FileGroup":
        _unfinished.add(self)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        current = self._members[-1].path if self._members else Path()
        try:
            if error is not None:
                if isinstance(error, OSError):
                    raise self._failure(write_failure(current, error)) from error
                return
            for member in self._members:
                current = member.path
                member.finish()
            for member in self._members:
                current = member.path
                member.publish()
            self._is_complete = True
        except BaseException as problem:
            self._withdraw()
            if isinstance(problem, OSError):
                raise self._failure(write_failure(current, problem)) from problem
            raise
        finally:
            self._discard()
            _unfinished.discard(self)
        for folder in {member.path.parent for member in self._members}:
            _sync_folder(folder)

    def abandon(self) -> None:
        """Leaves the folders as they were, unless all files have their names."""
        self._withdraw()
        self._discard()

    def _withdraw(self) -> None:
        if not self._is_complete:
            for member in reversed(self._members):
                member.withdraw()

    def _discard(self) -> None:
        for member in self._members:
            member.discard()


_unfinished: set[FileGroup] = set()


def discard_unfinished() -> None:
    """Removes what is half-written, in a process that ends without unwinding or was interrupted while it did."""
    for group in list(_unfinished):
        with suppress(OSError):
            group.abandon()


class _Member:
    """One file of a group: its name, its unfinished file, and what it replaced."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._temporary = _beside(path)
        self._replaced: Path | None = None
        self._handle: BinaryIO | None = None
        self._facts: tuple[int, int] | None = None

    def create(self) -> BinaryIO:
        flags = (
            os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
        )
        # 0o666 less the umask: an ordinary file, where mkstemp would make a private one.
        self._handle = os.fdopen(os.open(self._temporary, flags, 0o666), "r+b", buffering=0)
        self._facts = _facts(os.fstat(self._handle.fileno()))
        return self._handle

    def finish(self) -> None:
        assert self._handle is not None
        os.fsync(self._handle.fileno())
        self._handle.close()

    def publish(self) -> None:
        if self.path.is_dir() and not self.path.is_symlink():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(self.path))
        if os.path.lexists(self.path):
            self._replaced = _beside(self.path)
            try:
                os.link(self.path, self._replaced, follow_symlinks=False)
            except OSError:
                self._replaced = (
                    None  # A file system without hard links: an older file cannot be brought back.
                )
        os.replace(self._temporary, self.path)

    def withdraw(self) -> None:
        """Undoes `publish`, as far as that came; may be called twice."""
        # The disk knows, where an interruption may come between a rename and a note of it.
        if not os.path.lexists(self.path) or _facts(self.path.lstat()) != self._facts:
            return
        if self._replaced is not None and os.path.lexists(self._replaced):
            os.replace(self._replaced, self.path)
        else:
            self.path.unlink()

    def discard(self) -> None:
        if self._handle is not None:
            self._handle.close()
        for leftover in (self._temporary, self._replaced):
            if leftover is not None:
                leftover.unlink(missing_ok=True)


@contextmanager
def replacing(path: str | Path, *, failure: Failure = DataError) -> Iterator[BinaryIO]:
    """Yields a new unbuffered binary file that takes the place of `path` when the block ends without an error.

    Raises:
        HocketError: see `FileGroup`.
    """
    with FileGroup(failure=failure) as group:
        yield group.open(path)


def write_bytes(path: str | Path, content: bytes, *, failure: Failure = DataError) -> None:
    """Writes a file whole or not at all.

    Raises:
        HocketError: see `FileGroup`.
    """
    with replacing(path, failure=failure) as handle:
        write_all(handle, content)


def write_text(path: str | Path, text: str, *, failure: Failure = DataError) -> None:
    """Writes a UTF-8 text file whole or not at all; names that are not UTF-8 are escaped as JSON escapes them.

    Raises:
        HocketError: see `FileGroup`.
    """
    write_bytes(path, text.encode("utf-8", errors="backslashreplace"), failure=failure)


def write_all(handle: BinaryIO, content: bytes) -> None:
    """Writes all of `content` to an unbuffered file, which may take it in several parts."""
    view = memoryview(content)
    while view:
        view = view[handle.write(view) :]


def write_failure(path: Path, error: Exception) -> str:
    """Returns a sentence that says why `path` cannot be written, with the advice that fits the cause."""
    code = getattr(error, "errno", None)
    if code in (errno.ENOENT, errno.ENOTDIR):
        return f"{path} cannot be written, because {path.parent} is not a folder: create it first."
    if code == errno.EISDIR:
        return f"{path} is a folder: give the name of a file."
    reason = getattr(error, "strerror", None) or str(error)
    advice = {
        errno.ENOSPC: "free some space, or choose another folder.",
        errno.EDQUOT: "free some space, or choose another folder.",
        errno.EFBIG: "choose a file system that allows larger files.",
        errno.ENAMETOOLONG: "choose a shorter name.",
        errno.EACCES: "choose a folder that you may write to.",
        errno.EPERM: "choose a folder that you may write to.",
        errno.EROFS: "choose a folder that you may write to.",
        errno.EMFILE: "raise the limit on open files (ulimit -n).",
        errno.ENFILE: "close other programs, because the system has too many open files.",
    }.get(code or 0, "choose another name or folder.")
    return f"{path} cannot be written ({reason}): {advice}"


@contextmanager
def open_regular(path: str | Path, *, failure: Failure = DataError) -> Iterator[BinaryIO]:
    """Opens a regular file for reading, unbuffered; pipes, devices and folders are refused without waiting for them.

    Raises:
        HocketError: the file is missing, may not be read, or is not a regular file.
    """
    path = Path(path)
    try:
        # Without O_NONBLOCK, opening a pipe that nobody writes to would wait forever.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise failure(f"{path} does not exist: check the name.") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise failure(f"{path} cannot be opened ({reason}): check its name and permissions.") from error
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        kind = "folder" if stat.S_ISDIR(mode) else "pipe or a device"
        raise failure(f"{path} is a {kind}: give a file.")
    with os.fdopen(descriptor, "rb", buffering=0) as handle:
        yield handle


def read_bytes(path: str | Path, *, max_bytes: int, failure: Failure = DataError) -> bytes:
    """Reads a regular file of at most `max_bytes`.

    Raises:
        HocketError: see `open_regular`; or the file is larger than that, or reading fails.
    """
    path = Path(path)
    with open_regular(path, failure=failure) as handle:
        size = os.fstat(handle.fileno()).st_size
        try:
            # One byte more than allowed: files below /proc state no size, others may grow.
            parts, left = [], max_bytes + 1
            while size <= max_bytes and left and (part := handle.read(min(left, 2**24))):
                parts.append(part)
                left -= len(part)
        except OSError as error:
            raise failure(f"{path} cannot be read ({error.strerror}): check the disk.") from error
    if size > max_bytes or not left:
        raise failure(f"{path} is larger than {max_bytes / 2**20:.3g} MiB: check that it is the right file.")
    return b"".join(parts)


def read_text(path: str | Path, *, max_bytes: int, failure: Failure = DataError) -> str:
    """Reads a UTF-8 text file of at most `max_bytes`; a byte order mark is dropped, line ends stay as they are.

    Raises:
        HocketError: see `read_bytes`; or the file is not UTF-8.
    """
    content = read_bytes(path, max_bytes=max_bytes, failure=failure)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise failure(f"{path} is not UTF-8 text (byte {error.start}): save it as UTF-8.") from error


def parse_json(content: str | bytes, source: str | Path, *, failure: Failure = DataError) -> Any:
    """Parses JSON from outside; `source` is what the error calls it.

    Raises:
        HocketError: it is not JSON, is nested too deeply, or holds a number of too many digits.
    """
    try:
        return json.loads(content)
    # RecursionError: nesting; ValueError: syntax, encoding, and integers of more than 4,300 digits.
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise failure(f"{source} is not valid JSON ({reason}): check that it is the right file.") from error


def read_settings(path: str | Path, *, failure: Failure = DataError) -> dict[str, Any]:
    """Reads flat values of a TOML file; tables only group, so a value may stand in any or none.

    Raises:
        HocketError: see `read_text`; or it is not TOML, or is nested too deeply.
    """
    values: dict[str, Any] = {}
    try:
        content = tomllib.loads(read_text(path, max_bytes=MAX_SETTINGS_BYTES, failure=failure))
        for name, value in content.items():
            values.update(value if isinstance(value, dict) else {name: value})
        return values
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise failure(f"{path} is not valid TOML ({reason}): correct it.") from error


def read_lines(handle: BinaryIO, *, max_bytes: int, max_line_bytes: int) -> Iterator[bytes]:
    """The lines of an open file, up to `max_bytes`; of a longer line only the first `max_line_bytes` are given."""
    reader = io.BufferedReader(handle, 2**20)  # type: ignore[type-var]
    try:
        left = max_bytes
        while left > 0 and (line := reader.readline(min(left, max_line_bytes))):
            left -= len(line)
            rest = line
            while len(rest) == max_line_bytes and not rest.endswith(b"\n") and left > 0:
                rest = reader.readline(min(left, max_line_bytes))
                left -= len(rest)
            yield line
    finally:
        # Or the file would be closed with the reader.
        if not handle.closed:
            reader.detach()


def _facts(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino


def _beside(path: Path) -> Path:
    return path.with_name(f"{TEMPORARY_PREFIX}{secrets.token_hex(8)}.tmp")


def _sync_folder(folder: Path) -> None:
    """Makes new names last through a power cut, where the system can."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
    except OSError:
        return
    try:
        os.fsync(descriptor)
    except OSError:
        pass
    finally:
        os.close(descriptor)
