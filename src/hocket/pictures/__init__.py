"""Pictures of fusions: an output next to its sources, and which source each part of it came from.

matplotlib is an optional extra, loaded when the first picture is drawn; everything is drawn without a display.
"""

from hocket.pictures.canvas import require_matplotlib, require_place
from hocket.pictures.check import draw_check
from hocket.pictures.masks import draw_masks

__all__ = ["draw_check", "draw_masks", "require_matplotlib", "require_place"]
