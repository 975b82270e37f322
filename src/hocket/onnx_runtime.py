"""Imports onnxruntime with its telemetry switched off; no other module imports it."""

import os

# Since 1.29 its import writes an identity below ~/.cache and it looks for its maker's host seconds later. Only this
# variable, read at the import, prevents both; the call below is for the systems where telemetry does not heed it.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime

onnxruntime.disable_telemetry_events()

__all__ = ["onnxruntime"]
