"""A day on which everything goes wrong at once, lived by the bot taken apart into its steps; and the judge of its end.

The fault model. What may happen, in any order and at once:

- Slack is away for minutes: its sockets die, its web API answers 503.
- It asks for fresh sockets, delivers envelopes twice, limits calls (429 with Retry-After), answers `internal_error`.
- A call is lost before it arrived, or its answer is lost after it was done; or the line goes dead and the call is done
  up to four seconds later. What Slack took without an answer stands within SETTLE (five seconds) of the call, or never.
- Our process ends without a word (kill -9) between any two writes: before every statement that writes, before and
  after every COMMIT, before and after every call of Slack's. It begins again with what is on the disk.
- Two workers take the same request; several people press the same button.

What may not: the disk loses what was committed; messages are deleted, or the app's right to read them is taken away
while a send is in doubt; clocks of Slack and of this machine differ by more than SKEW (an hour).

What must hold then: every intent that was acknowledged has its effect once and none has it twice; what everybody sees
stands exactly once, in its final state, with its whole story below it. What one person alone sees cannot be looked up
in Slack: it comes at most once, and where it is unsure whether it came, a dead letter says so.
"""

import gc
import math
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slack_bolt import BoltRequest, BoltResponse
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk import WebClient
from sqlalchemy.exc import PendingRollbackError

from bots import cards
from bots.board import Board
from bots.door import Door
from bots.home import Pages
from bots.local.faults import Chaos
from bots.local.workspace import LocalSlack
from bots.nudging import Nudging
from bots.sender import Sender
from bots.surface import Settings, app
from bots.work import Worker
from mlops_tui.opening import open_project
from mlops_tui.project import Project
from mlops_tui.session import Session
from store.facts import AlertEvent, Command, IncidentEvent
from store.ledger import Ledger
from store.queues import Cards, Inbox, Outbox
from tests.bots.conftest import PEOPLE, TEAM
from tests.bots.local.conftest import Clock, part
from tests.bots.mortal import dying
from tests.conftest import FILES

MINUTE = 60.0
ANSWERED = ("command", "press", "form", "app_mention")
SHARE = 0.02  # of the places where a process may end: two or three deaths a day
RATES = {"limit": 0.05, "error": 0.04, "lose_answer": 0.08, "lose_request": 0.05, "late": 0.03, "duplicate": 0.1,
         "rotate": 0.01}
OFTEN = ("note", "note", "form", "ack", "severity", "look", "home", "fires", "rotate")
PLAIN = ("note", "fires", "ack", "form", "severity", "look", "home", "note")


class Killed(BaseException):
    """The process is gone: nothing after this line happens."""


ENDED = (Killed, PendingRollbackError)  # the second is what SQLAlchemy makes of the first in the middle of a statement


@dataclass
class Death:
    """Comes at random, or at one place only; `places` counts those where it might have come."""

    random: random.Random
    share: float = 0.0
    at: int = 0
    places: int = 0
    times: int = 0

    def may_come(self, where: str = "") -> None:
        self.places += 1
        if self.places == self.at or (self.share and self.random.random() < self.share):
            self.times += 1
            raise Killed(where)

    def around(self, step: Callable[..., Any]) -> Callable[..., Any]:
        def stepped(*args: Any, **more: Any) -> Any:
            self.may_come()
            done = step(*args, **more)
            self.may_come()
            return done

        return stepped


@dataclass
class Taken:
    """What was acknowledged as taken."""

    notes: set[str] = field(default_factory=set)
    homes: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Lived:
    """How a day ended: what is wrong, in words, and what it cost."""

    wrong: str
    places: int
    deaths: int
    calls: int


