"""A view written down and read back as it was: for what is shown again later, before anything is computed."""

import json
import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import Any

from mlops_tui.errors import Unreadable
from mlops_tui.view import Action, Column, Facts, Series, Status, Step, Steps, Table, Text, View

_KINDS: dict[str, Any] = {kind.__name__: kind for kind in (View, Text, Facts, Table, Column, Series, Steps, Step,
                                                           Action)}


def written(view: View) -> str:
    """The view as text; `read` gives it back equal."""
    return json.dumps(_plain(view), ensure_ascii=True, allow_nan=False, separators=(",", ":"))


def read(text: str) -> View:
    """The view that was written; Unreadable where it is not one, or one of another version of ours."""
    try:
        found = _value(json.loads(text))
    except (KeyError, TypeError, ValueError, RecursionError) as problem:
        raise Unreadable(f"This is no view as we keep them: {problem}.") from problem
    if not isinstance(found, View):
        raise Unreadable("This is no view as we keep them.")
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, Status):
        return {"is": "status", "of": value.value}
    if isinstance(value, datetime):
        return {"is": "time", "of": value.isoformat()}
    if is_dataclass(value):
        return {"is": type(value).__name__, **{item.name: _plain(getattr(value, item.name)) for item in fields(value)}}
    if isinstance(value, Mapping):
        return {"is": "map", "of": {str(key): _plain(item) for key, item in value.items()}}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value


def _value(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_value(item) for item in value)
    if not isinstance(value, dict):
        return value
    match value.pop("is"):
        case "status":
            return Status(value["of"])
        case "time":
            return datetime.fromisoformat(value["of"])
        case "map":
            return {key: _value(item) for key, item in value["of"].items()}
        case kind:
            return _KINDS[kind](**{name: _value(item) for name, item in value.items()})
