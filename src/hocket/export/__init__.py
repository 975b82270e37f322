"""The model as a file for other engines: ONNX, checked against PyTorch before it is written."""

from hocket.export.writing import Exported, export_model, require_onnx, require_place

__all__ = ["Exported", "export_model", "require_onnx", "require_place"]