class Office:
    """The bot in its steps, over a real socket to a real double of Slack, in a time that we move."""

    def __init__(self, folder: Path, slack: LocalSlack, clock: Clock, death: Death) -> None:
        self.folder, self.slack, self.clock, self.death = folder, slack, clock, death
        self.random = death.random
        self.dead = False
        self.said: list[str] = []
        self.client = WebClient(slack.bot_token, slack.url, timeout=2, retry_handlers=[])
        self.handler = SocketModeHandler(app(self.listening(), Settings("x")), slack.app_token, web_client=self.client)
        while True:
            try:
                self.born()
                break
            except ENDED:
                continue
        self.handler.connect()

    def listening(self) -> Any:
        office = self

        class Ears(Door):
            def receive(self, req: BoltRequest) -> BoltResponse:
                try:
                    return office.door.receive(req)
                except ENDED:  # nobody answers; whoever is at work is gone too
                    office.dead = True
                    return BoltResponse(status=503, body="")

        return Ears(None, lambda: Project(self.folder), self.client)  # type: ignore[arg-type]

    def born(self) -> None:
        """A process begins with what is on the disk."""
        session = open_project(self.folder, person="ana")
        assert isinstance(session.ledger, Ledger)
        self.session, self.ledger, self.dead = session, session.ledger, False
        client = WebClient(self.slack.bot_token, self.slack.url, timeout=2, retry_handlers=[])
        client.api_call = self.death.around(client.api_call)  # type: ignore[method-assign]
        self.door = Door(Inbox(self.ledger.engine), lambda: Project(self.folder), client,
                         self.slack.url.removesuffix("api/"))
        self.workers = [Worker(session, self.said.append) for _ in range(2)]
        self.sender = Sender(client, self.ledger, self.said.append, clock=self.clock)
        self.sender._call = self.death.around(self.sender._call)  # type: ignore[method-assign]
        self.board = Board(session, client, "C01", self.said.append, clock=self.clock)
        self.nudging = Nudging(session, self.said.append, clock=self.clock)
        self.pages = Pages(session, client, self.said.append, clock=self.clock)

    def turn(self) -> None:
        """One turn of every loop; whoever is killed in it is born again."""
        self.clock.pass_(1.1)
        try:
            if self.dead:
                self.born()
            for asked in Inbox(self.ledger.engine).waiting():
                for worker in self.workers if self.random.random() < 0.2 else self.workers[:1]:
                    worker.deal(asked)
            self.workers[0].tell_ended()
            self.board.round()
            self.pages.round()
            self.nudging.round()
            self.sender.round()
        except ENDED:
            self.dead = True

    def settle(self) -> None:
        """All is well again: turn until nothing is left to do. RuntimeError where that never comes."""
        self.slack.faults.clear()
        self.death.share = self.death.at = 0
        for _ in range(400):
            self.turn()
            waiting, counts = Inbox(self.ledger.engine).waiting(), Outbox(self.ledger.engine).counts()
            pages = self.pages.homes.watched(math.inf)  # those that are still to be shown
            if not (waiting or pages or counts.get("new") or counts.get("sending") or self.board.behind
                    or self.slack.server.overdue):
                return
            self.clock.pass_(5.0)
            self.slack.server.wait(self.slack.server.done_late())
        raise RuntimeError(f"it never came to rest: {waiting} {counts} {self.said[-5:]}")

    def close(self) -> None:
        with suppress(TimeoutError):  # Slack's client lets go of a socket late where another thread of it reconnects
            part(self.slack, self.handler.client)
        gc.collect()


def day(office: Office, acts: Sequence[str]) -> Taken:
    """What people do while everything goes wrong; what of it was acknowledged."""
    pick, taken = office.random, Taken()
    for number, what in enumerate(acts):
        if office.slack.faults.chaos and pick.random() < 0.15:
            office.slack.faults.down(pick.choice((30.0, 2 * MINUTE)))
        ACTS[what](office, pick.choice(("ana", "bo")), f"n{number}", taken)
        for _ in range(pick.randint(0, 3)):
            office.turn()
    return taken


def noted(office: Office, who: str, text: str, taken: Taken) -> None:
    taken.notes |= {text} if office.slack.slash(who, f"incident note INC-1 {text}").ok else set()


def filled_in(office: Office, who: str, text: str, taken: Taken) -> None:
    """A form, where it opens; what is acknowledged is taken."""
    if office.slack.slash(who, "incident note INC-1").modal:
        taken.notes |= {text} if office.slack.submit(who, values={"Text": text}).ok else set()


def acknowledged(office: Office, who: str, text: str, taken: Taken) -> None:
    for card in office.slack.messages():
        if "I am on it" in str(card["blocks"]):
            office.slack.click(who, card, "I am on it")


def judged(office: Office, who: str, text: str, taken: Taken) -> None:
    office.slack.slash(who, f"incident severity INC-1 {office.random.choice(('low', 'critical'))} --note {text}")


def looked_in(office: Office, who: str, text: str, taken: Taken) -> None:
    seen = office.slack.open_home(who)
    taken.homes |= {who} if seen.ok and not seen.undelivered else set()


def fires(office: Office, who: str, text: str, taken: Taken) -> None:
    with suppress(*ENDED):
        office.ledger.append(fired(f"AL-{int(text[1:]) + 2}"))


ACTS: Mapping[str, Callable[[Office, str, str, Taken], object]] = {
    "note": noted, "form": filled_in, "ack": acknowledged, "severity": judged, "home": looked_in, "fires": fires,
    "look": lambda office, who, text, taken: office.slack.slash(who, "incident show INC-1"),
    "rotate": lambda office, who, text, taken: office.slack.faults.rotate_sockets()}


def fired(id: str) -> AlertEvent:
    return AlertEvent(subject=id, event="fired", monitor="flights-drift", about="flights-delay", check="drift",
                      severity="high", title=f"{id} moved", runbook="data-drift")


def declared(folder: Path) -> Path:
    """A small project with its people, an alert and an incident."""
    for name, text in {**FILES, "team.yaml": TEAM}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (folder / "mlops.yaml").write_text('project: flights\nslack: {channel: C01}\n', encoding="utf-8")
    open_project(folder, person="ana").ledger.append(fired("AL-1"), IncidentEvent(
        subject="INC-1", event="opened", title="late", severity="high", about="flights-delay"))
    return folder


