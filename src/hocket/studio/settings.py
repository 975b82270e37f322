"""Settings of the studio, and its limits."""

import ipaddress
import math
import os
import re
import stat
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit

from hocket.errors import CheckpointError, ConfigError
from hocket.files import open_regular
from hocket.runs import find_checkpoint

LEAST_TOKEN = 16
HEAD_BYTES = 9
TOKEN = re.compile(rf"[A-Za-z0-9._~-]{{{LEAST_TOKEN},200}}")
MAX_TOKEN_BYTES = 1024
PUBLIC_HOST = re.compile(r"[a-z0-9._-]+|[0-9a-f:.]+")
PUBLIC_PATH = re.compile(r"(/(?!\.{1,2}(/|$))[A-Za-z0-9._~-]+)*/?")
DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class PublicAddress:
    """An address under which a proxy serves the studio.

    `name` is the host's, `origin` is what browsers call the page's origin, `prefix` is the path without its last
    slash, empty where there is none.
    """

    name: str
    origin: str
    prefix: str

    @classmethod
    def of(cls, url: str) -> "PublicAddress":
        """Takes a URL apart.

        Raises:
            ConfigError: it is no http or https address, or has parts that a page's address does not have.
        """
        try:
            parts = urlsplit(url)
            name, port = (parts.hostname or "").lower(), parts.port
        except ValueError:  # a port or an IPv6 address that is none
            parts, name, port = urlsplit(""), "", None
        first = parts.path.split("/")[1:2]
        is_plain = not (parts.query or parts.fragment or parts.username or parts.password)
        # Paths of the studio's own could not be told from a prefix of the same name.
        is_good = (
            PUBLIC_HOST.fullmatch(name)
            and PUBLIC_PATH.fullmatch(parts.path)
            and first not in (["api"], ["static"])
        )
        if parts.scheme not in DEFAULT_PORTS or not is_plain or not is_good:
            raise ConfigError(f"public_url is {url}: give an address like https://studio.example.org/hocket/")
        host = f"[{name}]" if ":" in name else name
        port_words = "" if port in (None, DEFAULT_PORTS[parts.scheme]) else f":{port}"
        return cls(name, f"{parts.scheme}://{host}{port_words}", parts.path.rstrip("/"))

    @property
    def home(self) -> str:
        """The page's whole address."""
        return f"{self.origin}{self.prefix}/"

    @property
    def is_secure(self) -> bool:
        """True if visitors come by TLS."""
        return self.origin.startswith("https:")


@dataclass(frozen=True)
class Settings:
    """Settings of a studio's server.

    Args:
        runs: folder below which runs may be read; None: none may.
        checkpoint: weights to fuse with; None: those that come with the program.
        device: where to fuse, see `hocket.devices`.
        host: address to listen on; one beyond this machine needs `share`.
        port: 0 is any free one.
        share: whether other machines may come in, which needs a `token`.
        public_url: address under which a proxy serves the studio to others, which needs a `token` as well.
        token: at least 16 letters, digits, `-` or `_` that have to be known; None: nobody asks.
        max_upload_bytes: largest file that is taken.
        max_seconds: longest recording that is taken.
        num_threads: of the fusion; None is the library's choice.
        max_stored_bytes: of all recordings and results together.
        max_items: recordings and results that are kept at once.
        max_uploads: files that are taken in at once.
        max_waiting: jobs in the queue.
        expire_seconds: after which what nobody used is gone.
        idle_seconds: for which an upload may stand still.

    Raises:
        ConfigError: a value is out of its range, or the studio would stand open without a token.
        CheckpointError: there is no such checkpoint.
    """

    runs: Path | None = None
    checkpoint: Path | None = None
    device: str = "auto"
    host: str = "127.0.0.1"
    port: int = 7870
    share: bool = False
    public_url: str | None = None
    token: str | None = None
    max_upload_bytes: float = 200 * 2**20
    max_seconds: float = 600.0
    num_threads: int | None = None
    max_stored_bytes: int = 4 * 2**30
    max_items: int = 200
    max_uploads: int = 32
    max_waiting: int = 16
    expire_seconds: float = 2 * 3600.0
    idle_seconds: float = 30.0

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65_535:
            raise ConfigError(f"port is {self.port}: give 0 to 65535, where 0 is any free one")
        if not self.share and not is_loopback(self.host):
            raise ConfigError(
                f"host is {self.host}, which other machines can reach: give --share as well, or leave --host out."
            )
        if self.is_shared and self.token is None:
            raise ConfigError(
                "a studio that others can reach needs a token: give --token-file, or --token for a new one."
            )
        if self.token is not None:
            require_token(self.token, "token")
        for name in ("max_upload_bytes", "max_seconds", "max_stored_bytes", "expire_seconds"):
            if not 0 < getattr(self, name) < math.inf:
                raise ConfigError(f"{name} is {getattr(self, name)}: give more than 0")
        if self.num_threads is not None and not 1 <= self.num_threads <= 1024:
            raise ConfigError(f"num_threads is {self.num_threads}: give 1 to 1024")
        if self.runs is not None and not self.runs.is_dir():
            raise ConfigError(f"{self.runs} is not a folder: give the folder that contains your runs.")
        if self.checkpoint is not None:
            require_checkpoint(self.checkpoint)

    @cached_property
    def public(self) -> PublicAddress | None:
        """The public address in parts."""
        return None if self.public_url is None else PublicAddress.of(self.public_url)

    @property
    def is_shared(self) -> bool:
        """True if others than the users of this machine may come."""
        return self.public is not None or self.share

    @property
    def prefix(self) -> str:
        """The path below which visitors see the studio, empty where it is the root."""
        return "" if self.public is None else self.public.prefix


def require_token(token: str, name: str) -> str:
    """Gives a token that can be used; `name` is what the error calls it.

    Raises:
        ConfigError: it is too short or too long, or would have to be escaped in an address.
    """
    if not TOKEN.fullmatch(token):
        raise ConfigError(
            f"{name} is too short or has unsupported characters: give at least {LEAST_TOKEN} letters, digits, - or _"
        )
    return token


def read_token(path: Path) -> str:
    """The token in a file; blanks and line ends around it do not count.

    Raises:
        ConfigError: it cannot be read, other users can read it, or there is no token in it.
    """
    with open_regular(path, failure=ConfigError) as handle:
        if os.name == "posix" and os.fstat(handle.fileno()).st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise ConfigError(f"{path} can be read by other users: run chmod 600 {path}.")
        content = handle.read(MAX_TOKEN_BYTES)
    return require_token(content.decode("ascii", errors="replace").strip(), f"the token in {path}")


def is_loopback(host: str) -> bool:
    """True if only this machine can reach an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def require_checkpoint(path: Path) -> None:
    """Looks, without torch, for the file that will be loaded.

    Raises:
        CheckpointError: there is none, or it is of another kind.
    """
    found = find_checkpoint(path)
    try:
        with found.open("rb") as handle:
            head = handle.read(HEAD_BYTES)
    except OSError as error:
        raise CheckpointError(f"{found} cannot be read ({error.strerror}): give another one.") from error
    # Safetensors files begin with a length of 8 bytes and a JSON object.
    if head[8:] != b"{":
        raise CheckpointError(f"{found} is damaged or not a checkpoint: give another one.")
