"""The canvas of all pictures: colours, positions in pixels, and saving to a file."""

import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hocket import files, outputs
from hocket.diagnostics.wording import Tone
from hocket.errors import HocketError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.figure import Figure

DPI = 100
EXIF_SOFTWARE = 0x0131
SUFFIXES = (".png", ".pdf", ".svg", ".jpg", ".jpeg", ".webp")

# Blue, orange and bluish green that colour-blind people can tell apart (Okabe and Ito 2008).
COLOURS = {"input": "#0072B2", "target": "#D55E00", "output": "#009E73"}
INK, QUIET, RULE = "#1b1f24", "#68707a", "#d9dde2"
TONES = {Tone.GOOD: "#00664b", Tone.DOUBTFUL: "#8a5a00", Tone.ALARM: "#b3261e"}

STYLE: Any = {
    # The one font that comes with matplotlib and has ✓, ⚠ and →.
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "text.color": INK,
    # File names may hold dollar signs.
    "text.parse_math": False,
    "axes.edgecolor": RULE,
    "axes.labelcolor": QUIET,
    "axes.linewidth": 0.8,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "svg.hashsalt": "hocket",
}


def require_matplotlib() -> None:
    """Raises HocketError, with the command that installs it, where matplotlib is missing."""
    try:
        found = find_spec("matplotlib") is not None
    except ValueError:  # what find_spec says of a module that was set to None
        found = False
    if not found:
        raise HocketError("pictures need matplotlib (not installed): run pip install 'hocket[pictures]'")


def require_place(path: str | Path) -> None:
    """Raises HocketError, one sentence, where a picture of this name could not be written; leaves nothing behind."""
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise HocketError(
            f"{path} does not end in {', '.join(SUFFIXES)}: choose one of these endings, preferably .png."
        )
    outputs.require_place(path, failure=HocketError)


@contextmanager
def sheet(path: str | Path, *, width: int, height: int) -> "Iterator[Figure]":
    """An empty white figure of `width` x `height` pixels, which becomes the file when the block ends without error.

    The file appears whole or not at all. Needs no display and leaves matplotlib's settings as they were.

    Raises:
        HocketError: matplotlib is missing, or the file cannot be written.
    """
    require_matplotlib()
    path = Path(path)
    require_place(path)
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE), warnings.catch_warnings():
        # A title in a script that the font lacks is drawn as boxes; the picture is still worth having.
        warnings.filterwarnings("ignore", message="Glyph .* missing", category=UserWarning)
        figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI, facecolor="white")
        FigureCanvasAgg(figure)
        yield figure
        _save(figure, path)


def place(
    figure: "Figure", *, left: float, top: float, width: float, height: float, **settings: Any
) -> "Axes":
    """Axes at a place given in pixels from the upper left corner."""
    whole_width, whole_height = size(figure)
    bottom = whole_height - top - height
    box = (left / whole_width, bottom / whole_height, width / whole_width, height / whole_height)
    axes = figure.add_axes(box, **settings)
    axes.tick_params(length=3, labelsize=9)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return axes


def write(
    figure: "Figure", text: str, *, left: float, top: float, points: float, limit: int = 100, **settings: Any
) -> None:
    """At most `limit` letters whose upper left corner (or what `ha` and `va` say) is at a place given in pixels."""
    width, height = size(figure)
    settings = {"ha": "left", "va": "top"} | settings
    figure.text(left / width, 1 - top / height, printable(text, limit), fontsize=points, **settings)


def label(figure: "Figure", role: str, *, top: float, left: float = 24) -> None:
    """The name of a source or the output in its colour, in the margin."""
    write(figure, role, left=left, top=top, points=11, color=COLOURS[role], weight="bold", va="center")


def heading(figure: "Figure", text: str, *, top: float, left: float, right: float, detail: str = "") -> None:
    """The heading of a group of panels between `left` and `right`, and in small print how to read it."""
    write(figure, text, left=left, top=top, points=11, weight="bold", va="baseline")
    write(figure, detail, left=right, top=top, points=9, color=QUIET, va="baseline", ha="right")


def size(figure: "Figure") -> tuple[float, float]:
    """Width and height in pixels."""
    width, height = figure.get_size_inches()
    return float(width) * DPI, float(height) * DPI


def printable(text: str, limit: int = 100) -> str:
    """The text on one line of at most `limit` characters, the middle left out, without what no font can draw."""
    text = "".join(c if c.isprintable() else "�" for c in text)
    half = (limit - 1) // 2
    return text if len(text) <= limit else f"{text[:half]}…{text[-half:]}"


def shades(colour: str) -> "LinearSegmentedColormap":
    """A colour map from white to the colour and on to a darker one."""
    from matplotlib.colors import LinearSegmentedColormap, to_rgb

    red, green, blue = to_rgb(colour)
    stops: Any = [(0.0, "#ffffff"), (0.65, colour), (1.0, (0.5 * red, 0.5 * green, 0.5 * blue))]
    return LinearSegmentedColormap.from_list(colour, stops)


def clock(axes: "Axes", seconds: float, *, labelled: bool) -> None:
    """A time axis from 0 to `seconds`, in minutes where it is long; only the lowest of a stack is labelled."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axes.set_xlim(0.0, seconds)
    axes.xaxis.set_major_locator(MaxNLocator(12, steps=[1, 2, 3, 5, 6, 10]))
    axes.grid(axis="x", color=RULE, linewidth=0.6)
    axes.set_axisbelow(True)
    if not labelled:
        axes.tick_params(axis="x", length=0, labelbottom=False)
        return
    in_minutes = seconds > 120
    if in_minutes:
        axes.xaxis.set_major_formatter(FuncFormatter(lambda s, _: f"{int(s) // 60}:{int(s) % 60:02d}"))
    axes.set_xlabel("time in minutes" if in_minutes else "time in seconds", fontsize=10)


def frequency_axis(axes: "Axes", ticks: Sequence[tuple[str, float]], num_rows: int) -> None:
    """Labels an image's rows with their frequencies, of which there are the names and places in [0, 1]."""
    axes.set_yticks([place * num_rows for _, place in ticks], [name for name, _ in ticks], fontsize=8)


def _save(figure: "Figure", path: Path) -> None:
    from PIL import Image

    suffix = path.suffix.lower()
    exif = Image.Exif()
    exif[EXIF_SOFTWARE] = outputs.MARK
    # The mark tells our pictures from others. Without a date, the same picture is the same file.
    metadata: Any = {
        ".png": {"Software": outputs.MARK},
        ".svg": {"Title": outputs.MARK, "Date": None},
        ".pdf": {"Creator": outputs.MARK, "CreationDate": None},
    }.get(suffix)
    settings: Any = {"metadata": metadata} if metadata else {"pil_kwargs": {"exif": exif.tobytes()}}
    # Drawn first: a renderer needs a file that can be read and sought in, and knows no full disk.
    content = io.BytesIO()
    figure.savefig(content, dpi=DPI, format=suffix[1:], **settings)
    files.write_bytes(path, content.getvalue(), failure=HocketError)
