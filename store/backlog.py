"""What waits between us and Slack, counted without opening the tables' library: a look at it costs nearly nothing."""

import json
import time
from dataclasses import dataclass

from store.connections import Connections

_COUNTS = ("SELECT (SELECT count(*) FROM outbox WHERE status = 'dead' AND method <> 'route'), "
           "(SELECT count(*) FROM inbox WHERE status = 'failed'), "
           "(SELECT count(*) FROM outbox WHERE status IN ('new', 'sending') AND method <> 'route'), "
           "(SELECT count(*) FROM inbox WHERE status = 'new'), "
           "(SELECT count(*) FROM outbox WHERE status = 'dead' AND method = 'route'), "
           "(SELECT count(*) FROM outbox WHERE status IN ('new', 'sending') AND method = 'route')")
_PULSE = "SELECT at, detail FROM pulse WHERE name = 'slack'"


@dataclass(frozen=True)
class Backlog:
    """How much was given up, of what was to be said and of what was asked; how much waits; and the bot's last sign.

    `silent` is for how many seconds a bot that is not known to have stopped gave no sign; None where it did, or where
    there never was one. `apart`: it lives, and Slack does not reach it; `connected`: it lives, and Slack does. `unsent`
    and `to_send` are of other routes.
    """

    unsaid: int = 0
    undone: int = 0
    to_say: int = 0
    to_do: int = 0
    silent: float | None = None
    apart: bool = False
    unsent: int = 0
    to_send: int = 0
    connected: bool = False


SILENT = 60.0  # seconds without a sign after which one wonders
FRESH = 20.0   # seconds since a sign for which its word of Slack is taken: one comes every five


def backlog(connections: Connections) -> Backlog:
    """As it is now, by the machine's time."""
    with connections.one() as connection:
        counts = connection.execute(_COUNTS).fetchone()
        found = connection.execute(_PULSE).fetchone()
    at, said = (float(found[0]), json.loads(found[1])) if found is not None else (0.0, {})
    ago = time.time() - at
    lives, connected = bool(said.get("at_work")), bool(said.get("connected"))
    unsaid, undone, to_say, to_do, unsent, to_send = (int(each) for each in counts)
    return Backlog(unsaid, undone, to_say, to_do, ago if lives and ago > SILENT else None,
                   lives and ago <= SILENT and not connected, unsent, to_send, lives and ago <= FRESH and connected)
