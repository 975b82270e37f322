"""SLURM's words for a length of time."""

import re

from hocket.errors import ConfigError

# sbatch(1), --time: minutes, minutes:seconds, hours:minutes:seconds, days-hours, days-hours:minutes, and all four.
_WITHOUT_DAYS = re.compile(
    r"(?:(?:(?P<hours>\d+):)?(?P<minutes>\d+):(?P<seconds>\d+)|(?P<only>\d+))", re.ASCII
)
_WITH_DAYS = re.compile(r"(?P<days>\d+)-(?P<hours>\d+)(?::(?P<minutes>\d+)(?::(?P<seconds>\d+))?)?", re.ASCII)
_LONGEST_SECONDS = 366 * 24 * 3600


def parse_time(text: str) -> int:
    """The seconds that SLURM reads in a `--time`; note that `12:00` is twelve minutes.

    Raises:
        ConfigError: it is not one of SLURM's forms, is nothing, or is more than a year.
    """
    match = _WITH_DAYS.fullmatch(text) or _WITHOUT_DAYS.fullmatch(text)
    if match is None:
        raise ConfigError(f"--time {text} is no time that SLURM knows: give HH:MM:SS or D-HH:MM:SS.")
    parts = {name: int(value) for name, value in match.groupdict().items() if value}
    minutes = parts.get("only", 0) + parts.get("minutes", 0)
    hours = 24 * parts.get("days", 0) + parts.get("hours", 0)
    seconds = 3600 * hours + 60 * minutes + parts.get("seconds", 0)
    if not 60 <= seconds <= _LONGEST_SECONDS:
        raise ConfigError(f"--time {text} is {seconds} s: give between a minute and a year.")
    return seconds


def format_time(seconds: int) -> str:
    """`[D-]HH:MM:SS`, the one form that cannot be misread; SLURM counts in whole minutes, so it is rounded up."""
    minutes = -(-seconds // 60)
    days, minutes = divmod(minutes, 24 * 60)
    clock = f"{minutes // 60:02d}:{minutes % 60:02d}:00"
    return f"{days}-{clock}" if days else clock
