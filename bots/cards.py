"""The messages that live: of alerts, incidents, approvals, boards' cases and published cards, as the history says."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from mlops_tui import folds
from mlops_tui.alerts.alertstate import Alert, Group, groups
from mlops_tui.assurance import boardcases
from mlops_tui.declarations import known
from mlops_tui.folds import Incident
from mlops_tui.health import SEVERE, SEVERITIES
from mlops_tui.response import _timeline
from mlops_tui.roles import Actor
from mlops_tui.session import Session
from mlops_tui.tui.links import Link
from mlops_tui.view import Action, Cell, Facts, Row, Series, Status, Table, View, counted
from store.facts import AlertEvent, Approval, CardPublished, Fact, IncidentEvent
from store.ledger import Entry

READER = Actor("slack", frozenset({"viewer"}), "slack")
KINDS = ("alert", "incident", "approval", "vote", "finding", "runbook", "promotion", "postmortem", "card", "board")
_VOTES = {"Yes": "Approve", "No": "Reject"}
_DID = {"opened": "asks the board", "reopened": "the guidelines are new: all vote again", "recused": "leaves it",
        "asked": "asks for votes", "met": "it has its votes", "more": "wants to know more",
        "glass": "does it without votes"}
EXPIRED = timedelta(days=1)  # for so long the message of an approval whose time ran out, or of a card, is looked at
_ALERT = ("loss", "touches", "since", "changed", "since_then", "by_now", "on_it", "why", "severity", "state",
          "rule_was", "lowered", "told_again")
_LABELS = {"loss": "costs"}
OFFERED = 7  # buttons of an alert's card before the one that shows more
_INCIDENT = ("severity", "means", "state", "merged_into", "update", "next_update", "late", "handed_over", "lead",
             "looks_like", "to_close", "onset", "detected", "mitigated", "resolved", "merged", "post_mortem")
_CASE = ("state", "votes", "silent", "opened_by", "expires_at", "guidelines", "reason")
_APPROVAL = ("beside_the_champion", "state", "votes", "out_of_reach", "role", "seats", "requester", "expires_at",
             "command", "reason")


@dataclass(frozen=True)
class Wanted:
    """A living message as it should stand: what it shows, and the lines of its story with the entries they tell.

    The entries in `loud` concern the whole channel, not only those who follow the thread.
    """

    name: str
    view: View
    story: tuple[tuple[int, str], ...]
    loud: frozenset[int] = frozenset()


def wanted(session: Session, known: Mapping[str, int]) -> list[Wanted]:
    """Every message that should stand, of those that are open or stand already.

    `known` has, for each message that stands, the last entry that its story has told: one that is over and told
    to its end is not looked at again.
    """
    entries, reader = session.ledger.entries(*KINDS), session.acting_as(READER)
    standing = Standing(known, {entry.subject: entry.seq for entry in entries})
    now = session.now()
    made = [_alerts(reader, group, entries) for group in groups(folds.alerts(entries).values())
            if standing.concerns(group.name, *_subjects(group), open=group.loud(now))]
    made += [_incident(reader, each)
             for each in folds.incidents(entries).values()
             if standing.concerns(f"incident/{each.id}", each.id, open=each.open)]
    made += [_approval(reader, each.id, [entry for entry in entries if entry.subject == each.id])
             for each in folds.approvals(entries, now).values()
             if standing.concerns(f"approval/{each.id}", each.id, open=each.state in ("open", "met", "review"))
             or (each.state == "expired" and f"approval/{each.id}" in known and now - each.expires_at < EXPIRED)]
    made += [_case(reader, each.id, [entry for entry in entries if entry.subject == each.id])
             for each in boardcases.cases(entries, now).values()
             if standing.concerns(f"board/{each.id}", each.id, open=each.state == "open")]
    made += [_published(own) for own in _model_cards(entries).values() if now - own[-1].recorded_at < EXPIRED]
    loud = frozenset(entry.seq for entry in entries if _loud(entry.fact))
    return [replace(each, loud=loud & {seq for seq, _ in each.story}) for each in made]


def _subjects(group: Group) -> Iterator[str]:
    """What the history calls its alerts, and the silences over them."""
    for each in group.alerts:
        yield each.id
        yield from (silence.id for silence in each.silences)


def _loud(fact: Fact) -> bool:
    """It fires again, or no longer waits behind another, or it got worse; or somebody says how it stands."""
    if isinstance(fact, AlertEvent):
        return fact.event in ("refired", "flapping", "unmuted", "undelivered")
    if isinstance(fact, Approval):
        return fact.event == "glass"
    return isinstance(fact, IncidentEvent) and (
        fact.event == "update" or (fact.event == "severity" and fact.severity in SEVERE))


@dataclass(frozen=True)
class Standing:
    """How far the story of each message is told, and the last entry about each subject."""

    told: Mapping[str, int]
    last: Mapping[str, int]

    def concerns(self, name: str, *subjects: str, open: bool) -> bool:
        """Whether a message is to be looked at: what it is about is open, or it stands and its end is not told yet."""
        end = max(self.last.get(subject, 0) for subject in subjects)
        return open or (name in self.told and self.told[name] < end)


def _alerts(reader: Session, group: Group, entries: Sequence[Entry]) -> Wanted:
    """The worst of the group as `alert show` has it, the others in a line each."""
    worst = group.worst
    shown = _shown(reader, group.name, ("alert", "show", worst.id), _ALERT)
    others: list[Row] = [{"alert": each.id, "state": each.standing(reader.now()), "severity": each.severity,
                          "title": each.title}
                         for each in group.alerts if each.id != worst.id]
    ours = set(_subjects(group))
    story = _told(_timeline.table([entry for entry in entries if entry.subject in ours], reader.declared().zone))
    firing = sum(each.state == "firing" for each in group.alerts)
    whole = (Action(f"I am on all {firing}", ("alert", "ack", worst.id, "--group")),) if firing > 1 else ()
    actions = (*shown.view.actions[:1], *whole, *shown.view.actions[1:])
    if worst.open:
        actions = (*actions[:OFFERED], Action("More", ("alert", "show", worst.id)))
    table = Table.of("others", others[-10:], "alert", "state", "title", total=len(others))
    parts = (*shown.view.parts, *_course(reader, worst), *((table,) if others else ()))
    status = _standing(worst)
    return Wanted(group.name, replace(shown.view, status=status, parts=parts, actions=actions),
                  story)


def _course(reader: Session, alert: Alert) -> tuple[Series, ...]:
    """What its monitor found over time, beside the limit; once there is a line to draw."""
    if alert.monitor not in reader.declared().monitors:
        return ()
    view = reader.perform(("monitor", "show", alert.monitor)).view
    return tuple(part for part in view.parts if isinstance(part, Series) and part.id == "found" and len(part.x) > 1)


def _standing(worst: Alert) -> Status:
    if not worst.open or worst.state == "recovered":
        return Status.PASS
    return Status.FAIL if worst.state == "firing" and worst.severity in SEVERITIES[:2] else Status.WARN


def _incident(reader: Session, incident: Incident) -> Wanted:
    """As `incident show` has it, with what people do in one."""
    shown = _shown(reader, f"incident/{incident.id}", ("incident", "show", incident.id), _INCIDENT)
    actions = (*shown.view.actions, Action("More", ("incident", "show", incident.id)))
    return replace(shown, view=replace(shown.view, actions=actions))


def _shown(reader: Session, name: str, argv: tuple[str, ...], facts: Sequence[str]) -> Wanted:
    """What a look shows, as far as it belongs on the first screenful of a phone; its timeline is the story."""
    view = reader.perform(argv).view
    parts = [_picked(part, facts) if isinstance(part, Facts) else part for part in view.parts
             if isinstance(part, Facts | Series)]
    return Wanted(name, replace(view, parts=(*parts, _link(reader, argv[-1]))), _lines(view))


def _link(reader: Session, id: str) -> Facts:
    """How a terminal comes to where it is worked on."""
    link = Link((id,), known.listed_as(reader.declared().settings.project))
    return Facts({"in_a_terminal": f"mlops-tui open {link}"})


def _picked(part: Facts, names: Sequence[str]) -> Facts:
    told: dict[str, Cell] = {_LABELS.get(name, name): part.items[name] for name in names
                             if part.items.get(name) not in (None, "", ())}
    return Facts(told)


def _lines(view: View) -> tuple[tuple[int, str], ...]:
    """The timeline of a view as lines, each with its entry."""
    table = next((part for part in view.parts if isinstance(part, Table) and part.id == "timeline"), None)
    return _told(table) if table is not None else ()


def _told(timeline: Table) -> tuple[tuple[int, str], ...]:
    return tuple((int(str(row["entry"])), f"{row['who']}: {row['what']}") for row in timeline.rows)


def _approval(reader: Session, id: str, own: Sequence[Entry]) -> Wanted:
    """What is asked for, with the gate as it stands and every vote."""
    view = reader.perform(("approve", "show", id)).view
    kept = [_picked(part, _APPROVAL) if isinstance(part, Facts) else part for part in view.parts
            if not isinstance(part, Table) or part.id in ("votes", "gate")]
    offered = (replace(each, label=f"{_VOTES.get(each.label, each.label)}{'…' if each.asks else ''}")
               for each in view.actions)
    actions = (*offered, Action("The plan", ("approve", "show", id))) if view.facts().get("state") in (
        "open", "review") else ()
    story = tuple((entry.seq, f"{entry.actor}: {_said(entry)}") for entry in own)
    return Wanted(f"approval/{id}", replace(view, parts=(*kept, _link(reader, id)), actions=actions), story)


def _case(reader: Session, id: str, own: Sequence[Entry]) -> Wanted:
    """What a board is asked, who has voted and what it takes."""
    view = reader.perform(("board", "show", id)).view
    kept = [_picked(part, _CASE) if isinstance(part, Facts) else part for part in view.parts
            if not isinstance(part, Table) or part.id == "members"]
    actions = tuple(replace(each, label=f"{each.label}{'…' if each.asks else ''}") for each in view.actions)
    story = tuple((entry.seq, f"{entry.actor}: {_said(entry)}") for entry in own)
    return Wanted(f"board/{id}", replace(view, parts=tuple(kept), actions=actions), story)


def _model_cards(entries: Sequence[Entry]) -> dict[str, list[Entry]]:
    """Every publication of a model card, by model."""
    found: dict[str, list[Entry]] = {}
    for entry in entries:
        if isinstance(entry.fact, CardPublished):
            found.setdefault(entry.subject, []).append(entry)
    return found


def _published(own: Sequence[Entry]) -> Wanted:
    """The card that was published last, and in the thread each that was before it."""
    story = tuple((entry.seq, f"{entry.actor}: publishes the card of version {entry.fact.version}, "
                   f"{counted(len(entry.fact.gaps), 'thing')} unknown") for entry in own
                  if isinstance(entry.fact, CardPublished))
    last = own[-1].fact
    assert isinstance(last, CardPublished)
    subject = f"{last.subject}@{last.version}"
    facts = Facts({"model": last.subject, "version": last.version, "not known": last.gaps or "nothing",
                   "published by": own[-1].actor, "digest": last.digest[:12]})
    view = View(f"The card of {last.subject} {last.version} is published", Status.WARN if last.gaps else Status.PASS,
                (facts,), (Action("Read it", ("card", "show", subject)),
                           Action("Is it still right?", ("card", "check", subject))))
    return Wanted(f"card/{last.subject}", view, story)


def _said(entry: Entry) -> str:
    event, choice = getattr(entry.fact, "event", ""), getattr(entry.fact, "choice", "")
    event = getattr(entry.fact, "outcome", "") or event
    reason = getattr(entry.fact, "reason", "")
    did = "takes the vote back" if choice == "withdrawn" else f"votes {choice}" if choice else _DID.get(event, event)
    return f"{did}{f' ({reason})' if reason else ''}"
