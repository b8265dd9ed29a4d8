"""What waits for a person is told to him once, however much of it in one message, in private or by name at its card."""

import hashlib
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from bots import blocks
from bots.sender import LOOKED_UP, Say
from mlops_tui.alerts import habits, nudges, sources
from mlops_tui.alerts.nudges import Told
from mlops_tui.daemon import fresh, ledger_of
from mlops_tui.errors import Conflict
from mlops_tui.session import Session
from mlops_tui.view import Action, Text, View, counted, worst
from store.periods import Periods
from store.queues import Card, Cards, Outbox

TOLD = "nudges"  # the schedule whose periods are the keys of what was told
LATER = "2h"
NEVER = datetime.min.replace(tzinfo=UTC)
AGAIN = timedelta(seconds=30)  # after which time alone may have made something due
CARDLESS = 180.0  # seconds that a card is waited for; then it is told in private
BETWEEN = 60.0  # seconds between two messages to one person; in a storm what comes meanwhile waits for the next
LINES, OFFERED = 15, 4  # of several in one message


@dataclass
class Nudging:
    """Puts what is due into the outbox and notes its keys in the same transaction."""

    session: Session
    say: Say
    charts: bool = True
    clock: Callable[[], float] = time.time
    _head: int = -1
    _at: datetime = NEVER
    _told_at: dict[str, float] = field(default_factory=dict)
    _missed: dict[str, float] = field(default_factory=dict)  # since when a card is waited for

    def __post_init__(self) -> None:
        self.ledger = ledger_of(self.session)
        self.outbox, self.periods = Outbox(self.ledger.engine), Periods(self.ledger.engine)
        self.cards = Cards(self.ledger.engine)

    def round(self) -> None:
        """One look; where nothing has happened, only now and then."""
        session, head = fresh(self.session), self.ledger.head_seq()
        now = session.now()
        if head == self._head and now - self._at < AGAIN:
            return
        project, entries = session.declared(), session.ledger.entries(*sources.KINDS)
        told = self.periods.taken(TOLD)
        asleep = habits.asleep(habits.habits(project.team, entries, project.zone), now)
        due = nudges.due(sources.nudges(project, entries, now), sources.reach(project, entries, now),
                         nudges.snoozes(entries), now, asleep)
        accounts = {name: person.slack for name, person in project.team.people.items() if person.slack}
        new = [each for each in due if each.key not in told and each.person in accounts]
        standing = self.cards.all() if new else {}
        waits = any(each.nudge.card for each in new)  # for its card to stand, perhaps
        for person in dict.fromkeys(each.person for each in new):
            if self.clock() - self._told_at.get(person, -math.inf) < BETWEEN:
                waits = True
                continue
            mine = [each for each in new if each.person == person]
            self._tell(accounts[person], [each for each in mine if not each.nudge.card
                                          or self._cardless(each.nudge.card, standing)])
            self._mention(accounts[person], [each for each in mine if each.nudge.card], standing)
        self._head, self._at = (-1 if waits else head), now

    def _cardless(self, card: str, standing: Mapping[str, Card]) -> bool:
        """Whether a card was waited for long enough: it was perhaps never put up, and who it calls is told."""
        if card in standing and standing[card].reference:
            self._missed.pop(card, None)
            return False
        return self.clock() - self._missed.setdefault(card, self.clock()) >= CARDLESS

    def _tell(self, account: str, mine: Sequence[Told]) -> None:
        """In private, in one message."""
        if mine:
            self._put(mine, account, self._message(together(mine)))

    def _mention(self, account: str, mine: Sequence[Told], standing: Mapping[str, Card]) -> None:
        """By name in the thread of the first one's card; what has no card yet waits for it."""
        placed = [each for each in mine if each.nudge.card in standing and standing[each.nudge.card].reference]
        if not placed:
            return
        card = standing[placed[0].nudge.card]
        message = self._message(together(placed))
        name = f"<@{account}>"
        self._put(placed, card.channel, {
            **message, "text": f"{name} {message['text']}", "thread_ts": card.reference,
            "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": name}}, *message["blocks"]]})

    def _put(self, mine: Sequence[Told], channel: str, message: dict[str, Any]) -> None:
        now = self.session.now()
        with suppress(Conflict), self.ledger.locked() as connection:
            if not all(self.periods.take(connection, TOLD, each.key, now) for each in mine):
                raise Conflict("Another at work has told some of it.")  # the rest comes with the next round
            self.outbox.put(_key(mine), LOOKED_UP, channel, message, connection)
        self._told_at[mine[0].person] = self.clock()

    def _message(self, view: View) -> dict[str, Any]:
        return blocks.message(view, zone=self.session.declared().zone, command=("remind", "list"), charts=self.charts)


def _key(mine: Sequence[Told]) -> str:
    """That of the one thing it tells, or a digest of all."""
    if len(mine) == 1:
        return mine[0].key
    return f"nudges/{mine[0].person}/{hashlib.sha256(' '.join(each.key for each in mine).encode()).hexdigest()[:32]}"


def together(mine: Sequence[Told]) -> View:
    """One as it is, with a way to put it off; several as a line each, with the first step of the oldest."""
    first = mine[0].nudge
    if len(mine) == 1:
        return replace(first.view, actions=(*first.view.actions, _later(first.key, "Later")))
    lines = Text("\n".join(f"{each.nudge.view.title}" for each in mine[:LINES]))
    more = (Text(f"{len(mine) - LINES} more"),) if len(mine) > LINES else ()
    return View(f"{counted(len(mine), 'thing')} wait for you", worst(each.nudge.view.status for each in mine),
                (lines, *more), (*_steps(mine), Action("All that waits", ("remind", "list"))))


def _steps(mine: Sequence[Told]) -> Iterator[Action]:
    """The first step of each; to be on several alerts is one."""
    firsts = [(each.nudge, each.nudge.view.actions[0]) for each in mine if each.nudge.view.actions]
    alerts = [action.argv[2] for _, action in firsts if action.argv[:2] == ("alert", "ack")]
    if len(alerts) > 1:
        yield Action(f"I am on all {len(alerts)}", ("alert", "ack", *dict.fromkeys(alerts)))
    for nudge, action in firsts[:OFFERED]:
        yield replace(action, label=f"{action.label}: {nudge.key.rpartition('/')[2]}")


def _later(key: str, label: str) -> Action:
    return Action(label, ("remind", "snooze", key, "--for", LATER))
