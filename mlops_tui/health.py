"""What is healthy and what needs a person, folded from the history for the first screen."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING

from mlops_tui import folds
from mlops_tui.alerts.alertstate import priced
from mlops_tui.alerts.outdated import outdated
from mlops_tui.assurance import boardcases, tier
from mlops_tui.assurance.checklist import asks
from mlops_tui.declarations.endpoints import Endpoint
from mlops_tui.declarations.kinds import Checklist, Feature, Model, Monitor
from mlops_tui.declarations.odcs import Contract
from mlops_tui.errors import Refusal
from mlops_tui.folds import ModelState
from mlops_tui.incidents import answers
from mlops_tui.privacy.requests import requests
from mlops_tui.roles import Actor
from mlops_tui.view import Column, Row, Series, Status, Table, lasting, worst
from store.facts import Finding, Promotion

if TYPE_CHECKING:
    from mlops_tui.project import Project
    from store.ledger import Entry

# What a model's health is made of, and which checks speak to each part of it.
FACETS: Mapping[str, tuple[str, ...]] = {
    "data": ("ingest", "validate", "health"),
    "features": ("drift", "windows", "stability"),
    "performance": ("performance",),
    "calibration": ("calibration",),
    "fairness": ("bias",),
    "serving": ("serve", "traffic", "sla", "canary"),
}
SHORT = {"features": "feat", "performance": "perf", "calibration": "calib", "fairness": "fair", "serving": "serve"}
KEPT = timedelta(days=7)  # how long a finding counts where no monitor says its window
_URGENT = (Status.ERROR, Status.DENIED, Status.FAIL, Status.WARN, Status.UNKNOWN, Status.RUNNING, Status.CONFIRM,
           Status.PASS, Status.DONE)
SEVERITIES = ("critical", "high", "medium", "low")
SEVERE = SEVERITIES[:2]
ON_CALL = "operator or oncall"
ANSWERING = ("legal", "steward", "admin")  # who answers people that ask about their rows
OUTCOMES = ("performance", "calibration")  # checks that tell what was predicted, and seen
SHOWN = {"card": ("card", "show"), "impact": ("impact", "show"), "lineage": ("provenance", "of")}  # papers, by check
SOON = 7  # days before the last one in which a request warns


@dataclass(frozen=True)
class Declared:
    """What a project declares that health is read against."""

    models: Mapping[str, Model]
    monitors: Mapping[str, Monitor]
    checklists: Mapping[str, Checklist]
    datasets: Mapping[str, Contract]
    features: Mapping[str, Feature]
    zone: tzinfo = UTC
    endpoints: Mapping[str, Endpoint] = field(default_factory=dict)
    wrong: tuple[Refusal, ...] = ()  # of files that cannot be read

    @classmethod
    def of(cls, project: "Project", wrong: Sequence[Refusal] = ()) -> "Declared":
        return cls(project.models, project.monitors, project.checklists, project.datasets, project.features,
                   project.zone, project.endpoints, tuple(_within(each, f"{project.root}/") for each in wrong))

    def asked_at(self, model: str) -> frozenset[str]:
        """The endpoints at which a model is asked."""
        return frozenset(name for name, each in self.endpoints.items() if each.model.partition("@")[0] == model)

    def sources(self, model: str) -> frozenset[str]:
        """The datasets a model lives on: its labels', and those its features' SQL names."""
        declared = self.models[model]
        used = [self.features[name].sql for name in declared.features if name in self.features]
        words = {word for sql in used for word in re.findall(r"\w+", sql)}
        return frozenset({declared.label.dataset, *(name for name in self.datasets if name in words)})


def _within(problem: Refusal, root: str) -> Refusal:
    """The same, its place told from the project's folder on."""
    return type(problem)(problem.what, where=problem.where.removeprefix(root), next=problem.next)


@dataclass(frozen=True)
class Standing:
    """How one part of a model stands, and what says so; `by` is the monitor, where it was one."""

    status: Status
    why: str
    at: datetime | None = None
    by: str = ""


