"""Origin of a figure: the machine, the versions, the day."""

import datetime
import importlib.metadata
import os
import platform
from pathlib import Path

import torch

from hocket import __version__

PACKAGES = ("torch", "numpy", "scipy", "soxr", "librosa", "onnxruntime")


def machine_facts() -> dict[str, str]:
    """Processor, cores, memory, system, versions, date, and how busy it was at the start."""
    cores = num_cores()
    return {
        "processor": f"{_processor()}, {cores} core{'s' * (cores != 1)}",
        "GPU": torch.cuda.get_device_name() if torch.cuda.is_available() else "none",
        "memory": _memory(),
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "versions": ", ".join([f"hocket {__version__}", *filter(None, map(_version, PACKAGES))]),
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d"),
        "load at the start": _load(),
    }


def num_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _memory() -> str:
    pages = os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 0
    return f"{pages * os.sysconf('SC_PAGE_SIZE') / 2**30:.0f} GiB" if pages > 0 else "not known"


def _version(name: str) -> str | None:
    try:
        return f"{name} {importlib.metadata.version(name)}"
    except importlib.metadata.PackageNotFoundError:
        return None


def _load() -> str:
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "not known"
