"""Series drawn as files for papers, tickets and slides: PNG or SVG, the same bytes for the same series."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, tzinfo
from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mlops_tui.errors import BadInput
from mlops_tui.render.cells import NOTHING, cell_text, clean, digits_for, fit, number, real, width_of
from mlops_tui.render.charts import PLAIN, ends_of, heat_digits, labels_of, marks_of, numbers_of, share_of, short
from mlops_tui.render.flow import placed
from mlops_tui.view import Cell, Part, Series

FORMATS = ("png", "svg")
ONE, TWO, GREY = "#0072b2", "#d55e00", "#5f5f5f"  # told apart by people who do not see red and green (Okabe & Ito)
INCHES, DOTS = (7.2, 4.2), 150
Floats = npt.NDArray[np.float64]
LONGEST = 34  # letters of a name at an axis
_LOOK: Any = {"font.size": 10, "axes.spines.top": False, "axes.spines.right": False, "axes.titlelocation": "left",
         "axes.titleweight": "bold", "axes.titlesize": 11, "grid.color": "#dddddd", "grid.linewidth": 0.7,
         "svg.hashsalt": "mlops-tui", "svg.fonttype": "path", "font.family": "DejaVu Sans", "text.parse_math": False}


def images(parts: Sequence[Part], zone: tzinfo, form: str) -> dict[str, bytes]:
    """The pictures of an answer by file name, `ID.png` or `ID.svg`; those with nothing to draw are left out."""
    found: dict[str, bytes] = {}
    for part in parts:
        if isinstance(part, Series) and (made := image(part, zone, form)):
            name = re.sub(r"[^\w.-]+", "-", part.id).strip("-.") or "picture"
            while f"{name}.{form}" in found:
                name += "-more"
            found[f"{name}.{form}"] = made
    return found


def image(part: Series, zone: tzinfo, form: str) -> bytes:
    """One picture as PNG or SVG; empty where there is nothing to draw. BadInput for another format."""
    if form not in FORMATS:
        raise BadInput(f"Pictures are {' or '.join(FORMATS)}, not '{form}'.")
    with rc_context(_LOOK):
        figure = Figure(figsize=INCHES, layout="constrained")
        axes = figure.add_subplot()
        if not _DRAWN[part.kind](axes, part, zone):
            return b""
        axes.set_title(_said(part.title or part.y_label or part.id, 70))
        out = BytesIO()
        figure.savefig(out, format=form, dpi=DOTS, metadata={"Software": None} if form == "png" else {"Date": None})
    return out.getvalue()


def _said(text: str, most: int = LONGEST) -> str:
    return fit(clean(text), min(width_of(clean(text)), most))


def _gapped(values: Sequence[Cell], size: int) -> Floats:
    """So many numbers, NaN where there is none: nothing is drawn there."""
    return np.array([np.nan if value is None else value for value in numbers_of(values[:size], size)])


def _sized(axes: Axes, wide: float, high: float) -> None:
    """The picture grows to so many inches where its usual size is less."""
    axes.figure.set_size_inches(max(INCHES[0], wide), max(INCHES[1], high))  # type: ignore[union-attr]


def _named(part: Series, place: int) -> str:
    return _said(part.names[place]) if place < len(part.names) else ""


def _axes(axes: Axes, part: Series) -> None:
    axes.set_xlabel(_said(part.x_label, 60))
    axes.set_ylabel(_said(part.y_label, 40))
    axes.grid(visible=True)
    axes.set_axisbelow(True)


def _legend(axes: Axes) -> None:
    if axes.get_legend_handles_labels()[1]:
        axes.legend(frameon=False)


# -- curves, bars, intervals ----------------------------------------------------------------------------------------


def _curves(axes: Axes, part: Series, zone: tzinfo) -> bool:
    """One or two curves, the second dashed, over a band where there are limits."""
    size = len(part.x)
    first, second, low, high = (_gapped(each, size) for each in (part.y, part.other, part.low, part.high))
    if not np.isfinite([first, second, low, high]).any():
        return False
    places = _places(axes, part, zone)
    if part.low and part.high:
        axes.fill_between(places, low, high, color=ONE, alpha=0.18, linewidth=0)
    if part.other:
        axes.plot(places, second, color=TWO, linestyle="--", label=_named(part, 1), zorder=2)
    alone = np.isfinite(first).sum() == 1
    axes.plot(places, first, color=ONE, marker="o" if alone or size <= 20 else "", markersize=4,
              label=_named(part, 0), zorder=3)
    for name, place, _ in marks_of(part):
        axes.axvline(place, color="grey", linestyle=":", linewidth=1)
        axes.annotate(_said(name), (place, 1), xycoords=("data", "axes fraction"), rotation=90, fontsize=7,
                      xytext=(2, -2), textcoords="offset points", va="top")
    _axes(axes, part)
    _legend(axes)
    return True


def _places(axes: Axes, part: Series, zone: tzinfo) -> list[Any]:
    """Where the points stand: at their times or numbers where all have one, else in order with their names below."""
    if part.x and all(isinstance(value, datetime) for value in part.x):
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.xaxis.set_major_formatter(
            lambda value, _: short(datetime.fromtimestamp(value, zone), zone))
        return [value.timestamp() for value in part.x if isinstance(value, datetime)]
    found = [real(value) for value in part.x]
    if None not in found:
        return found
    shown = range(0, len(part.x), max(1, -(-len(part.x) // 8)))
    axes.set_xticks(list(shown), [_said(short(part.x[place], zone), 14) for place in shown])
    return list(range(len(part.x)))


def _bars(axes: Axes, part: Series, zone: tzinfo) -> bool:
    """A bar with its number for each place, the first at the top; a mark where the other series stands."""
    size = min(len(part.x), len(part.y))
    values, others = _gapped(part.y, size), _gapped(part.other, size)
    known = np.isfinite(values)
    if not known.any():
        return False
    digits, places = digits_for(values[known].tolist()), range(size)
    axes.barh(places, values, color=ONE, label=_named(part, 0) if part.other else "", height=0.7)
    if part.other:
        axes.plot(others, list(places), color=TWO, marker="|", markersize=14, markeredgewidth=2, linestyle="",
                  label=_named(part, 1))
    for place, value in enumerate(np.where(known, values, 0.0).tolist()):
        axes.annotate(number(value, PLAIN, digits) if known[place] else NOTHING, (max(value, 0.0), place), (4, 0),
                      textcoords="offset points", va="center", fontsize=8, color=GREY)
    _rows(axes, part, size, zone)
    _legend(axes)
    return True


def _intervals(axes: Axes, part: Series, zone: tzinfo) -> bool:
    """Each estimate as a point in its interval, the first at the top; a line at zero where that is inside."""
    size = min(len(part.x), len(part.y))
    values, low, high = (_gapped(each, size) for each in (part.y, part.low, part.high))
    all_of = np.concatenate([values, low, high])
    if not np.isfinite(all_of).any():
        return False
    for name, at in part.marks:
        if (place := numbers_of((at,))[0]) is not None:
            axes.axvline(place, color=TWO, linewidth=1.2, linestyle=":", label=_said(name))
            axes.legend(frameon=False, loc="best")
    if np.nanmin(all_of) < 0 < np.nanmax(all_of):
        axes.axvline(0, color=GREY, linewidth=1)
    for place, (start, end) in enumerate(zip(low, high, strict=True)):
        if np.isfinite([start, end]).all():
            axes.plot([start, end], [place, place], color=ONE, marker="|", markersize=9, linewidth=1.6)
    axes.plot(values, list(range(size)), color=ONE, marker="o", linestyle="")
    _rows(axes, part, size, zone)
    return True


def _rows(axes: Axes, part: Series, size: int, zone: tzinfo) -> None:
    """Names at the left, the first row at the top; a taller picture for many rows."""
    axes.set_yticks(range(size), [_said(name) for name in labels_of(part, zone)[:size]])
    axes.set_ylim(size - 0.4, -0.6)
    _axes(axes, Series(part.id, part.kind, (), (), x_label=part.x_label or part.y_label))
    axes.grid(visible=False, axis="y")
    _sized(axes, 0, 0.32 * size + 1.2)


# -- heat and graphs ------------------------------------------------------------------------------------------------


def _heat(axes: Axes, part: Series, zone: tzinfo) -> bool:
    """A shade for each pair of `names` (rows) and `x` (columns), its number in it where there is room."""
    across, values = len(part.x), numbers_of(part.y)
    known = [value for value in values if value is not None]
    if not known or not across:
        return False
    low, high = ends_of(part, known)
    count = -(-len(values) // across)
    shades = [[float("nan")] * across for _ in range(count)]
    for place, value in enumerate(values):
        if value is not None:
            shades[place // across][place % across] = value
    drawn = axes.imshow(shades, cmap="Blues", aspect="auto", vmin=low, vmax=high if high > low else low + 1)
    if across <= 12:
        digits = heat_digits(part, (*known, low, high))
        for place, value in enumerate(values):
            if value is not None:
                dark = share_of(value, (low, high)) > 0.6
                axes.text(place % across, place // across, number(value, PLAIN, digits), ha="center", va="center",
                          fontsize=8, color="white" if dark else "black")
    axes.set_yticks(range(count), [_said(name) for name in part.names[:count]])
    shown = range(0, across, max(1, -(-across // 10)))
    axes.set_xticks(list(shown), [_said(short(part.x[place], zone), 14) for place in shown])
    axes.set_xlabel(_said(part.x_label, 60))
    axes.set_ylabel(_said(part.y_label, 40))
    axes.figure.colorbar(drawn, ax=axes, shrink=0.8)
    _sized(axes, 0, 0.3 * count + 1.2)
    return True


def _graph(axes: Axes, part: Series, zone: tzinfo) -> bool:
    """What leads to what, from left to right; nothing where something leads back to itself."""
    edges = [(cell_text(start, PLAIN, zone), cell_text(end, PLAIN, zone))
             for start, end in zip(part.x, part.y, strict=False)]
    names = list(dict.fromkeys([*map(clean, part.names), *(name for pair in edges for name in pair)]))
    at = placed(names, edges)
    if not at:
        return False
    for start, end in edges:
        axes.annotate("", at[end], at[start], arrowprops={"arrowstyle": "->", "color": GREY, "shrinkA": 22,
                                                          "shrinkB": 22})
    for name, (x, y) in at.items():
        axes.text(x, y, _said(name, 22), ha="center", va="center", fontsize=9,
                  bbox={"boxstyle": "round,pad=0.4", "facecolor": "white", "edgecolor": ONE})
    columns, rows = [x for x, _ in at.values()], [y for _, y in at.values()]
    axes.set_xlim(min(columns) - 0.6, max(columns) + 0.6)
    axes.set_ylim(max(rows) + 0.8, min(rows) - 0.8)
    axes.set_axis_off()
    _sized(axes, 1.9 * (max(columns) + 1), 0.6 * (max(rows) + 1))
    return True


_DRAWN: Mapping[str, Callable[[Axes, Series, tzinfo], bool]] = {
    "line": _curves, "band": _curves, "bar": _bars, "bins": _bars, "interval": _intervals, "heat": _heat,
    "graph": _graph}