def models(declared: Declared, entries: "Sequence[Entry]", now: datetime) -> Table:
    """One row for each model, the sickest first: a status for each facet, with `<facet>_why`, `_at`, `_by`."""
    rows: list[Row] = []
    newest = _newest(entries)
    for name in declared.models:
        state = folds.model_state(entries, name)
        row: dict[str, object] = {
            "model": name, "version": state.champion, "role": _role(state), "challenger": state.challenger or None,
            "since": state.champion_since, "versions": len(state.versions), "owner": declared.models[name].owner}
        for facet in FACETS:
            found = _standing(declared.monitors, _speaks(declared, newest, state, facet), now)
            row |= {facet: found.status, f"{facet}_why": found.why, f"{facet}_at": found.at,
                    f"{facet}_by": found.by}
        row["status"] = _sickest(value for value in row.values() if isinstance(value, Status))
        rows.append(row)  # type: ignore[arg-type]
    rows.sort(key=lambda row: _URGENT.index(_status(str(row["status"]))))
    facets = [Column(facet, SHORT.get(facet, "")) for facet in FACETS]
    return Table.of("models", rows, "model", "version", "role", *facets, title="Models")


def failing(declared: Declared, entries: "Sequence[Entry]", name: str, facet: str, now: datetime) -> list[Finding]:
    """The newest findings, one of each monitor, that say that a facet of a model fails."""
    told = _speaks(declared, _newest(entries), folds.model_state(entries, name), facet)
    return [fact for entry, fact in told if _one(declared.monitors, entry, fact, now).status is Status.FAIL]


def spoken_to(declared: Declared, entries: "Sequence[Entry]", finding: Finding) -> list[str]:
    """The parts of models that a finding speaks to as things stand, such as `features of flights-delay`."""
    newest = _newest(entries)
    return [f"{facet} of {name}" for name in declared.models for facet in FACETS
            if any(fact == finding for _, fact in _speaks(declared, newest, folds.model_state(entries, name), facet))]


def _speaks(declared: Declared, newest: "Iterable[Told]", state: ModelState, facet: str) -> "list[Told]":
    """The findings that speak to a facet of a model; a monitor that is declared no longer does not."""
    subjects = declared.sources(state.name) if facet == "data" else frozenset({state.name})
    subjects |= declared.asked_at(state.name) if facet == "serving" else frozenset()
    return [(entry, fact) for entry, fact in _about(newest, FACETS[facet], subjects, state.champion)
            if not fact.monitor or fact.monitor in declared.monitors]


def _sickest(statuses: Iterable[Status]) -> Status:
    """A warning comes before what was never checked: it is known."""
    return min(statuses, key=_URGENT.index, default=Status.UNKNOWN)


def _role(state: ModelState) -> str:
    if state.champion:
        return "champion"
    return "trained" if state.versions else "not trained"


Told = tuple["Entry", Finding]


def _newest(entries: "Sequence[Entry]") -> list[Told]:
    """The newest finding of each check, subject, monitor and version."""
    found: dict[tuple[str, str, str, str], Told] = {}
    for entry in entries:
        fact = entry.fact
        if isinstance(fact, Finding):
            found[fact.check, fact.subject, fact.monitor, fact.version] = (entry, fact)
    return list(found.values())


def _about(newest: Iterable[Told], checks: Sequence[str], subjects: Iterable[str], champion: str) -> list[Told]:
    """Those about the version that serves, or about none; one run by hand only while no monitor has looked since."""
    found = [(entry, fact) for entry, fact in newest if fact.check in checks and fact.subject in subjects
             and fact.version in ("", "champion", champion)]
    last = {(fact.check, fact.subject): entry.seq for entry, fact in sorted(found, key=lambda told: told[0].seq)}
    return [(entry, fact) for entry, fact in found if fact.monitor or entry.seq == last[fact.check, fact.subject]]


