"""A view as one JSON document that scripts can rely on."""

import json
import math
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from mlops_tui.view import Facts, Series, Steps, Table, Text, View

SCHEMA_VERSION = 1


def plain(value: Any) -> Any:
    """A cell as JSON: times in UTC ISO 8601, no NaN, no infinity."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


def series(part: Series) -> dict[str, Any]:
    drawn: dict[str, Any] = {"kind": part.kind, "x": plain(part.x), "y": plain(part.y)}
    for name in ("low", "high", "other", "names", "title", "x_label", "y_label", "marks"):
        value = getattr(part, name)
        if value:
            drawn[name] = plain(value)
    return drawn


def canonical(view: View) -> dict[str, Any]:
    """The view's content as plain JSON values, without the command that made it."""
    document: dict[str, Any] = {"status": view.status.value, "title": view.title, "facts": {}, "tables": {},
                                "series": {}, "steps": [], "text": []}
    for part in view.parts:
        match part:
            case Facts():
                document["facts"] |= {key: plain(value) for key, value in part.items.items()}
            case Table():
                total = len(part.rows) if part.total is None else part.total
                document["tables"][part.id] = {"rows": [plain(dict(row)) for row in part.rows], "total": total}
            case Series():
                document["series"][part.id] = series(part)
            case Steps():
                document["steps"] += [{"step": step.step, "status": step.status.value, "seconds": plain(step.seconds),
                                       "detail": step.detail} for step in part.items]
            case Text():
                document["text"].append(part.body)
    return document


def as_json(view: View, command: Sequence[str], *, shapes: dict[tuple[str, ...], str] | None = None,
            error: dict[str, str] | None = None, recorded: bool = True, plan: str | None = None) -> str:
    """The whole document; stable keys, two-space indent."""
    document = {"schema_version": SCHEMA_VERSION, "command": list(command), **canonical(view)}
    document["actions"] = [{"label": action.label, "argv": list(action.argv), "asks": list(action.asks),
                            "shape": (shapes or {}).get(action.argv)} for action in view.actions]
    document["recorded"] = recorded
    if plan is not None:
        document["plan"] = plan
    if error is not None:
        document["error"] = error
    return writable(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False))


def writable(document: str) -> str:
    """The same JSON, with halves of characters (a file name that is no UTF-8) escaped, so that UTF-8 can hold it."""
    return document.encode("utf-8", "backslashreplace").decode("utf-8")
