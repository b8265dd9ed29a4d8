"""A series as Slack's own chart, or in characters where the workspace has none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any, Literal

from bots.richtext import Block, context, cut, fixed, heading, rich, shown
from mlops_tui.render.cells import cell_text, clean, digits_for, number, real
from mlops_tui.render.charts import draw
from mlops_tui.view import Cell, Column, Series

POINTS, LABEL, TITLE = 20, 20, 50  # of Slack's chart: points of a line, letters of a label and of the title
CHART = "data_visualization"
PHONE = 40                         # letters of one width that a phone shows in a line
BARS = 12                          # bars that are drawn in characters
_LEVELS = "▁▂▃▄▅▆▇█"
_PLAIN = Column("")
_TIMES = ("%-d %b", "%-d %b %H:%M", "%-d %b %Y %H:%M")


@dataclass(frozen=True)
class Line:
    """A named curve, with a value for each place that is drawn."""

    name: str
    values: tuple[float, ...]


@dataclass(frozen=True)
class Drawn:
    """What of a series is drawn: places that have every value, few enough for a chart, and what that leaves out."""

    places: tuple[Cell, ...]
    lines: tuple[Line, ...]
    note: str = ""


def picture(part: Series, *, zone: tzinfo, chart: bool) -> list[Block]:
    """The blocks of a series; `chart` asks for Slack's own, which is not drawn for every kind."""
    if chart and part.kind in ("line", "band", "bar", "bins"):
        drawn = chosen(part)
        if drawn.places:
            return _chart(part, drawn, zone)
    if part.kind in ("line", "band"):
        return [context(sparkline(part, zone))]
    lines = [line.plain for line in draw(part, PHONE, zone)]
    more = [f"  {len(lines) - BARS} more"] if len(lines) > BARS + 1 else []
    return [rich(*heading(_title(part)), fixed([*lines[:BARS if more else None], *more]))]


def holds_chart(message: Mapping[str, Any]) -> bool:
    """Whether a message has a chart of Slack's in it."""
    return any(block.get("type") == CHART for block in message.get("blocks") or ())


def redrawn(message: Mapping[str, Any]) -> dict[str, Any]:
    """The same message for a workspace that takes no charts: each in characters."""
    made = [each for block in message.get("blocks") or ()
            for each in (_in_characters(block) if block.get("type") == CHART else [block])]
    return {**message, "blocks": made}


def _in_characters(chart: Block) -> list[Block]:
    """One of Slack's charts, as `picture` made it, drawn again."""
    drawn, axis = chart["chart"], chart["chart"]["axis_config"]
    curves = [tuple(point["value"] for point in each["data"]) for each in drawn["series"]]
    kind: Literal["line", "bar"] = "line" if drawn["type"] == "line" else "bar"
    part = Series("chart", kind, tuple(axis["categories"]), curves[0], other=curves[1] if len(curves) > 1 else (),
                  names=tuple(each["name"] for each in drawn["series"][:2]), title=chart["title"],
                  x_label=axis.get("x_label", ""), y_label=axis.get("y_label", ""))
    return picture(part, zone=UTC, chart=False)


def _title(part: Series) -> str:
    return part.title or part.id.replace("_", " ")


# -- Slack's own chart --------------------------------------------------------------------------------------------


def chosen(part: Series) -> Drawn:
    """The places and curves to draw. A curve stays in front of long lines only by its extremes, never by chance."""
    first, *others = [(name, [real(value) for value in values]) for name, values in _curves(part)]
    curves = [first, *(each for each in others if any(value is not None for value in each[1]))]
    full = [place for place in range(len(part.x)) if _all_there(curves, place)]
    if len(full) < 2:  # no place where all curves are: the first alone
        curves = curves[:1]
        full = [place for place in range(len(part.x)) if _all_there(curves, place)]
    known = [value for place in full if (value := curves[0][1][place]) is not None] if curves else []
    bars = part.kind in ("bar", "bins")
    kept = list(range(min(len(known), POINTS))) if bars else thinned(known, POINTS)
    places = [full[each] for each in kept]
    lines = tuple(Line(name, tuple(value for place in places if (value := values[place]) is not None))
                  for name, values in curves)
    return Drawn(tuple(part.x[place] for place in places), lines, _note(len(part.x), len(full), len(kept), bars))


def _all_there(curves: Sequence[tuple[str, Sequence[float | None]]], place: int) -> bool:
    return bool(curves) and all(place < len(values) and values[place] is not None for _, values in curves)


def _curves(part: Series) -> list[tuple[str, Sequence[Cell]]]:
    """What there is to draw, each with a name of its own."""
    given = [*part.names[:2], "", ""]
    found = [(given[0] or part.y_label or "value", part.y), (given[1] or "other", part.other)]
    if part.kind in ("line", "band"):
        found += [("low", part.low), ("high", part.high)]
    names = unique([shown(name, LABEL) or "value" for name, _ in found])
    return list(zip(names, (values for _, values in found), strict=True))