def _standing(monitors: Mapping[str, Monitor], found: Iterable[Told], now: datetime) -> Standing:
    """The worst of them; one that is older than its window says nothing any more.

    What somebody ran by hand, as declared, answers for a monitor that does not know; it never hides what one found.
    """
    stands = [(entry.seq, fact, _one(monitors, entry, fact, now)) for entry, fact in found
              if not fact.monitor or fact.monitor in monitors]
    by_hand = {(fact.check, fact.subject): seq for seq, fact, standing in stands
               if not fact.monitor and fact.declaration and standing.status is not Status.UNKNOWN}
    each = [standing for seq, fact, standing in stands if not fact.monitor or standing.status is not Status.UNKNOWN
            or seq > by_hand.get((fact.check, fact.subject), 0)]
    status = worst(standing.status for standing in each)
    return next((standing for standing in each if standing.status is status), Standing(status, "never checked"))


def _one(monitors: Mapping[str, Monitor], entry: "Entry", fact: Finding, now: datetime) -> Standing:
    monitor = monitors.get(fact.monitor)
    kept = max(monitor.window, timedelta(days=1)) if monitor else KEPT
    of_the_version = bool(fact.version) and not fact.monitor and not any(fact.window)  # holds as long as it serves
    if now - entry.recorded_at > kept and not of_the_version:
        return Standing(Status.UNKNOWN, f"not checked for {lasting(now - entry.recorded_at)}: {fact.title}",
                        entry.recorded_at, fact.monitor)
    return Standing(_status(fact.status), fact.title, entry.recorded_at, fact.monitor)


def _status(word: str) -> Status:
    return Status(word) if word in set(Status) else Status.UNKNOWN


# -- what needs a person ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Need:
    """Something that waits; `argv` opens it, `yours` says whether the actor can settle it, `who` which people can.

    `more` is what its next steps are made of: the runbook for it, what it is about, who leads.
    """

    kind: str
    id: str
    title: str
    detail: str
    argv: tuple[str, ...]
    yours: bool
    status: Status = Status.UNKNOWN
    since: datetime | None = None
    severity: str = ""
    label: str = ""
    who: str = ON_CALL
    more: Row = field(default_factory=dict)

    @property
    def urgency(self) -> tuple[int, bool, int]:
        """What is worst first, then what is yours, then by severity."""
        severity = SEVERITIES.index(self.severity) if self.severity in SEVERITIES else len(SEVERITIES)
        return _URGENT.index(self.status), not self.yours, severity

    @property
    def row(self) -> Row:
        return {"status": self.status, "kind": self.kind, "id": self.id, "label": self.label or self.id,
                "title": self.title, "detail": self.detail, "since": self.since, "argv": self.argv,
                "yours": self.yours, "who": self.who, **self.more}


def needs(declared: Declared, entries: "Sequence[Entry]", now: datetime, actor: Actor) -> Table:
    """What waits for somebody, the most urgent first."""
    found = [*_unreadable(declared, actor), *_incidents(entries, now, actor), *_alerts(entries, now, actor),
             *_runbooks(entries, now, actor),
             *_approvals(entries, now, actor), *_boards(entries, now, actor),
             *_postmortems(entries, now, actor), *_questions(entries, now, actor),
             *_overdue(entries, now.astimezone(declared.zone).date(), actor),
             *_sign_offs(declared, entries, now, actor), *_proposals(entries, actor),
             *_papers(declared, entries, actor), *_requests(declared, entries, now, actor)]
    rows = [need.row for need in sorted(found, key=lambda need: need.urgency)]
    return Table.of("needs", rows, Column("label", "what"), "title", "detail", title="Needs you")


def _unreadable(declared: Declared, actor: Actor) -> list[Need]:
    """Declarations that cannot be read: what they ask for is not done, and nobody else says so."""
    return [Need("declaration", each.where, f"{each.where.rpartition('/')[2]}: {each.what}",
                 " · ".join(filter(None, (each.where, each.next))), ("doctor",), actor.has("engineer"), Status.FAIL,
                 label="file", who="engineer") for each in declared.wrong]


