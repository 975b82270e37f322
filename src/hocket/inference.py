"""The name under which scripts know the fuser: `hocket.inference.Fuser` is `hocket.fusing.Fuser`."""

from hocket.fusing import FuseOptions, Fuser

__all__ = ["FuseOptions", "Fuser"]
