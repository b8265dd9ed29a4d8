"""A view as one page that needs nothing else: no script, no other address, readable on a phone and on paper."""

import hashlib
from base64 import b64encode
from collections.abc import Sequence
from datetime import tzinfo
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from mlops_tui.render import grid, prose
from mlops_tui.render.cells import GLYPHS, clean, took, typed
from mlops_tui.render.charts import labels_of
from mlops_tui.render.svg import picture
from mlops_tui.view import Facts, Part, Series, Steps, Table, Text, View


def as_html(view: View, *, zone: tzinfo, command: Sequence[str] = (), made: str = "", anchor: str = "") -> str:
    """The page; below it stand the command, when it was `made`, and the `anchor` the history can be checked against."""
    style = _shipped("report.css")
    return _template().render(
        title=clean(view.title), glyph=GLYPHS[view.status][0], word=view.status.value,
        parts=[{"title": "", **_part(part, number, zone, command)} for number, part in enumerate(view.parts)],
        actions=[{"typed": " ".join(typed(action.shown)), "label": clean(action.label)} for action in view.actions],
        style=Markup(style), digest=b64encode(hashlib.sha256(style.encode()).digest()).decode(),  # noqa: S704 our own
        command=" ".join(typed(command)) if command else "", made=clean(made), anchor=clean(anchor))


@cache
def _shipped(name: str) -> str:
    return files("templates").joinpath(name).read_text(encoding="utf-8")


@cache
def _template() -> Template:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(_shipped("report.html.j2"))


def _part(part: Part, place: int, zone: tzinfo, command: Sequence[str]) -> dict[str, Any]:
    """What the template sets of a part: texts that are safe on any screen, and pictures that we drew."""
    match part:
        case Text():
            return {"kind": "text", "blocks": prose.blocks(part)}
        case Facts():
            return {"kind": "facts", "items": grid.facts(part, zone)}
        case Table():
            return {"kind": "table", "title": clean(part.title), "none": grid.none_of(part),
                    "grid": grid.grid(part, zone) if part.rows else None, "more": grid.left_out(part, command)}
        case Series():
            named = f"{part.title} [{part.y_label}]" if part.title and part.y_label else part.title
            drawn = picture(part, zone, f"picture-{place}")
            return {"kind": "series", "title": clean(named), "picture": Markup(drawn),  # noqa: S704 drawn by us
                    "leads": _leads(part, zone) if part.kind == "graph" else {}}
        case Steps():
            return {"kind": "steps", "steps": [
                {"status": step.status, "how": grid.status_text(step.status), "step": clean(step.step),
                 "took": "" if step.seconds is None else took(step.seconds), "detail": clean(step.detail)}
                for step in part.items]}


def _leads(part: Series, zone: tzinfo) -> dict[str, list[str]]:
    """What leads to what."""
    found: dict[str, list[str]] = {}
    ends = labels_of(Series(part.id, part.kind, part.y, ()), zone)
    for start, end in zip(labels_of(part, zone), ends, strict=False):
        found.setdefault(start, []).append(end)
    return found