def _on_call(actor: Actor) -> bool:
    return actor.has("operator") or actor.has("oncall")


def _severe(severity: str) -> Status:
    return Status.FAIL if severity in SEVERE else Status.WARN


def _incidents(entries: "Sequence[Entry]", now: datetime, actor: Actor) -> list[Need]:
    alerts, runs = folds.alerts(entries), list(folds.runbook_runs(entries).values())
    return [Need("incident", each.id, each.title or each.about,
                 f"{each.severity} · open for {lasting(now - each.opened_at)} · "
                 f"{'lead ' + each.roles['lead'] if each.roles.get('lead') else 'nobody leads'}",
                 ("incident", "show", each.id), _on_call(actor), _severe(each.severity), each.opened_at, each.severity,
                 more={"runbook": _runbook(each, alerts, runs), "lead": each.roles.get("lead"),
                       "about": each.about})
            for each in folds.incidents(entries).values() if each.open]


def _runbook(incident: folds.Incident, alerts: Mapping[str, folds.Alert], runs: Sequence[folds.RunbookRun]) -> str:
    """The run that somebody is in the middle of, else the runbook that its alerts name, where nobody has begun it."""
    mine = [run for run in runs if run.incident in incident.ids]
    going = next((run.id for run in mine if run.open), "")
    named = next((alerts[name].runbook for name in incident.alerts if name in alerts and alerts[name].runbook), "")
    return going or (named if named not in {run.runbook for run in mine} else "")


def _alerts(entries: "Sequence[Entry]", now: datetime, actor: Actor) -> list[Need]:
    """Alerts that fire and that no open incident has taken up; who acked one has taken it up too."""
    taken = {alert for each in folds.incidents(entries).values() if each.open for alert in each.alerts}
    firing = [each for each in priced(folds.alerts(entries).values(), entries)
              if each.state == "firing" and each.id not in taken and not each.quiet(now)]
    return [Need("alert", each.id, each.title or each.monitor,
                 f"{each.severity} · for {lasting(now - each.opened_at)} · "
                 f"{'flapping' if each.flapping else 'not acknowledged'}",
                 ("alert", "show", each.id), _on_call(actor), _severe(each.severity), each.opened_at, each.severity,
                 more={"runbook": each.runbook, "about": each.about})
            for each in sorted(firing, key=lambda each: each.gravity)]


def _boards(entries: "Sequence[Entry]", now: datetime, actor: Actor) -> list[Need]:
    """Cases of review boards in which somebody's vote is still out."""
    waiting = [each for each in boardcases.cases(entries, now).values() if each.state == "open"]
    return [Need("board case", each.id, f"{each.board} about {each.about}", f"{each.count.said} · by {each.asked_by}",
                 ("board", "show", each.id), any(actor.name in (name, each.rules.members[name].delegate)
                                                 for name in each.count.silent), Status.WARN, each.opened_at,
                 who=" or ".join(each.count.silent))
            for each in waiting]


def _runbooks(entries: "Sequence[Entry]", now: datetime, actor: Actor) -> list[Need]:
    """Runs that have stopped at a step for a person."""
    return [Need("runbook", each.id, f"runbook {each.runbook} goes on with a person",
                 f"{each.incident or each.about} · begun {lasting(now - each.started_at)} ago by {each.by}",
                 ("runbook", "show", each.id), _on_call(actor), Status.WARN, each.started_at)
            for each in folds.runbook_runs(entries).values() if each.open]


def _postmortems(entries: "Sequence[Entry]", now: datetime, actor: Actor) -> list[Need]:
    """Resolved incidents that nobody has learned from yet."""
    written = folds.postmortems(entries)
    return [Need("post-mortem", each.id, f"no post-mortem yet: {each.title or each.about}",
                 f"resolved {lasting(now - each.resolved_at)} ago", ("incident", "show", each.id), _on_call(actor),
                 since=each.resolved_at)
            for each in folds.incidents(entries).values() if each.resolved_at is not None and each.id not in written]


