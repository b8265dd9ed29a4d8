"""A screen as a PNG, drawn in a process of its own: it takes a second that nobody at the screen should wait for."""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

FONTS = ["DejaVu Sans Mono", "DejaVu Sans"]  # both come with matplotlib; the second has what the first lacks
SIZE, ADVANCE, LINE, DOTS = 14, 0.602, 17, 144  # of a letter, its width as a share of that, its line; dots per inch


class Run(NamedTuple):
    """Letters of one look: where they begin, in cells; their colours as `#rrggbb`."""

    x: int
    y: int
    text: str
    cells: int
    front: str
    back: str
    bold: bool


def photograph(runs: Iterable[Run], width: int, height: int, ground: str, path: str) -> None:
    """Draw them into a file: so many columns and lines, on that ground."""
    across = SIZE * ADVANCE
    inches = width * across / 72, height * LINE / 72
    with rc_context({"text.parse_math": False, "font.family": FONTS}):
        figure = Figure(figsize=inches, facecolor=ground)
        axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(height, 0))
        axes.set_axis_off()
        for run in runs:
            if run.back != ground:
                axes.add_patch(Rectangle((run.x, run.y), run.cells, 1, color=run.back, linewidth=0))
            for x, text in _pieces(run):
                axes.text(x, run.y + 0.76, text, color=run.front, fontsize=SIZE, va="baseline",
                          weight="bold" if run.bold else "normal")
        figure.savefig(path, dpi=DOTS, metadata={"Software": None})


def _pieces(run: Run) -> Iterable[tuple[int, str]]:
    """Plain letters as they follow each other, and every other one in its own cell: not all fonts space it alike."""
    if run.text.isascii() or run.cells != len(run.text):
        return [(run.x, run.text.rstrip())] if run.text.strip() else []
    return [(run.x + place, letter) for place, letter in enumerate(run.text) if letter != " "]


def main(argv: Sequence[str]) -> None:
    """Read a screen as JSON, and draw it into the file that is named."""
    told: dict[str, Any] = json.load(sys.stdin)
    runs = [Run(*run) for run in told["runs"]]
    photograph(runs, told["width"], told["height"], told["ground"], argv[0])


if __name__ == "__main__":
    main(sys.argv[1:])
