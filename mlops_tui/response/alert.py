"""Alerts: what fired, who is on it, how long it stays silent, and whether it was real."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime

import click

from mlops_tui import folds
from mlops_tui.alerts import alertrecord, alertstate, notifying, safe
from mlops_tui.alerts.alertstate import Alert
from mlops_tui.alerts.matching import all_match, matchers
from mlops_tui.capability import Plan, act, decide, look, noun
from mlops_tui.errors import BadInput, Conflict
from mlops_tui.inputs.moments import told
from mlops_tui.render import cells
from mlops_tui.response import _newest, _people, _scene, _silencing, _timeline, _words
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Facts, Part, Status, Text, View, counted
from store.facts import AlertEvent, Finding
from store.ledger import Entry

alert = noun("alert", __doc__ or "", bare="list", subject="show", package="mlops_tui.response")


@look(of=alert, fold=True)
@click.argument("alert")
def show(session: Session, alert: str) -> View:
    """Everything about one alert, and what to do next.

    \b
    Example: mlops-tui alert show AL-1
    """
    session.declared()
    near = _scene.around(session, alert)
    found, entries, known = near.alert, near.entries, near.known
    scene = near.scene()
    facts: dict[str, Cell] = {
        "alert": found.id, "severity": found.severity, "state": found.standing(session.now()),
        **near.first(scene), **_besides(session, found, known), "about": found.about, "monitor": found.monitor,
        "fired": found.fired, "owner": found.owner or None, "silent_until": found.silent_until(session.now()),
        "incidents": near.incidents}
    facts |= {"for": near.meant()} if found.route else {}
    number, cause = _newest.fired_by(found, entries)
    if cause is not None:
        of = {"column": cause.detail.get("worst") or None, "metric": cause.detail.get("metric") or None}
        facts |= {"value": cause.value, "limit": cause.limit, **{key: str(name) for key, name in of.items() if name},
                  "n": cause.n, "from": told(cause.window[0]), "to": told(cause.window[1]), "entry": number}
    ours = {found.id, *(each.id for each in found.silences)}
    own = [entry for entry in entries if entry.subject in ours]
    parts = (Facts(facts), *_by_now(session, found, cause, entries), _timeline.table(own, session.declared().zone))
    return View(f"{found.id}: {found.title}", _status(found), parts, near.steps(scene))


def _besides(session: Session, found: Alert, known: Mapping[str, Alert]) -> dict[str, Cell]:
    """What somebody who was just woken wants to know of it: what it costs, whether it tells the truth, why it is
    quiet or less than its rule asks for, what else is on its card."""
    monitor = session.declared().monitors.get(found.monitor)
    policy, now = monitor.alert if monitor is not None else None, session.now()
    record = alertrecord.record([each for each in known.values() if each.monitor == found.monitor], None, now)
    others = [each for each in known.values() if found.open and each.open and each.together == found.together
              and each.id != found.id]
    again, zone = notifying.next_reminder(found, policy, now), session.declared().zone
    on = [f"{due.to} at {cells.moment(at, zone)}" for at, due in notifying.upcoming(found, policy, now)
          if due.why == "escalated"]
    said: dict[str, Cell] = {
        "why": _words.why_quiet(session, found, known), "rule_was": record.said,
        "lowered": found.lowered, "pages": "yes" if found.page else "", "told_again": again,
        "goes_on_to": on[0] if on else "",
        "on_the_same_card": f"{counted(len(others), 'other')}, {others[0].id} first" if others else ""}
    return {name: value for name, value in said.items() if value not in ("", None)}


def _by_now(session: Session, found: Alert, cause: Finding | None, entries: Sequence[Entry]) -> Iterator[Part]:
    """Of an alert that is not closed: what its monitor found last, by which limit, and what is missing."""
    monitors = session.declared().monitors
    if not found.open:
        return
    yield _newest.table([found], monitors, entries)
    lacks = _newest.missing(found, monitors, entries)
    if not lacks:
        return
    limits = _limits(session, found, cause, entries)
    rule = "One that is unknown, or run by hand without --monitor, does not count."
    yield Text(" ".join([f"To recover: {lacks}. {rule}", *limits]))


def _limits(session: Session, found: Alert, cause: Finding | None, entries: Sequence[Entry]) -> Iterator[str]:
    """Where the limit is no longer the one it fired by: that of the newest finding, or a file that changed since."""
    last = _newest.newest(entries, found.monitor)
    if last is None or cause is None:
        return
    if last[1].limit is not None and last[1].limit != cause.limit:
        yield f"It fired by the limit {cause.limit:g}; the newest finding is judged by {last[1].limit:g}." \
            if cause.limit is not None else f"The newest finding is judged by the limit {last[1].limit:g}."
    project = session.declared()
    if found.monitor in project.monitors and cause.declaration and session.as_of is None:
        kinds = ((kind, name) for kind, name in (("monitor", found.monitor), ("dataset", found.about))
                 if name in (project.monitors if kind == "monitor" else project.datasets))
        if last[1].declaration not in {project.fingerprint(kind, name) for kind, name in kinds}:
            yield f"monitors/{found.monitor}.yaml was changed since its newest finding."


def _status(found: Alert) -> Status:
    """How it stands, as a status; looking at it is no failure, so nothing here ends with an exit code of 1."""
    return Status.PASS if not found.open or found.state == "recovered" else Status.WARN


# -- what people do about it ------------------------------------------------------------------------------------


def _change(session: Session, names: Sequence[str], step: Callable[[Alert], AlertEvent | None], *,
            group: bool = False, match: Sequence[str] = ()) -> list[Alert]:
    """Append what `step` makes of the alerts as they stand under the lock, all or none; the alerts afterwards.

    Where it makes nothing of one, that stands so already.

    With `group`, also of those that share a card with one of them and still fire; of those that fire and match.
    """
    wanted, meant = _silencing.meant(session, match), list[str]()
    if not names and not wanted:
        raise BadInput("Which alert?", next="Name it, such as AL-1, with --group those on its card as well, or give "
                                            "--match check=drift.")

    def decided(entries: Sequence[Entry]) -> list[AlertEvent]:
        known = folds.alerts(entries)
        named = {each.id: each for each in (folds.known(known, name, "alert") for name in names)}
        for each in named.values():
            if not each.open:
                raise Conflict(f"{each.id} is resolved already.", next=f"Try: mlops-tui alert show {each.id}")
        if group:
            cards = (each for each in alertstate.groups(known.values()) if any(one.id in named for one in each.alerts))
            named |= {one.id: one for each in cards for one in each.alerts if one.state == "firing"}
        if wanted:
            named |= {each.id: each for each in known.values()
                      if each.state == "firing" and all_match(wanted, each.values)}
        if not named:
            raise Conflict("No alert that fires matches.", next="Try: mlops-tui alert list")
        meant[:] = named
        return [made for each in named.values() if (made := step(each)) is not None]

    session.ledger.transact(decided)
    after = folds.alerts(session.ledger.entries("alert"))
    return [after[name] for name in meant]


def _steps(session: Session, found: Alert) -> tuple[Action, ...]:
    """What helps safely from here."""
    known = _scene.around(session, found.id)
    return safe.ranked(known.scene())[:3]


def _named(found: Sequence[Alert]) -> str:
    """One alert with its title, several by their number and the first of them."""
    return f"{found[0].id}: {found[0].title}" if len(found) == 1 else \
        f"{counted(len(found), 'alert')}: {', '.join(each.id for each in found[:5])}{', …' * (len(found) > 5)}"


@act(of=alert, confirm=False)
@click.argument("alerts", nargs=-1)
@click.option("--group", is_flag=True, help="With the others that fire on the same card.")
@click.option("--match", multiple=True, help="All that fire and of which this holds: check=drift,severity<=low.")
@click.option("--note", default="", help="A word to the others.")
def ack(session: Session, alerts: tuple[str, ...], group: bool, match: tuple[str, ...], note: str) -> View:
    """Say that you are on it, on several, on all of a card, or on all that match.

    \b
    Example: mlops-tui alert ack AL-1 --group
    Example: mlops-tui alert ack --match subject=flights-delay
    """
    def step(found: Alert) -> AlertEvent | None:
        if found.state == "recovered":
            raise Conflict(f"{found.id} has recovered; there is nothing to be on.",
                           next=f"Try: mlops-tui alert show {found.id}")
        if (found.state, found.owner) == ("acked", session.actor.name) and not note:
            return None
        return AlertEvent(subject=found.id, event="acked", who=session.actor.name, note=note)

    after = _change(session, alerts, step, group=group, match=match)
    undo = Action("Undo", ("alert", "unack", *(each.id for each in after)))
    steps = _steps(session, after[0]) if len(after) == 1 else (Action("Open alerts", ("alert", "list")),)
    return View(f"{after[0].owner} is on {_named(after)}", Status.DONE,
                (Facts({"alerts": tuple(each.id for each in after)}),) if len(after) > 1 else (), (undo, *steps))


@act(of=alert, confirm=False)
@click.argument("alerts", nargs=-1, required=True)
@click.option("--note", default="", help="Why; a word to whoever is next.")
def unack(session: Session, alerts: tuple[str, ...], note: str) -> View:
    """Give it back, or several: nobody is on it, and whom it is for is told again.

    \b
    Example: mlops-tui alert unack AL-1 --note "my train leaves"
    """
    def step(found: Alert) -> AlertEvent:
        if found.state == "recovered" or not found.owner:
            raise Conflict(f"Nobody is on {found.id}.", next=f"Try: mlops-tui alert show {found.id}")
        return AlertEvent(subject=found.id, event="unacked", note=note)

    after = _change(session, alerts, step)
    return View(f"Nobody is on {_named(after)}", Status.DONE, (),
                (Action("Undo", ("alert", "ack", *(each.id for each in after))),))


@act(of=alert, confirm=False)
@click.argument("alert")
@click.argument("person")
@click.option("--group", is_flag=True, help="With the others that fire on the same card.")
def assign(session: Session, alert: str, person: str, group: bool) -> View:
    """Give it to PERSON, who has yet to ack it.

    \b
    Example: mlops-tui alert assign AL-1 bo
    """
    who = _people.person(session, person)
    after = _change(session, (alert,), lambda found: AlertEvent(subject=found.id, event="assigned", who=who),
                    group=group)
    return View(f"{after[0].id} is with {who}: {after[0].title}" if len(after) == 1 else
                f"{who} has {_named(after)}", Status.DONE)


@act(of=alert)
@click.argument("alert", required=False)
@click.option("--match", multiple=True, help="Every alert of which this holds: monitor=flights-*,severity<=medium.")
@click.option("--from", "start", default=None, help="From when on, such as 2013-09-15T22:00; now by default.")
@click.option("--for", "length", default=None, help="How long, such as 4h.")
@click.option("--until", default=None, help="Until when, such as 2013-09-15T06:00.")
@click.option("--note", default="", help="Why it may be silent.")
def silence(session: Session, alert: str | None, match: tuple[str, ...], start: str | None, length: str | None,
            until: str | None, note: str) -> Plan:
    """Keep an alert and whatever else its monitor fires, or all that match, from notifying anybody for a while.

    What it would mute now is shown before.

    \b
    Example: mlops-tui alert silence AL-1 --for 4h
    Example: mlops-tui alert silence --match subject=weather --from 2013-09-15T22:00 --for 6h --note "the feed moves"
    """
    if (alert is None) == (not match):
        raise BadInput("Which alerts?", next="Name one, such as AL-1, or give --match monitor=flights-drift.")
    if alert is not None and start is not None:
        raise BadInput("The silence of one alert begins now.", next=f"Try: --match alert={alert} --from {start}")
    span, said = _silencing.Span.of(session, start, length, until), f"for {length}" if length else f"until {until}"
    if alert is None:
        return _silencing.by_matcher(session, match, span, said, note)
    found = folds.known(folds.alerts(session.ledger.entries("alert")), alert, "alert")
    if not found.open:
        raise Conflict(f"{found.id} is resolved already.", next=f"Try: mlops-tui alert show {found.id}")

    def apply() -> View:
        [after] = _change(session, (found.id,), lambda found: AlertEvent(
            subject=found.id, event="silenced", note=note, until=span.until.isoformat()))
        grave = after.severity == "critical"
        return View(f"{after.id} is silent, and so is what its monitor fires meanwhile{'. It is critical!' * grave}",
                    Status.WARN if grave else Status.DONE, (Facts({"until": span.until, "monitor": after.monitor}),),
                    (Action("Undo", ("alert", "unsilence", after.id)),))

    return Plan(_silencing.preview(session, matchers([f"monitor={found.monitor}"]), span, said), apply)


@look(of=alert, fold=True)
@click.option("--all", "everything", is_flag=True, help="Those that are over as well.")
def silences(session: Session, everything: bool) -> View:
    """What is kept silent now, and what is planned: by whom, why, until when, and what it hides.

    \b
    Example: mlops-tui alert silences
    """
    session.declared()
    return _silencing.listed(session, everything)


@act(of=alert, confirm=False)
@click.argument("silence")
@click.option("--note", default="", help="Why it is over.")
def unsilence(session: Session, silence: str, note: str) -> View:
    """End a silence before its time, that of an alert or one by matcher, or call a planned one off.

    \b
    Example: mlops-tui alert unsilence SI-1
    Example: mlops-tui alert unsilence AL-1
    """
    session.declared()
    if not silence.upper().startswith("AL-"):
        return _silencing.ended(session, silence, note)

    def step(found: Alert) -> AlertEvent:
        if not found.until or datetime.fromisoformat(found.until) <= session.now():
            raise Conflict(f"{found.id} has no silence of its own.", next="Try: mlops-tui alert silences")
        return AlertEvent(subject=found.id, event="heard", note=note)

    [after] = _change(session, (silence,), step)
    other = after.silent_until(session.now())
    return View(f"{after.id} is {'still silenced by a matcher' if other else 'heard again'}: {after.title}",
                Status.WARN if other else Status.DONE, (Facts({"until": other}),) if other else (),
                (Action("What is silent?", ("alert", "silences")),))


@decide(of=alert)
@click.argument("alert")
@click.option("--real/--noise", "real", default=None, help="Whether it told the truth; rules are measured by it.")
def resolve(session: Session, alert: str, real: bool | None, reason: str) -> View:
    """Close it, saying whether it was real or noise.

    \b
    Example: mlops-tui alert resolve AL-1 --real --reason "the weather feed was late"
    """
    if real is None:
        raise BadInput("Was it real or noise?", next="Add --real or --noise; a monitor is measured by these answers.")
    [after] = _change(session, (alert,),
                      lambda found: AlertEvent(subject=found.id, event="resolved", real=real, note=reason))
    return View(f"{after.id} is closed as {'real' if real else 'noise'}", Status.DONE,
                (Facts({"monitor": after.monitor, "reason": reason}),),
                (Action("How often was each rule right?", ("alert", "rules")),
                 Action("Undo", ("alert", "reopen", after.id))))


@act(of=alert, confirm=False)
@click.argument("alert")
@click.option("--note", default="", help="Why it was closed too early.")
def reopen(session: Session, alert: str, note: str) -> View:
    """Take back that it was closed, and what was said of it: it fires again.

    \b
    Example: mlops-tui alert reopen AL-1 --note "the wrong button"
    """
    session.declared()

    def decided(entries: Sequence[Entry]) -> list[AlertEvent]:
        known = folds.alerts(entries)
        found = folds.known(known, alert, "alert")
        mine = [each for each in known.values() if each.monitor == found.monitor]
        later = mine[mine.index(found) + 1:]
        if found.open:
            raise Conflict(f"{found.id} is open.", next=f"Try: mlops-tui alert show {found.id}")
        if later:
            raise Conflict(f"{found.monitor} has fired {later[-1].id} since.",
                           next=f"Try: mlops-tui alert show {later[-1].id}")
        return [AlertEvent(subject=found.id, event="reopened", note=note)]

    [entry] = session.ledger.transact(decided)
    found = folds.alerts(session.ledger.entries("alert"))[entry.subject]
    return View(f"{found.id} is open again: {found.title}", Status.DONE, (), _steps(session, found))