def thinned(values: Sequence[float], limit: int) -> list[int]:
    """Places of at most `limit` values: the first, the last, and of each span between its lowest and highest."""
    if len(values) <= limit:
        return list(range(len(values)))
    spans, inner = (limit - 2) // 2, len(values) - 2
    kept = {0, len(values) - 1}
    for span in range(spans):
        places = range(1 + span * inner // spans, 1 + (span + 1) * inner // spans)
        kept |= {min(places, key=values.__getitem__), max(places, key=values.__getitem__)}
    return sorted(kept)


def _note(total: int, known: int, kept: int, bars: bool) -> str:
    """What the picture leaves out, in words."""
    missing = f"{total - known:,} of {total:,} without a value" if known < total else ""
    if kept == known:
        return missing
    which = "the first" if bars else "first, last, and each span's lowest and highest"
    return "; ".join(filter(None, (f"{kept} of {known:,} points drawn: {which}", missing)))


def unique(names: Sequence[str]) -> list[str]:
    """The names, each told apart from those before it by a number."""
    made = list[str]()
    for name in names:
        tried, count = name, 1
        while tried in made:
            count += 1
            tried = cut(name, LABEL - len(str(count)) - 1) + f" {count}"
        made.append(tried)
    return made


def labels(places: Sequence[Cell], zone: tzinfo) -> list[str]:
    """A short and unique label for each place; times with no more of them than tells them apart."""
    times = [value for value in places if isinstance(value, datetime)]
    if len(times) == len(places):
        for form in _TIMES:
            told = [f"{value.astimezone(zone):{form}}" if value.tzinfo else f"{value:{form}}" for value in times]
            if len(set(told)) == len(told):
                return told
    digits = digits_for(places)
    return unique([shown(cell_text(value, _PLAIN, zone, digits), LABEL) or "–" for value in places])


def _chart(part: Series, drawn: Drawn, zone: tzinfo) -> list[Block]:
    told = labels(drawn.places, zone)
    axis: Block = {"categories": told}
    under = part.x_label or _zone_name(drawn.places, zone)
    axis |= {name: shown(text, TITLE) for name, text in (("x_label", under), ("y_label", part.y_label))
             if shown(text, TITLE)}
    title = _title(part)
    series = [{"name": line.name, "data": [{"label": label, "value": _short(value)} for label, value
                                           in zip(told, line.values, strict=True)]} for line in drawn.lines]
    kind = "line" if part.kind in ("line", "band") else "bar"
    chart = {"type": CHART, "title": shown(title, TITLE) or "–",
             "chart": {"type": kind, "series": series, "axis_config": axis}}
    whole = shown(title, 300) if len(shown(title, 300)) > TITLE else ""
    note = " · ".join(filter(None, (whole, drawn.note)))
    return [chart, context(note)] if note else [chart]


def _short(value: float) -> int | float:
    """Six figures are more than a chart shows."""
    rounded = float(f"{value:.6g}")
    return int(rounded) if rounded.is_integer() and abs(rounded) < 1e15 else rounded


def _zone_name(places: Sequence[Cell], zone: tzinfo) -> str:
    last = places[-1]
    return last.astimezone(zone).tzname() or "" if isinstance(last, datetime) and last.tzinfo else ""


# -- in characters ------------------------------------------------------------------------------------------------


def sparkline(part: Series, zone: tzinfo) -> str:
    """A curve in one line: its shape, from what to what, and its extremes."""
    found = [(place, value) for place, each in zip(part.x, part.y, strict=False) if (value := real(each)) is not None]
    title = shown(_title(part), 200)
    if not found:
        return f"{title}: nothing to draw yet"
    values = [value for _, value in found]
    kept = [values[place] for place in thinned(values, POINTS)]
    low, high, digits = min(values), max(values), digits_for(values)
    shape = "".join(_LEVELS[round((value - low) / ((high - low) or 1.0) * (len(_LEVELS) - 1))] for value in kept)
    first, last, least, most = (number(value, _PLAIN, digits) for value in (values[0], values[-1], low, high))
    ends = [clean(text) for text in labels([found[0][0], found[-1][0]], zone)]
    second = [value for each in part.other if (value := real(each)) is not None]
    beside = ""
    if second and len(part.names) > 1:
        ends_of = (number(value, _PLAIN, digits_for(second)) for value in (second[0], second[-1]))
        beside = f" · {shown(part.names[1], LABEL)} " + " → ".join(ends_of)
    name = f" {shown(part.names[0], LABEL)}" if beside else ""
    return (f"{title} {shape}{name} {first} → {last} (lowest {least}, highest {most}){beside} · "
            + " – ".join(dict.fromkeys(ends)))