def lived(folder: Path, seed: int) -> Lived:
    """A day of chaos drawn from a seed."""
    pick = random.Random(seed)
    return _lived(folder, Death(pick, SHARE), [pick.choice(OFTEN) for _ in range(10)],
                  Chaos(seed, RATES, seconds=0.0))


def died(folder: Path, place: int) -> Lived:
    """The same quiet day, on which the process ends once: when it comes to that place. 0: never."""
    return _lived(folder, Death(random.Random(7), at=place), PLAIN, None)


def _lived(folder: Path, death: Death, acts: Sequence[str], chaos: Chaos | None) -> Lived:
    clock = Clock(time.time())
    declared(folder)
    with LocalSlack(PEOPLE, clock=clock, patience=0.5) as slack, dying(death.may_come):
        office = Office(folder, slack, clock, death)
        try:
            slack.faults.chaos = chaos
            taken = day(office, acts)
            places = death.places
            office.settle()
            return Lived(judge(slack, office.session, taken), places, death.times, len(slack.calls))
        except RuntimeError as problem:
            return Lived(str(problem), death.places, death.times, len(slack.calls))
        finally:
            death.share = death.at = 0
            office.close()


def judge(slack: LocalSlack, session: Session, taken: Taken) -> str:
    """What is wrong, in words; nothing where all is well."""
    ledger = session.ledger
    assert isinstance(ledger, Ledger)
    told = (*_effects(ledger, taken), *_answers(slack, ledger, taken), *_messages(slack, session, ledger))
    return "; ".join(wrong for wrong, holds in told if not holds)


def _effects(ledger: Ledger, taken: Taken) -> Iterator[tuple[str, bool]]:
    """Every intent that was acknowledged has its effect once, and none has it twice."""
    entries = ledger.entries()
    notes = Counter(entry.fact.note for entry in entries if isinstance(entry.fact, IncidentEvent)
                    and entry.fact.event == "note")
    outcomes = Counter(entry.fact.argv for entry in entries if isinstance(entry.fact, Command)
                       and entry.fact.phase == "outcome" and entry.fact.argv[:2] == ("incident", "note"))
    yield f"acknowledged and lost: {taken.notes - set(notes)}", taken.notes <= set(notes)
    yield f"noted twice: {notes}", set(notes.values()) <= {1}
    yield f"done twice: {outcomes}", set(outcomes.values()) <= {1}
    yield "the chain is broken", ledger.verify() is None


def _answers(slack: LocalSlack, ledger: Ledger, taken: Taken) -> Iterator[tuple[str, bool]]:
    """Who asked is answered, or a dead letter says why not; nobody is answered twice."""
    done = f"SELECT id FROM inbox WHERE status = 'done' AND kind IN {ANSWERED}"
    asked = {f"asked/{id}" for id in _rows(ledger, done)}
    put = set(_rows(ledger, "SELECT key FROM outbox"))
    yield f"done without an answer: {asked - put}", asked <= put
    yield "set aside", not _rows(ledger, "SELECT id FROM inbox WHERE status = 'failed'")
    hidden = "SELECT id FROM outbox WHERE method IN ('response_url', 'chat.postEphemeral')"
    seen = sum(bool(each.get("blocks")) for each in slack.state.ephemerals)
    yield f"answered {seen} times", seen <= len(_rows(ledger, hidden))
    unsure = [each for each in _rows(ledger, "SELECT error FROM outbox WHERE status = 'dead'")
              if "perhaps said" not in each and "interrupted" not in each]
    yield f"dead for another reason: {unsure}", not unsure
    missing = {who for who in taken.homes if slack.home(who) is None}
    yield f"saw no first page: {missing}", not missing


def _messages(slack: LocalSlack, session: Session, ledger: Ledger) -> Iterator[tuple[str, bool]]:
    """What everybody sees stands once and says what the history says now, with its story told to its end."""
    standing = {_id(card): card for card in slack.messages()}
    ids = Counter(_id(each) for card in slack.messages() for each in (card, *card["replies"]))
    put = set(_rows(ledger, "SELECT key FROM outbox WHERE status = 'sent' AND channel = 'C01' "
                            "AND method = 'chat.postMessage'"))
    known = Cards(ledger.engine).all()
    yield f"said twice: {ids}", set(ids.values()) <= {1}
    yield f"not as the outbox says: {put ^ set(ids)}", put == set(ids)
    board = Board(session, WebClient(), "C01", print)
    for wanted in cards.wanted(session, {}):
        card, here = standing.get(f"card/{wanted.name}", {}), known.get(wanted.name)
        yield f"{wanted.name} is stale", card.get("text") == board._message(wanted)["text"]
        told = here is not None and here.told == max(seq for seq, _ in wanted.story)
        yield f"{wanted.name} is not told to its end", told


def _id(message: Any) -> str:
    return str(message["metadata"]["event_payload"]["id"])


def _rows(ledger: Ledger, query: str) -> list[str]:
    with ledger.engine.connect() as connection:
        return [str(row[0]) for row in connection.exec_driver_sql(query)]
