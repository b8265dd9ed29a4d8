"""The messages that live: one for each group of alerts, each incident and each approval, as the history says now."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from mlops_tui import folds
from mlops_tui.folds import Alert
from mlops_tui.health import SEVERITIES
from mlops_tui.roles import Actor
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Facts, Row, Series, Status, Table, View
from store.ledger import Entry

READER = Actor("slack", frozenset({"viewer"}), "slack")
LOUD = ("fired again", "severity critical", "severity high")  # told to the whole channel, not to the thread alone
KINDS = ("alert", "incident", "approval", "vote", "finding", "runbook", "promotion", "postmortem")
_ALERT = ("severity", "state", "since", "about", "owner", "fired", "value", "limit", "n", "silent_until")
_INCIDENT = ("severity", "state", "onset", "detected", "lead", "resolved", "earlier_about_it", "post_mortem")
_APPROVAL = ("state", "votes", "role", "requester", "expires_at", "command", "reason")


@dataclass(frozen=True)
class Wanted:
    """A living message as it should stand: what it shows, and the lines of its story with the entries they tell."""

    name: str
    view: View
    story: tuple[tuple[int, str], ...]


@dataclass(frozen=True)
class Group:
    """Alerts about one subject that were open at the same time; called by the first of them."""

    name: str
    alerts: tuple[Alert, ...]

    @property
    def worst(self) -> Alert:
        """The one to show: what fires before what is taken care of, then the gravest, then the newest."""
        rank = {"firing": 0, "acked": 1, "recovered": 2, "resolved": 3}
        return min(self.alerts, key=lambda each: (rank.get(each.state, 0), _grave(each.severity),
                                                  -each.opened_at.timestamp()))

    @property
    def open(self) -> bool:
        return any(each.open for each in self.alerts)


def _grave(severity: str) -> int:
    return SEVERITIES.index(severity) if severity in SEVERITIES else len(SEVERITIES)


def groups(alerts: Iterable[Alert]) -> list[Group]:
    """Alerts about the same subject belong together as long as one of them is open."""
    found: list[Group] = []
    for alert in sorted(alerts, key=lambda each: each.opened_at):
        going = next((group for group in reversed(found) if group.alerts[0].about == alert.about
                      and any(each.open or each.updated_at > alert.opened_at for each in group.alerts)), None)
        if going is None:
            found.append(Group(f"alert/{alert.id}", (alert,)))
        else:
            found[found.index(going)] = replace(going, alerts=(*going.alerts, alert))
    return found


def wanted(session: Session, known: Mapping[str, int]) -> list[Wanted]:
    """Every message that should stand, of those that are open or stand already.

    `known` has, for each message that stands, the last entry that its story has told: one that is over and told
    to its end is not looked at again.
    """
    reader = session.acting_as(READER)
    entries, now = session.ledger.entries(*KINDS), session.now()
    last = _last_of(entries)
    made: list[Wanted] = []
    for group in groups(folds.alerts(entries).values()):
        loud = [each for each in group.alerts if not each.silent(now)]
        end = max(last.get(each.id, 0) for each in group.alerts)
        if _concerns(group.name, open=group.open and bool(loud), end=end, known=known):
            made.append(_alerts(reader, group))
    for incident in folds.incidents(entries).values():
        if _concerns(name := f"incident/{incident.id}", open=incident.open, end=last.get(incident.id, 0), known=known):
            made.append(_shown(reader, name, ("incident", "show", incident.id), _INCIDENT))
    for approval in folds.approvals(entries, now).values():
        name, going = f"approval/{approval.id}", approval.state in ("open", "met")
        if _concerns(name, open=going, end=last.get(approval.id, 0), known=known):
            made.append(_approval(reader, name, approval.id, [entry for entry in entries
                                                              if entry.subject == approval.id]))
    return made


def _last_of(entries: Sequence[Entry]) -> dict[str, int]:
    return {entry.subject: entry.seq for entry in entries}


def _concerns(name: str, *, open: bool, end: int, known: Mapping[str, int]) -> bool:
    """Whether it is to be looked at: it is open, or it stands and its end is not told yet."""
    return open or (name in known and known[name] < end)


def _alerts(reader: Session, group: Group) -> Wanted:
    """The worst of the group as `alert show` has it, the others in a line each."""
    worst = group.worst
    shown = _shown(reader, group.name, ("alert", "show", worst.id), _ALERT)
    others: list[Row] = [{"alert": each.id, "state": each.state, "severity": each.severity, "title": each.title}
                         for each in group.alerts if each.id != worst.id]
    story = [line for each in group.alerts for line in _story(reader, ("alert", "show", each.id))]
    actions = shown.view.actions
    if worst.open:
        actions = (*actions, Action("Silence…", ("alert", "silence", worst.id)), Action("More", ("alert", "show", worst.id)))
    parts = (*shown.view.parts, *((Table.of("others", others[-10:], "alert", "state", "title", total=len(others)),)
                                  if others else ()))
    status = _standing(worst)
    return Wanted(group.name, replace(shown.view, status=status, parts=parts, actions=actions),
                  tuple(sorted(set(story))))


def _standing(worst: Alert) -> Status:
    if not worst.open or worst.state == "recovered":
        return Status.PASS
    return Status.FAIL if worst.state == "firing" and worst.severity in SEVERITIES[:2] else Status.WARN


def _shown(reader: Session, name: str, argv: tuple[str, ...], facts: Sequence[str]) -> Wanted:
    """What a look shows, as far as it belongs on the first screenful of a phone; its timeline is the story."""
    view = reader.perform(argv).view
    parts = [_picked(part, facts) if isinstance(part, Facts) else part for part in view.parts
             if isinstance(part, Facts | Series)]
    return Wanted(name, replace(view, parts=tuple(parts)), _lines(view))


def _picked(part: Facts, names: Sequence[str]) -> Facts:
    told: dict[str, Cell] = {name: part.items[name] for name in names if part.items.get(name) not in (None, "", ())}
    return Facts(told)


def _story(reader: Session, argv: tuple[str, ...]) -> tuple[tuple[int, str], ...]:
    return _lines(reader.perform(argv).view)


def _lines(view: View) -> tuple[tuple[int, str], ...]:
    """The timeline of a view as lines, each with its entry."""
    table = next((part for part in view.parts if isinstance(part, Table) and part.id == "timeline"), None)
    return tuple((int(str(row["entry"])), f"{row['who']}: {row['what']}") for row in (table.rows if table else ()))


def _approval(reader: Session, name: str, id: str, own: Sequence[Entry]) -> Wanted:
    """What is asked for, with the gate as it stands and every vote."""
    view = reader.perform(("approve", "show", id)).view
    kept = [_picked(part, _APPROVAL) if isinstance(part, Facts) else part for part in view.parts
            if not isinstance(part, Table) or part.id in ("votes", "gate")]
    state = view.facts().get("state")
    actions = (Action("Approve…", ("approve", "vote", id)), Action("Reject…", ("approve", "vote", id, "--no")),
               Action("The plan", ("approve", "show", id))) if state == "open" else ()
    story = tuple((entry.seq, f"{entry.actor}: {_said(entry)}") for entry in own)
    return Wanted(name, replace(view, parts=tuple(kept), actions=actions), story)


def _said(entry: Entry) -> str:
    event, choice = getattr(entry.fact, "event", ""), getattr(entry.fact, "choice", "")
    reason = getattr(entry.fact, "reason", "")
    return f"{f'votes {choice}' if choice else event}{f' ({reason})' if reason else ''}"
