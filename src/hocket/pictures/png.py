"""Arrays of colours as PNG files in memory, for pages that draw their own axes."""

import io

import numpy as np
from PIL import Image


def png(colours: np.ndarray) -> bytes:
    """A PNG of colours `[rows, columns, 3]` in [0, 1], the first row at the bottom as spectra have it."""
    pixels = (255 * np.clip(colours[::-1], 0.0, 1.0)).round().astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, format="PNG", compress_level=6)
    return buffer.getvalue()
