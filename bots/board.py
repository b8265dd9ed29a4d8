"""Living messages are kept as the history says: posted once, changed in place, their story told in their thread."""

import hashlib
import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from slack_sdk import WebClient

from bots import blocks, cards
from bots.cards import Wanted
from bots.richtext import context, escaped, rich, run, section, shown
from bots.sender import LOOKED_UP, SETTLE, Charts, NotSaid, PerhapsSaid, Say, called
from mlops_tui.daemon import fresh, ledger_of
from mlops_tui.session import Session
from store.pulses import Pulses
from store.queues import Card, Cards, Outbox

POSTED = 1.0      # seconds after which one looks whether a message was put up, or tries a lost change again
PACE = 3.0        # seconds between two changes of a message, and between two parts of its story
AGAIN = 30.0      # seconds after which time alone may have changed something
EACH_MINUTE = 40  # changes of messages that Slack allows us, with room to spare
LINES = 15        # of a story in one message of its thread
GONE = ("message_not_found", "cant_update_message", "edit_window_closed", "channel_not_found", "is_archived")


@dataclass
class Board:
    """Compares what should stand with what does, and closes the gap at Slack's pace."""

    session: Session
    client: WebClient
    channel: str
    say: Say
    charts: bool = True
    clock: Callable[[], float] = time.time
    pace: float = PACE
    _head: int = -1
    _looked_at: float = 0.0
    _due: float = 0.0  # when something that is held back may be done
    _told_at: dict[str, float] = field(default_factory=dict)
    _changes: list[float] = field(default_factory=list)
    _free: float = 0.0

    def __post_init__(self) -> None:
        self.ledger = ledger_of(self.session)
        self.outbox, self.cards = Outbox(self.ledger.engine), Cards(self.ledger.engine)
        self.taken = Charts(Pulses(self.ledger.engine), self.clock)

    def round(self, stop: Callable[[], bool] = lambda: False) -> None:
        """One look, until `stop`; nothing is done where nothing has happened."""
        head, now = self.ledger.head_seq(), self.clock()
        if head == self._head and now < self._due and now - self._looked_at <= AGAIN:
            return
        self._head, self._looked_at, self._due = -1, now, math.inf  # a round that is cut short is made again
        standing = self.cards.all()
        for each in cards.wanted(fresh(self.session), {name: card.told for name, card in standing.items()}):
            if stop():
                return
            self._show(each, standing.get(each.name))
        self._head = head

    @property
    def behind(self) -> bool:
        """Whether something is held back."""
        return self._due < math.inf

    def _later(self, at: float) -> None:
        """Something is held back until then."""
        self._due = min(self._due, at)

    def _show(self, wanted: Wanted, card: Card | None) -> None:
        message = self._message(wanted)
        digest = hashlib.sha256(json.dumps(message, sort_keys=True).encode()).hexdigest()
        if card is None:
            self._post(wanted, message, digest, f"card/{wanted.name}")
        elif not card.reference:
            if self.outbox.waits(f"card/{card.name}") or self.cards.all()[card.name].reference:  # put up since the look
                self._later(self.clock() + POSTED)
        else:
            if card.shown != digest:
                card = self._change(wanted, card, message, digest)
            if card.shown == digest:  # what it shows comes before the story of how it came to that
                self._tell(wanted, card)

    def _message(self, wanted: Wanted) -> dict[str, Any]:
        zone = self.session.declared().zone
        kind, _, name = wanted.name.partition("/")
        argv = {"alert": ("alert", "show", name), "incident": ("incident", "show", name),
                "approval": ("approve", "show", name), "card": ("card", "show", name),
                "board": ("board", "show", name)}[kind]
        return blocks.message(wanted.view, zone=zone, command=argv, charts=self.charts)

    def _post(self, wanted: Wanted, message: dict[str, Any], digest: str, key: str) -> None:
        """Put it up; what happened so far is what it shows, and its thread tells what comes."""
        told = max((seq for seq, _ in wanted.story), default=0)
        with self.ledger.locked() as connection:
            if self.outbox.put(key, LOOKED_UP, self.channel, {**message, "card": wanted.name}, connection):
                self.cards.keep(Card(wanted.name, self.channel, "", digest, self.clock(), told), connection)
        self._later(self.clock() + POSTED)

    def _change(self, wanted: Wanted, card: Card, message: dict[str, Any], digest: str) -> Card:
        """Change it in place, not more often than people can read; one that is gone is put up again."""
        now = self.clock()
        self._changes = [at for at in self._changes if now - at < 60]
        full = self._changes[0] + 60 if len(self._changes) >= EACH_MINUTE else 0.0
        rest = self.pace if card.shown else max(self.pace, SETTLE)
        if now < (may := max(card.shown_at + rest, self._free, full)):
            self._later(may)
            return card
        self._changes.append(now)
        card = replace(card, shown="", shown_at=now)  # whoever finds it so after a crash lets that change come to rest
        self.cards.keep(card)
        try:
            self.taken.said({"channel": card.channel, "ts": card.reference, **message},
                            lambda made: called(self.client, "chat.update", made))
        except PerhapsSaid:
            self._later(now + SETTLE)
            return card
        except NotSaid as problem:
            return self._not_changed(wanted, card, message, digest, problem)
        changed = replace(card, shown=digest, shown_at=self.clock())
        self.cards.keep(changed)
        return changed

    def _not_changed(self, wanted: Wanted, card: Card, message: dict[str, Any], digest: str,
                     problem: NotSaid) -> Card:
        if problem.after is not None:
            self._free = self.clock() + problem.after
            self._later(self._free)
            return card
        if str(problem).startswith(GONE):
            self.say(f"{wanted.name} is gone from Slack ({problem}); it is put up again")
            self._post(wanted, message, digest, f"card/{wanted.name}/{card.reference}")
            return replace(card, reference="")
        self.say(f"■ {wanted.name} cannot be shown: {problem}")
        refused = replace(card, shown=digest)  # the same again would be refused again
        self.cards.keep(refused)
        return refused

    def _tell(self, wanted: Wanted, card: Card) -> None:
        """Tell in the thread what has happened since, several things in one message."""
        lines = [(seq, text) for seq, text in wanted.story if seq > card.told]
        if not lines:
            return
        now, may = self.clock(), self._told_at.get(wanted.name, -math.inf) + self.pace
        if now < may:
            self._later(may)
            return
        self._told_at[wanted.name] = now
        last = max(seq for seq, _ in lines)
        body = {"thread_ts": card.reference, **_story([text for _, text in lines])}
        if any(seq in wanted.loud for seq, _ in lines):
            body["reply_broadcast"] = True
        with self.ledger.locked() as connection:
            self.cards.keep(replace(card, told=last), connection)
            self.outbox.put(f"thread/{wanted.name}/{last}", LOOKED_UP, card.channel, body, connection)


def _story(lines: Sequence[str]) -> dict[str, Any]:
    """What happened, a line each; the oldest are counted where there are many."""
    kept = [shown(line, 280) for line in lines[-LINES:]]
    parts = [rich(section(run("\n".join(kept))))]
    if len(lines) > LINES:
        parts.insert(0, context(f"{len(lines) - LINES} more before"))
    return {"text": escaped(kept[-1]), "blocks": parts}
