"""Who has the first page of the app open, which page of it, and what it shows."""

from dataclasses import dataclass

from sqlalchemy import Connection, Engine, text

_OPEN = text("INSERT INTO home (\"user\", page, shown, shown_at, opened_at) VALUES (:user, :page, '', 0, :at) "
             "ON CONFLICT (\"user\") DO UPDATE SET page = excluded.page, shown = '', opened_at = excluded.opened_at")
_WATCHED = text("SELECT \"user\", page, shown, shown_at, opened_at FROM home WHERE opened_at > :since OR shown = ''")
_SHOWN = text("UPDATE home SET shown = :shown, shown_at = :at WHERE \"user\" = :user AND page = :page "
              "AND opened_at = :opened_at")


@dataclass(frozen=True)
class Home:
    """One person's page: nothing is shown yet where `shown` is empty; times are seconds of the machine's."""

    user: str
    page: int
    shown: str
    shown_at: float
    opened_at: float


class Homes:
    """A row for each person who ever opened it."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @staticmethod
    def opened(connection: Connection, user: str, page: int, at: float) -> None:
        """Somebody looks: what he sees is to be made anew."""
        connection.execute(_OPEN, {"user": user, "page": page, "at": at})

    def watched(self, since: float) -> list[Home]:
        """Those opened since then, and those that were asked for and are not shown yet."""
        with self.engine.connect() as connection:
            return [Home(*row) for row in connection.execute(_WATCHED, {"since": since})]

    def shown(self, home: Home, shown: str, at: float) -> bool:
        """It shows that now; False where he turned the page meanwhile, which is then still to be shown."""
        values = {"user": home.user, "page": home.page, "opened_at": home.opened_at, "shown": shown, "at": at}
        with self.engine.begin() as connection:
            return connection.execute(_SHOWN, values).rowcount == 1