def _questions(entries: "Sequence[Entry]", now: datetime, actor: Actor) -> list[Need]:
    """What the actor, who was there, was asked about an incident and has not answered yet."""
    return [Need("question", each.id, f"what did you see of it? {each.title or each.about}",
                 f"over for {lasting(now - ended)} · you: {', '.join(mine.part)}", ("incident", "show", each.id),
                 True, since=ended)
            for each, ended in answers.asked_about(entries, now)
            if (mine := answers.asked(entries, each, {actor.name}).get(actor.name)) and mine.state == "waiting"]


def _approvals(entries: "Sequence[Entry]", now: datetime, actor: Actor) -> list[Need]:
    return [Need("approval", each.id, each.title or " ".join(each.argv),
                 f"{each.count} · {lasting(each.expires_at - now)} left · "
                 f"{'yours to answer' if _may_vote(each, actor) else 'asked by ' + each.requester}",
                 ("approve", "show", each.id), _may_vote(each, actor), Status.WARN, each.asked_at,
                 who=f"{' or '.join(each.asks)}, not {each.requester}")
            for each in folds.approvals(entries, now).values() if each.state == "open"] + [
        Need("review", each.id, f"done without votes: {each.title}", f"by {each.requester}: {each.reason}",
             ("approve", "show", each.id), _counts(each, actor), Status.FAIL, each.asked_at,
             who=f"{' or '.join(each.asks)}, not {each.requester}")
        for each in folds.approvals(entries, now).values() if each.state == "review"]


def _may_vote(approval: folds.ApprovalState, actor: Actor) -> bool:
    return _counts(approval, actor) and actor.name not in approval.votes


def _counts(approval: folds.ApprovalState, actor: Actor) -> bool:
    return any(actor.has(role) for role in approval.asks) and actor.name != approval.requester


def _overdue(entries: "Sequence[Entry]", today: date, actor: Actor) -> list[Need]:
    """Promised actions whose day has passed where the project is."""
    late = [(each, today - due) for each in folds.action_items(entries).values()
            if each.state == "open" and (due := _day(each.due)) is not None and due < today]
    return [Need("action", each.id, each.title, f"action of {each.incident} · overdue {by.days} d · "
                 f"{each.owner or 'nobody'}'s", ("postmortem", "show", each.incident), each.owner == actor.name,
                 who=each.owner or ON_CALL)
            for each, by in late]


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        return None


def _sign_offs(declared: Declared, entries: "Sequence[Entry]", now: datetime, actor: Actor) -> list[Need]:
    """Checklist items that a person must answer before the newest version of a model can serve."""
    found, today = [], now.astimezone(declared.zone).date()
    for name, model in declared.models.items():
        state = folds.model_state(entries, name)
        checklist = declared.checklists.get(model.checklist)
        if not state.challenger or checklist is None:
            continue
        subject, since = f"{name}@{state.challenger}", state.versions[state.challenger].recorded_at
        given, risk = folds.sign_offs(entries, subject), tier.of(entries, name)
        found += [Need("sign-off", f"{subject} {item.id}", item.title or item.id.replace("-", " "),
                       f"{subject} · signed off by {item.sign_off}", ("checklist", "show", subject),
                       actor.has(item.sign_off), since=since, label="sign", who=item.sign_off)
                  for item in checklist.items if item.sign_off and asks(item, risk, model.task, today) is not False
                  and not _fresh(given.get(item.id), item.max_age, now)]
    return found


def _fresh(entry: "Entry | None", max_age: timedelta | None, now: datetime) -> bool:
    return entry is not None and (max_age is None or now - entry.recorded_at <= max_age)


def _proposals(entries: "Sequence[Entry]", actor: Actor) -> list[Need]:
    return [Need(kind := "lesson" if each.lesson else "proposal", each.id, each.why or f"a change of {each.path}",
                 f"{kind} for {each.path}", ("adopt", each.id), actor.has("engineer"), since=each.at, who="engineer")
            for each in folds.proposals(entries).values() if each.state == "open"]


