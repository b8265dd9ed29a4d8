"""When something that was to be said outside was first accepted there."""

from collections.abc import Iterable
from datetime import UTC, datetime

from store.ledger import Ledger

_FIRST = """SELECT min(ended_at) FROM outbox WHERE (key = 'card/' || ? OR key LIKE 'thread/' || ? || '/%')
            AND status = 'sent' AND ended_at >= ?"""


def first_delivered(ledger: Ledger, cards: Iterable[str], after: datetime) -> datetime | None:
    """When the first of those living messages, or a line in its thread, was accepted from that time on, in the
    machine's time; None where none was."""
    start = after.astimezone(UTC).isoformat(timespec="milliseconds")
    with ledger.connections.one() as connection:
        found = [connection.execute(_FIRST, (name, name, start)).fetchone()[0] for name in cards]
    return min((datetime.fromisoformat(at) for at in found if at), default=None)
