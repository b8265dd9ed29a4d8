"""What was asked for is done: computed outside, then written in one short transaction with its answer."""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from slack_sdk import WebClient

from bots import blocks, channels, identity, timeline
from bots.sender import NotSaid
from bots.timeline import Timeline
from bots.words import argv_of
from mlops_tui import asking, folds, jobs
from mlops_tui.commands import again, named
from mlops_tui.daemon import fresh, ledger_of
from mlops_tui.errors import BadInput, Conflict, Denied, Refusal
from mlops_tui.roles import DESTROYS, Actor, Shape
from mlops_tui.session import Session
from mlops_tui.view import Action, Facts, Status, View, refused
from store.facts import Command, IncidentEvent
from store.homes import Homes
from store.ledger import Ledger
from store.queues import Asked, Cards, Inbox, Outbox

if TYPE_CHECKING:
    from sqlalchemy import Connection

ROWS = 99         # of a table in the answer to a command: there is no other that shows more
TRIES = 8         # before a request that fails is set aside
PAUSE = 0.5       # seconds before it is tried again; twice as long each time, so two minutes in all
MOVED = 50        # times that the history may grow while one request is computed
TYPED = ("command", "app_mention", "message")  # what a person said in words of his own
Say = Callable[[str], None]
Body = Mapping[str, Any]


@dataclass(frozen=True)
class Saying:
    """One thing to be said: how, where, and what."""

    method: str
    channel: str
    body: Body


