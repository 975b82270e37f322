"""Draws docs/pictures/tradeoff.png: harmony against Fréchet distance for the models that were tried (docs/log.md)."""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

# Name, Fréchet distance, harmony margin, articulation margin, where its label goes (points); music/pairs.csv.
Point = tuple[str, float, float, float, tuple[int, int]]
RIGHT, LEFT = (8, -3), (-8, -3)
WITHOUT_TRAINING: list[Point] = [
    ("layering", 8.8, 0.89, 0.23, LEFT),
    ("layering, margin 1", 29.2, 0.80, 0.27, RIGHT),
    ("gated layering", 29.9, 0.85, 0.39, RIGHT),
    ("cross-synthesis", 39.7, 1.01, 0.38, RIGHT),
]
TIMBRE_PER_EXAMPLE: list[Point] = [
    ("no timbre term", 70.1, 0.877, 0.669, LEFT),
    ("above 3 kHz", 24.1, 0.760, 0.683, LEFT),
    ("weight 1, from scratch", 30.8, 0.770, 0.616, RIGHT),
    ("weight 2", 20.8, 0.694, 0.726, RIGHT),
]
TONE_CONTROL: list[Point] = [
    ("FFT 1024, no timbre term", 28.1, 0.859, 0.665, (8, 4)),
    ("FFT 2048, timbre 0.3", 20.7, 0.909, 0.549, RIGHT),
    ("timbre 1.0", 16.8, 0.854, 0.582, (8, -8)),
    ("timbre 1.5", 17.4, 0.799, 0.614, RIGHT),
    ("after 400 of 1120 steps", 14.4, 0.897, 0.619, (-6, 7)),
    ("averaged with every bin's", 11.8, 0.891, 0.594, (8, -4)),
    ("timbre 1.0 over the batch", 17.3, 0.872, 0.597, (8, 4)),
    ("every bin a place", 10.2, 0.865, 0.579, (9, -9)),
]
SHIPPED: list[Point] = [("shipped", 9.4, 0.851, 0.607, (-9, -8))]
GROUPS = {
    "without training": (WITHOUT_TRAINING, "#777777", "s"),
    "timbre as a loss, FFT 1024": (TIMBRE_PER_EXAMPLE, "#c46a1b", "o"),
    "with the tone control": (TONE_CONTROL, "#2b6cb0", "o"),
    "shipped": (SHIPPED, "#2f855a", "*"),
}


def main() -> None:
    """Writes the picture."""
    figure, axes = plt.subplots(figsize=(9, 5.4), dpi=120)
    axes.axhspan(0.89, 1.1, xmin=0, color="#2f855a", alpha=0.06)
    axes.axvline(8.8, color="#2f855a", linewidth=1, linestyle=":")
    axes.axhline(0.89, color="#2f855a", linewidth=1, linestyle=":")
    for name, (points, colour, marker) in GROUPS.items():
        size = 200 if marker == "*" else 46
        axes.scatter(
            [p[1] for p in points],
            [p[2] for p in points],
            s=size,
            c=colour,
            marker=marker,
            label=name,
            zorder=3,
        )
        for text, x, y, articulation, offset in points:
            axes.annotate(
                f"{text} ({articulation:.2f})",
                (x, y),
                offset,
                textcoords="offset points",
                fontsize=8,
                ha="right" if offset[0] < 0 else "left",
            )
    axes.set(xlabel="log-mel Fréchet distance to the sources (less is better)", xlim=(0, 74))
    axes.set(ylabel="harmony margin (in brackets: articulation margin)", ylim=(0.66, 1.04))
    axes.legend(loc="lower right", frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(Path(__file__).parents[1] / "docs" / "pictures" / "tradeoff.png")


if __name__ == "__main__":
    main()
