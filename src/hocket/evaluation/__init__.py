"""Scores for anybody's outputs, by estimators that share no code with the training losses.

Works on waveforms only: nothing here is imported from `signal`, `objective`, `diagnostics` or `training`, so
that a loss that is gamed shows. The estimators are librosa's and mir_eval's, which are an optional extra.
"""

from importlib.util import find_spec

from hocket.errors import HocketError

_MISSING = [name for name in ("librosa", "mir_eval") if find_spec(name) is None]
if _MISSING:
    raise HocketError(
        f"evaluation needs {' and '.join(_MISSING)} (not installed): run pip install 'hocket[eval]'"
    )
