"""Silences of all alerts that match, for a span of time: begun, planned, listed, ended."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import get_args

from mlops_tui import folds
from mlops_tui.alerts import alertstate
from mlops_tui.alerts.alertstate import Alert, Silence
from mlops_tui.alerts.matching import Matcher, all_match, matchers
from mlops_tui.capability import Plan
from mlops_tui.declarations.declare import span_text
from mlops_tui.declarations.kinds import Check
from mlops_tui.errors import BadInput, Conflict, nearest
from mlops_tui.inputs.moments import after, moment
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Column, Facts, Row, Status, Table, View, counted
from store.facts import AlertEvent
from store.ledger import Entry

LONGEST = timedelta(days=14)


@dataclass(frozen=True)
class Span:
    """From when to when."""

    since: datetime
    until: datetime

    @classmethod
    def of(cls, session: Session, start: str | None, length: str | None, until: str | None) -> "Span":
        """The span that the options say; BadInput where it is none, is over, or is too long for a silence."""
        zone, now = session.declared().zone, session.now()
        since = moment(start, zone, now) if start is not None else now
        if (length is None) == (until is None):
            raise BadInput("Say how long.", next="Give --for 4h or --until 2013-09-15T06:00.")
        if since < now:
            raise BadInput(f"{start} has passed already.", next="What was told cannot be unsaid: leave out --from.")
        if until is not None:
            end = moment(until, zone, now)
            if end <= since:
                raise BadInput(f"{until} has passed already." if start is None else f"{until} is not after {start}.",
                               next="A silence is ended with: mlops-tui alert unsilence SI-1")
        else:
            end = after(since, length or "", none=True)
        if end == since:
            raise BadInput("A silence of no time hides nothing.",
                           next="Give --for 4h; one is ended with: mlops-tui alert unsilence AL-1")
        if end - since > LONGEST:
            raise BadInput(f"A silence lasts {span_text(LONGEST)} at most.",
                           next="What is to be quiet for good is changed in the monitor's file.")
        return cls(since, end)


def meant(session: Session, match: Sequence[str]) -> tuple[Matcher, ...]:
    """The matchers that the texts stand for; BadInput for a name that nothing has."""
    session.declared()
    wanted = matchers(match) if match else ()
    for each in wanted:
        _check(session, each)
    return wanted


def preview(session: Session, wanted: Sequence[Matcher], span: Span, said: str) -> View:
    """What a silence would mute if it began now; `said` is its length as it was given, which does not pass."""
    known = folds.alerts(session.ledger.entries("alert")).values()
    hidden = _hidden(wanted, known)
    firing = [each for each in hidden if each.state == "firing" and not each.quiet(session.now())]
    grave = _critical(hidden)
    facts: dict[str, Cell] = {"match": tuple(map(str, wanted)), "how_long": said,
                              "from": span.since if span.since > session.now() else None,
                              "mutes": tuple(each.id for each in firing), "hides": tuple(each.id for each in hidden),
                              "critical": tuple(grave)}
    names = f": {', '.join(each.id for each in firing[:5])}{', …' * (len(firing) > 5)}" if firing else ""
    again = f"{', '.join(each.id for each in hidden[:5])}{', …' * (len(hidden) > 5)}" if hidden else "what matches"
    title = f"This will mute {counted(len(firing), 'alert')} now firing{names}" if firing else \
        f"Nothing that matches is firing now: {again} would be mute on firing again"
    return View(f"{title}. {', '.join(grave)} critical!" if grave else title, Status.CONFIRM, (Facts(facts),))


def by_matcher(session: Session, match: Sequence[str], span: Span, said: str, note: str) -> Plan:
    """What it would mute, then the silence, which says what it hides."""
    wanted = meant(session, match)
    if not note.strip():
        raise BadInput("Why may they be silent?", next='Add --note "the weather feed is being moved".')

    def decided(entries: Sequence[Entry]) -> list[AlertEvent]:
        number = folds.next_id("SI", alertstate.silences(entries))
        return [AlertEvent(subject=number, event="silence", match=tuple(map(str, wanted)), note=note,
                           since=span.since.isoformat(), until=span.until.isoformat())]

    def apply() -> View:
        name = session.ledger.transact(decided)[-1].subject
        hidden = _hidden(wanted, folds.alerts(session.ledger.entries("alert")).values())
        facts: dict[str, Cell] = {"silence": name, "match": tuple(map(str, wanted)), "from": span.since,
                                  "until": span.until, "hides": tuple(each.id for each in hidden)}
        begins = "is planned" if span.since > session.now() else "begins now"
        return View(f"{name} {begins}: {_said(hidden)}", Status.WARN if _critical(hidden) else Status.DONE,
                    (Facts(facts),), (Action("Undo", ("alert", "unsilence", name)),
                                      Action("What is silent?", ("alert", "silences"))))

    return Plan(preview(session, wanted, span, said), apply)


def _check(session: Session, each: Matcher) -> None:
    """A name that nothing has matches nothing: BadInput names the nearest that something has."""
    if each.key in ("severity", "alert") or any(letter in each.value for letter in "*?["):
        return
    project = session.declared()
    known = {"monitor": tuple(project.monitors), "check": get_args(Check),
             "subject": (*project.models, *project.datasets, *project.endpoints)}[each.key]
    if each.value not in known:
        raise BadInput(f"No {each.key} is called '{each.value}'.",
                       next=nearest(each.value, known) or f"There are {', '.join(sorted(known)) or 'none'}.")


def _hidden(wanted: Sequence[Matcher], known: Iterable[Alert]) -> list[Alert]:
    return [each for each in known if each.open and each.state != "recovered" and all_match(wanted, each.values)]


def _critical(hidden: Iterable[Alert]) -> list[str]:
    return [each.id for each in hidden if each.severity == "critical"]


def _said(hidden: Sequence[Alert]) -> str:
    if not hidden:
        return "no open alert matches it now"
    grave = _critical(hidden)
    said = f"it hides {counted(len(hidden), 'open alert')}"
    return f"{said}, {', '.join(grave)} critical!" if grave else said


def listed(session: Session, everything: bool) -> View:
    """The silences that are active or planned, by matcher or of one alert, with what each hides now."""
    entries, now = session.ledger.entries("alert"), session.now()
    known = folds.alerts(entries).values()
    found = [each for each in alertstate.silences(entries).values()
             if everything or each.standing(now) in ("active", "planned")]
    rows = [*_own(known, entries, now), *(_row(each, known, now) for each in reversed(found))]
    active = [row for row in rows if row["state"] == "active"]
    grave = [row for row in active if row["critical"]]
    title = f"{counted(len(active), 'silence is active', 'silences are active')}" if active else "Nothing is silenced"
    planned = sum(row["state"] == "planned" for row in rows)
    title += f", {planned} planned" if planned else ""
    if grave:
        title += f"; {', '.join(str(row['silence']) for row in grave)}: a critical alert is hidden"
    table = Table.of("silences", rows, "silence", "state", "match", Column("since", "from", worth=-1),
                     Column("until", worth=1), "hides", Column("by", worth=-1), "why")
    actions = tuple(Action(f"End {row['silence']}", ("alert", "unsilence", str(row["silence"]))) for row in active[:3])
    return View(title, Status.WARN if grave else Status.DONE, (table,), actions)


def _own(known: Iterable[Alert], entries: Sequence[Entry], now: datetime) -> list[Row]:
    """The silences of one alert each, with what else its monitor has open."""
    rows = list[Row]()
    for each in known:
        if not (each.open and each.until and now < datetime.fromisoformat(each.until)):
            continue
        begun = next(entry for entry in reversed(entries) if entry.subject == each.id
                     and isinstance(entry.fact, AlertEvent) and entry.fact.event == "silenced")
        match = matchers([f"monitor={each.monitor}"])
        hidden = _hidden(match, known)
        rows.append({"silence": each.id, "state": "active", "match": ",".join(map(str, match)),
                     "since": begun.recorded_at, "until": datetime.fromisoformat(each.until),
                     "hides": tuple(one.id for one in hidden), "critical": tuple(_critical(hidden)),
                     "by": begun.actor, "why": begun.fact.note if isinstance(begun.fact, AlertEvent) else "",
                     "ended_by": None})
    return rows


def _row(each: Silence, known: Iterable[Alert], now: datetime) -> Row:
    hidden = _hidden(each.match, known)
    return {"silence": each.id, "state": each.standing(now), "match": each.said, "since": each.since,
            "until": each.until, "hides": tuple(one.id for one in hidden), "critical": tuple(_critical(hidden)),
            "by": each.by, "why": each.why, "ended_by": each.ended_by or None}


def ended(session: Session, name: str, note: str) -> View:
    """Append its end; Conflict where it is over."""
    def decided(entries: Sequence[Entry]) -> list[AlertEvent]:
        found = folds.known(alertstate.silences(entries), name, "silence", "alert silences --all")
        if found.standing(session.now()) in ("over", "ended"):
            raise Conflict(f"{found.id} is over.", next="Try: mlops-tui alert silences --all")
        return [AlertEvent(subject=found.id, event="heard", note=note)]

    found = session.ledger.transact(decided)[-1].subject
    entries = session.ledger.entries("alert")
    mine = alertstate.silences(entries)[found]
    heard = _hidden(mine.match, folds.alerts(entries).values())
    said = f"{counted(len(heard), 'open alert')} may be heard again" if heard else "no open alert matches it"
    return View(f"{found} is over: {said}", Status.DONE, (Facts({"silence": found, "until": mine.until}),),
                (Action("Open alerts", ("alert", "list")),))
