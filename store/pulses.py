"""Signs of life: when something at work was last seen doing a thing, kept where others can look."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine, text

from store.writing import locked

BOT = "slack"  # the bot's own

_BEAT = text("INSERT INTO pulse (name, at, detail) VALUES (:name, :at, :detail) ON CONFLICT (name) DO UPDATE "
             "SET at = excluded.at, detail = excluded.detail")
_SEE = text("SELECT at, detail FROM pulse WHERE name = :name")
_FORGET = text("DELETE FROM pulse WHERE name = :name")


@dataclass(frozen=True)
class Pulse:
    """One sign of life; `at` is in seconds of the machine's time."""

    name: str
    at: float
    detail: Mapping[str, Any] = field(default_factory=dict)


class Pulses:
    """Each name has its last sign only."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def beat(self, name: str, at: float, **detail: Any) -> None:
        """It was seen just now."""
        values = {"name": name, "at": at, "detail": json.dumps(detail, sort_keys=True)}
        with locked(self.engine) as connection:
            connection.execute(_BEAT, values)

    def seen(self, name: str) -> Pulse | None:
        """Its last sign; None where there was none."""
        with self.engine.connect() as connection:
            row = connection.execute(_SEE, {"name": name}).first()
        return Pulse(name, float(row[0]), json.loads(row[1])) if row is not None else None

    def forget(self, name: str) -> None:
        with locked(self.engine) as connection:
            connection.execute(_FORGET, {"name": name})