@dataclass
class Worker:
    """Empties the inbox. Whatever happens to its process, each request has its effect once."""

    session: Session
    say: Say
    charts: bool = True
    client: WebClient | None = None  # by which is read what a marked message says
    _random: random.Random = field(default_factory=random.Random)
    _after: dict[int, float] = field(default_factory=dict)  # when one that failed may be tried again

    def __post_init__(self) -> None:
        self.engine = ledger_of(self.session).engine
        self.inbox, self.outbox, self.cards = Inbox(self.engine), Outbox(self.engine), Cards(self.engine)

    def meant(self, message: Body) -> timeline.Meant:
        """The incident that a message belongs to, or those that it may belong to."""
        return timeline.meant(message, ledger_of(self.session).entries("incident"), self.cards.all(), self._channel)

    def may_try(self, asked: Asked) -> bool:
        """Whether it is time: one that failed waits longer each time, since what is wrong may be mended meanwhile."""
        return time.monotonic() >= self._after.get(asked.id, 0.0)

    def deal(self, asked: Asked) -> None:
        """Do it; where the history grew meanwhile, compute it again."""
        for _ in range(MOVED):
            try:
                return self._once(asked)
            except Conflict:
                if asked.id not in {each.id for each in self.inbox.waiting(limit=1000)}:
                    return None
                time.sleep(self._random.uniform(0, 0.02))
            except NotSaid as problem:  # Slack is asked again when it is well; nothing is given up for that
                self._after[asked.id] = time.monotonic() + max(problem.after or 0.0, PAUSE)
                return None
            except Refusal as problem:
                return self._failed(asked, problem)
        return self._failed(asked, Conflict("The history grew faster than this could be decided."))

    def broken(self, asked: Asked, problem: Exception) -> None:
        """A bug of ours: it is tried again, and set aside when that does not help."""
        self._failed(asked, problem)

    def _failed(self, asked: Asked, problem: Exception) -> None:
        dead = asked.tries + 1 >= TRIES
        self._after[asked.id] = time.monotonic() + PAUSE * 2 ** asked.tries
        self.say(f"■ request {asked.id} ({asked.kind}): {type(problem).__name__}: {problem}")
        if dead:
            view = View("This could not be done, and nothing is tried any more.", Status.ERROR, (Facts({
                "where": f"request {asked.id}", "why": str(problem)}),))
            self._put(f"asked/{asked.id}", self._to(asked, view, public=False))
        self.inbox.tried(asked.id, f"{type(problem).__name__}: {problem}", dead=dead)

    def _once(self, asked: Asked) -> None:
        session = fresh(self.session)
        if asked.kind in ("app_home_opened", "home"):
            return self._looks_in(asked)
        actor = identity.actor_of(session.declared().team, asked.person)
        if asked.kind == "elsewhere":
            return self._turned_away(session, asked)
        if asked.kind in timeline.KINDS:
            return self._follow(session, actor, asked)
        if actor is None or asked.kind == "refused":
            return self._refuse(session, asked, known=actor is not None)
        base = ledger_of(session)
        mine = replace(session, ledger=base.unit()).acting_as(actor)
        if asked.kind == "archive":
            return self._archive(mine, asked)
        wanted = list[tuple[Sequence[str], str | None, str | None]]()

        def begin(_: Session, argv: Sequence[str], consent: str | None, reason: str | None) -> int:
            wanted.append((argv, consent, reason))
            return 0

        try:
            argv = asking.worded(mine, _argv(asked)) if asked.kind in TYPED else _argv(asked)
            reply = _cancelled() if asked.kind == "cancel" else asking.ask(
                mine, argv, _consent(mine, asked, argv), asked.body.get("reason"), begin)
        except BadInput as problem:
            argv, reply = (), asking.Answer(refused(problem), error=True)
        begun: list[int] = []
        told = None if wanted else self._reply(asked, argv, reply)  # drawn before the lock is taken, not under it

        def also(connection: "Connection") -> None:
            begun[:] = [jobs.put(mine, *wanted[0], connection=connection)] if wanted else []
            Inbox.settle(connection, asked.id, "begun" if begun else "done", job=begun[0] if begun else None)
            self._put(f"asked/{asked.id}", told or self._has_begun(asked, argv, begun[0]), connection)

        _unit(mine).commit(also)
        for id in begun:
            jobs.launch(mine, id)
        return None

    # -- what is answered -----------------------------------------------------------------------------------------

    def _has_begun(self, asked: Asked, argv: Sequence[str], job: int) -> Saying:
        """A few words, for they are made while others wait."""
        view = View(f"job {job} has begun: {' '.join(argv)}", Status.RUNNING, (),
                    (Action("How far is it?", ("job", "log", str(job))),))
        return self._to(asked, view, public=False)

    def _reply(self, asked: Asked, argv: Sequence[str], reply: asking.Reply) -> Saying:
        match reply:
            case asking.Plan():
                message = blocks.plan_message(reply.view, argv, reply.digest, zone=self._zone, charts=self.charts,
                                              named=reply.named)
                return self._say_to(asked, message, public=asked.kind == "app_mention")
            case asking.ReasonWanted():
                view = View(f"'{' '.join(argv)}' needs a reason.", Status.ERROR,
                            (Facts({"next": "Add: --reason 'why'"}),))
                return self._to(asked, view, public=False)
            case asking.Begun():
                raise AssertionError("told when its number is known")
        return self._to(asked, reply.view, public=_looked(argv) and not reply.error, command=again(argv))

    def _to(self, asked: Asked, view: View, *, public: bool, command: Sequence[str] = ()) -> Saying:
        message = blocks.message(view, zone=self._zone, command=command, charts=self.charts, rows=ROWS)
        return self._say_to(asked, message, public=public)

    def _say_to(self, asked: Asked, message: Body, *, public: bool) -> Saying:
        """Where it was asked; what only one person should see, and what takes the place of a hidden message, there."""
        where = asked.body
        if where.get("answer") and (where.get("replaces") or not where.get("thread")):
            return Saying("response_url", "", {"url": where["answer"], "replace_original": bool(where.get("replaces")),
                                               "response_type": "ephemeral", **message})
        thread = {"thread_ts": where["thread"]} if where.get("thread") else {}
        if not where.get("channel"):  # pressed on the first page of the app
            return Saying("chat.postMessage", asked.person, message)
        if (public and thread) or asked.kind in ("app_mention", "message"):
            return Saying("chat.postMessage", where["channel"], {**thread, **message})
        return Saying("chat.postEphemeral", where["channel"], {"user": asked.person, **thread, **message})

    def _put(self, key: str, saying: Saying, connection: "Connection | None" = None) -> None:
        self.outbox.put(key, saying.method, saying.channel, saying.body, connection)

    @property
    def _zone(self) -> Any:
        return self.session.declared().zone

    # -- what is no command ---------------------------------------------------------------------------------------

    def shut(self, actor: Actor, argv: Sequence[str]) -> bool:
        """Whether somebody is refused whatever he would fill in: it is decided, say, or he is no voter."""
        session = fresh(self.session).acting_as(actor)
        call = asking.call_of(session, argv)
        return call is not None and not asking.may(session, call)

    def _turned_away(self, session: Session, asked: Asked) -> None:
        """A request of another workspace is one entry; nobody there is answered."""
        unit = ledger_of(session).unit().acting_as("somebody in another workspace")
        unit.append(Command(subject="slack", argv=(), shape="", phase="refused", status="denied",
                            source=identity.SOURCE, error="wrong_workspace"))
        _unit(replace(session, ledger=unit)).commit(lambda connection: Inbox.settle(connection, asked.id, "done"))

    def _refuse(self, session: Session, asked: Asked, *, known: bool) -> None:
        """Somebody we do not know, or a button that is none of ours: said, and recorded."""
        problem: Refusal = identity.unknown(asked.person) if not known else Denied(str(asked.body.get("why") or ""))
        unit = ledger_of(session).unit().acting_as("somebody in Slack")
        meant = named(asked.body.get("argv") or ())  # what else a stranger typed does not stay for ever
        unit.append(Command(subject="slack", argv=tuple(meant[0].split(" ")) if meant else (), shape="",
                            phase="refused", status="denied", source=identity.SOURCE,
                            error="unknown_person" if not known else "forged"))
        told = self._to(asked, refused(problem), public=False)

        def also(connection: "Connection") -> None:
            Inbox.settle(connection, asked.id, "done")
            self._put(f"asked/{asked.id}", told, connection)

        _unit(replace(session, ledger=unit)).commit(also)

    def _looks_in(self, asked: Asked) -> None:
        """Somebody opens the app's first page, or turns it: who keeps those pages shows it to him."""
        with ledger_of(self.session).locked() as connection:
            Inbox.settle(connection, asked.id, "done")
            Homes.opened(connection, asked.person, int(asked.body.get("page") or 0), time.time())

    # -- the timeline of incidents --------------------------------------------------------------------------------

    def _follow(self, session: Session, actor: Actor | None, asked: Asked) -> None:
        """A message was marked, or one that is in a timeline changed; what Slack says of it is read first."""
        step = self._timeline(session).step(session, asked, self.cards.all(), self._channel)
        if actor is None and not step.follows and (step.argvs or step.ask):
            return self._refuse(session, asked, known=False)
        mine = replace(session, ledger=ledger_of(session).unit()).acting_as(
            timeline.FOLLOWER if step.follows or actor is None else actor)
        views = [mine.perform(argv).view for argv in step.argvs]
        told = None if step.follows else self._told(asked, step, views)

        def also(connection: "Connection") -> None:
            Inbox.settle(connection, asked.id, "done")
            if told is not None:
                self._put(f"asked/{asked.id}", told, connection)

        _unit(mine).commit(also)
        return None

    def _timeline(self, session: Session) -> Timeline:
        declared = session.declared().settings.slack
        return Timeline(self.client, declared.timeline_emoji if declared is not None else timeline.EMOJI)

    @property
    def _channel(self) -> str:
        """The id of the bot's own channel, as far as it is known."""
        declared = fresh(self.session).declared().settings.slack
        ours = declared.channel if declared is not None else ""
        return self.outbox.place_of(ours) if ours.startswith("#") else ours

    def _told(self, asked: Asked, step: timeline.Step, views: Sequence[View]) -> Saying | None:
        """What the person is told: the question, a refusal; and where he asked in words, that it is done."""
        if step.ask:
            message = blocks.message(View("Which incident does that message belong to?", Status.CONFIRM),
                                     zone=self._zone)
            message["blocks"] = [*_listed(message["blocks"]), *timeline.offer(asked.body, step.ask)]
            return self._say_to(asked, message, public=False)
        wrong = [view for view in views if view.status in (Status.ERROR, Status.DENIED)]
        asked_for = asked.body["how"] in ("shortcut", "chosen")
        views = wrong or (views if asked_for else ())
        if not views and step.say:
            views = (View(step.say, Status.WARN),)
        return self._to(asked, views[0], public=False) if views else None

    def _archive(self, mine: Session, asked: Asked) -> None:
        """An incident's channel, once it is over; by whoever may work on incidents."""
        entries, incident = mine.ledger.entries("incident"), str(asked.body["incident"])
        channel = channels.of_incidents(entries).get(incident, "")
        try:
            mine.admit("incident note", Shape.ACT)
            if not channel or folds.incidents(entries)[incident].open:
                raise Conflict(f"{incident} is still open.")
            mine.ledger.append(IncidentEvent(subject=incident, event="archived", reference=channel))
            view = View(f"The channel of {incident} is archived.", Status.DONE)
        except Refusal as problem:
            channel, view = "", refused(problem)
        told = self._to(asked, view, public=False)

        def also(connection: "Connection") -> None:
            Inbox.settle(connection, asked.id, "done")
            self._put(f"asked/{asked.id}", told, connection)
            if channel:  # after the answer, for nothing can be said in it then
                self.outbox.put(f"channel/{incident}/archive", "conversations.archive", channel, {}, connection)

        _unit(mine).commit(also)

    # -- jobs -----------------------------------------------------------------------------------------------------

    def tell_ended(self) -> None:
        """Answer those whose jobs are over, each once."""
        for asked in self.inbox.waiting(status="begun"):
            try:
                self._tell_ended(asked)
            except Refusal as problem:  # one whose job is gone holds up no other
                self.say(f"■ request {asked.id} ({asked.kind}): {problem}")

    def _tell_ended(self, asked: Asked) -> None:
        """Where it was asked, if that is the project's own channel or a thread; to the person alone otherwise."""
        job = jobs.rows(self.session).one(asked.job or 0)
        if job.open:
            return
        view = jobs.answer(self.session, job.id) or View(job.title or f"job {job.id} is {job.status}",
                                                         jobs.status(job))
        actions = view.actions or (Action("Its log", ("job", "log", str(job.id))),)
        if job.status == "confirm":
            view = replace(view, title=f"Nothing was done: {view.title}")
            actions = (Action("Look again", job.argv),)
        message = blocks.message(replace(view, actions=actions), zone=self._zone, command=again(job.argv),
                                 charts=self.charts)
        channel, thread = self._place(asked)
        if channel != asked.person:
            message["text"] = f"<@{asked.person}> {message['text']}"
        saying = Saying("chat.postMessage", channel, {**thread, **message})
        with ledger_of(self.session).locked() as connection:
            Inbox.settle(connection, asked.id, "done", before="begun")
            self._put(f"job/{job.id}", saying, connection)

    def _place(self, asked: Asked) -> tuple[str, dict[str, str]]:
        """The channel, and the thread in it, where what a job found may be read."""
        channel, thread = str(asked.body.get("channel") or ""), str(asked.body.get("thread") or "")
        if channel and thread:
            return channel, {"thread_ts": thread}
        declared = fresh(self.session).declared().settings.slack
        ours = declared.channel if declared is not None else ""
        own = bool(channel) and (channel == self._channel or asked.body.get("called") == ours)
        return (channel if own else asked.person), {}


def _argv(asked: Asked) -> tuple[str, ...]:
    return tuple(asked.body["argv"] if "argv" in asked.body else argv_of(_spoken(str(asked.body.get("text") or ""))))


def _spoken(text: str) -> str:
    """What was said to us, without our name at its beginning."""
    first, _, rest = text.strip().partition(" ")
    return rest if first.startswith("<@") else text


def _listed(blocks: object) -> list[Any]:
    assert isinstance(blocks, list)
    return blocks


def _looked(argv: Sequence[str]) -> bool:
    found = named(argv)
    return found is not None and getattr(found[1], "shape", None) is Shape.LOOK


def _consent(session: Session, asked: Asked, argv: Sequence[str]) -> str | None:
    """What a button carried. Nobody consents by one to what destroys: its name is typed, and not where others read."""
    call = asking.call_of(session, argv)
    return None if call is not None and call.command in DESTROYS else asked.body.get("consent")


def _cancelled() -> asking.Answer:
    return asking.Answer(View("Cancelled; nothing was done.", Status.DONE))


def _unit(session: Session) -> Any:
    assert isinstance(session.ledger, Ledger)
    return session.ledger
