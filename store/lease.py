"""One holder at a time: who has the lease may do what only one may do, until it runs out."""

from sqlalchemy import Engine, text

from store.connections import PATIENCE
from store.writing import locked

_TAKE = text("INSERT INTO lease (name, holder, until) VALUES (:name, :holder, :until) ON CONFLICT (name) DO UPDATE "
             "SET holder = excluded.holder, until = excluded.until WHERE lease.until <= :now OR lease.holder = :holder")
_LEAVE = text("DELETE FROM lease WHERE name = :name AND holder = :holder")
_SEE = text("SELECT holder, until FROM lease WHERE name = :name")


class Lease:
    """A name that one holder at a time has; taken, and renewed, for some seconds."""

    def __init__(self, engine: Engine, name: str, holder: str) -> None:
        self.engine, self.name, self.holder = engine, name, holder

    def take(self, now: float, seconds: float) -> bool:
        """Take it or keep it; False where another holds it and has time left, Unreadable where none can be written."""
        values = {"name": self.name, "holder": self.holder, "now": now, "until": now + seconds}
        with locked(self.engine, min(seconds, PATIENCE)) as connection:
            return connection.execute(_TAKE, values).rowcount == 1

    def leave(self, holder: str = "") -> None:
        """Let the next one in at once; for another holder, where it is known to be gone."""
        with locked(self.engine) as connection:
            connection.execute(_LEAVE, {"name": self.name, "holder": holder or self.holder})

    def seen(self) -> tuple[str, float] | None:
        """Who holds it, and until when; None where nobody does."""
        with self.engine.connect() as connection:
            row = connection.execute(_SEE, {"name": self.name}).first()
        return (str(row[0]), float(row[1])) if row is not None else None
