"""What the studio may do and how much of it."""

import ipaddress
import math
import re
from dataclasses import dataclass
from pathlib import Path

from hocket.errors import CheckpointError, ConfigError

LEAST_TOKEN = 16
HEAD_BYTES = 9
TOKEN = re.compile(rf"[A-Za-z0-9._~-]{{{LEAST_TOKEN},200}}")


@dataclass(frozen=True)
class Settings:
    """How the studio is served.

    Args:
        runs: folder below which runs may be read; None: none may.
        checkpoint: weights to fuse with; None: those that come with the program.
        host: address to listen on; one beyond this machine needs `share`.
        port: 0 is any free one.
        share: whether other machines may come in, which needs a `token`.
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
    host: str = "127.0.0.1"
    port: int = 7870
    share: bool = False
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
                f"host is {self.host}, where other machines come in: give --share as well, or leave --host out."
            )
        if self.share and self.token is None:
            raise ConfigError("a shared studio needs a token: give --token, or let one be made.")
        if self.token is not None and not TOKEN.fullmatch(self.token):
            raise ConfigError(
                f"token is too short or has odd characters: give at least {LEAST_TOKEN} letters, digits, - or _"
            )
        for name in ("max_upload_bytes", "max_seconds", "max_stored_bytes", "expire_seconds"):
            if not 0 < getattr(self, name) < math.inf:
                raise ConfigError(f"{name} is {getattr(self, name)}: give more than 0")
        if self.num_threads is not None and not 1 <= self.num_threads <= 1024:
            raise ConfigError(f"num_threads is {self.num_threads}: give 1 to 1024")
        if self.runs is not None and not self.runs.is_dir():
            raise ConfigError(f"{self.runs} is not a folder: give the folder that holds your runs.")
        if self.checkpoint is not None:
            require_checkpoint(self.checkpoint)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def require_checkpoint(path: Path) -> None:
    """Looks, without torch, for the file that `hocket.model.weights.find_checkpoint` will find.

    A test holds the two together.

    Raises:
        CheckpointError: there is none, or it is of another kind.
    """
    candidates = [path, path / "best.safetensors"]
    if path.name:
        candidates.append(path.with_name(f"{path.name}.safetensors"))
    if path.suffix == ".pt":
        candidates.append(path.with_name(path.stem.removesuffix("_model") + ".safetensors"))
    if path.name == "latest":
        candidates += sorted((path.parent / "checkpoints").glob("step-*.safetensors"), reverse=True)
    found = next((candidate for candidate in candidates if candidate.is_file()), None)
    if found is None:
        raise CheckpointError(
            f"{path} does not exist or is no checkpoint: give RUN/best, RUN/latest or the run folder."
        )
    try:
        with found.open("rb") as handle:
            head = handle.read(HEAD_BYTES)
    except OSError as error:
        raise CheckpointError(f"{found} cannot be read ({error.strerror}): give another one.") from error
    # Safetensors files begin with a length of 8 bytes and a JSON object.
    if head[8:] != b"{":
        raise CheckpointError(f"{found} is damaged or no checkpoint: give another one.")