def _papers(declared: Declared, entries: "Sequence[Entry]", actor: Actor) -> list[Need]:
    """Cards and impacts of models that no longer say what is so."""
    return [Need(each.check, each.subject, each.title, f"{each.check} of {each.subject}",
                 (*SHOWN.get(each.check, ("model", "show")), each.model if each.check == "impact" else each.subject),
                 actor.has("engineer"), Status.WARN, each.since, label=each.check, who="engineer")
            for each in outdated(entries, declared.models)]


def _requests(declared: Declared, entries: "Sequence[Entry]", now: datetime, actor: Actor) -> list[Need]:
    """What people asked for about their rows and nobody has answered, by its legal day."""
    today = now.astimezone(declared.zone).date()
    waiting = [(each, (each.due - today).days) for each in requests(entries, declared.zone).values()
               if each.waits]
    return [Need("request", each.id, f"somebody asked for {each.right}",
                 f"{each.state} · {f'due in {left} d' if left > 0 else f'overdue {-left} d' if left else 'due today'}",
                 ("optout", "show", each.id), any(actor.has(role) for role in ANSWERING),
                 Status.FAIL if left < 0 else Status.WARN if left <= SOON else Status.UNKNOWN, each.received_at,
                 who=" or ".join(ANSWERING))
            for each, left in waiting]


# -- the picture --------------------------------------------------------------------------------------------------


def shares(declared: Declared, entries: "Sequence[Entry]", newest: int = 120) -> list[Series]:
    """For each model the share of positives over time, seen (`y`) and predicted (`other`), as its checks found them;
    marked where another version began to serve and where an incident about it began."""
    found: dict[str, dict[datetime, Finding]] = {name: {} for name in declared.models}
    for entry in entries:
        fact = entry.fact
        if isinstance(fact, Finding) and fact.check in OUTCOMES and fact.subject in found and all(
                isinstance(fact.detail.get(each), (int, float)) for each in ("predicted", "seen")):
            found[fact.subject][_end(fact, entry)] = fact
    return [_share(name, dict(sorted(points.items())[-newest:]), _turns(entries, name))
            for name, points in found.items() if points]


def _share(name: str, points: Mapping[datetime, Finding], turns: Sequence[tuple[str, datetime]]) -> Series:
    seen, predicted = (tuple(float(fact.detail[each]) for fact in points.values()) for each in ("seen", "predicted"))
    title = f"{name} · share of positives{_in(list(points.values())[-1])}"
    return Series(f"share/{name}", "line", tuple(points), seen, other=predicted, names=("seen", "predicted"),
                  title=title, marks=tuple(turns))


def _in(fact: Finding) -> str:
    """How many of the outcomes that will ever come are in, of the newest window; empty where all are."""
    total, waiting, never = (fact.detail.get(each) for each in ("total", "waiting", "never"))
    if not (isinstance(total, int) and isinstance(waiting, int) and isinstance(never, int)) or not waiting:
        return ""
    return f" · labels in: {1 - waiting / max(total - never, waiting):.0%}"


def _turns(entries: "Sequence[Entry]", name: str, newest: int = 4) -> list[tuple[str, datetime]]:
    """What may have bent the curve of a model: its promotions, and the incidents about it."""
    found = [(f"version {entry.fact.version}", entry.effective_at) for entry in entries
             if isinstance(entry.fact, Promotion) and entry.subject == name]
    found += [(each.id, each.opened_at) for each in folds.incidents(entries).values()
              if each.about.partition("@")[0] == name]
    return sorted(found, key=lambda turn: turn[1])[-newest:]


def _end(fact: Finding, entry: "Entry") -> datetime:
    """The end of the finding's window, or when it was found."""
    try:
        end = datetime.fromisoformat(fact.window[1])
    except ValueError:
        return entry.effective_at
    return end if end.tzinfo is not None else end.replace(tzinfo=entry.effective_at.tzinfo)
