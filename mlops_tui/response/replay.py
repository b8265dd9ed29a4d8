"""The replay suite: would this version have lived through the incidents that there were?"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click

from mlops_tui import folds
from mlops_tui.capability import act, decide, look, measure, noun
from mlops_tui.errors import Conflict, NotFound
from mlops_tui.incidents import suite
from mlops_tui.incidents.suite import FAILS, SURVIVES, TRAINED_ON, UNKNOWN, Case
from mlops_tui.models.predicting import version_of
from mlops_tui.response import _replaying
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Column, Facts, Part, Row, Status, Table, Text, View, counted, worst
from store.facts import Fact, Replayed
from store.ledger import Entry

replay = noun("replay", __doc__ or "", bare="list", subject="show")
STATUS = {SURVIVES: Status.PASS, FAILS: Status.FAIL, TRAINED_ON: Status.WARN, UNKNOWN: Status.UNKNOWN}


@look(of=replay, fold=True)
@click.argument("model", required=False)
def list_(session: Session, model: str | None) -> View:
    """The incidents that are kept to be replayed, and how each version of MODEL lived through them.

    \b
    Example: mlops-tui replay list
    """
    project, entries = session.declared(), session.ledger.entries()
    name = project.subject(model, "model").name if model else ""
    cases = suite.cases(entries, name)
    rows: list[Row] = [{
        "incident": each.incident, "model": each.model, "title": each.title, "from": each.window[0],
        "until": each.window[1], "judged_by": each.monitor or "the model's criteria", "served_then": each.champion,
        "versions": _versions(entries, each)} for each in cases.values()]
    table = Table.of("cases", rows, "incident", Column("versions", worth=3), Column("judged_by", worth=2), "model",
                     Column("from"), Column("until"), Column("served_then"), Column("title", cut=40))
    first = next(iter(cases.values()), None)
    steps = (Action("Replay the challenger", ("replay", "run", f"{first.model}@challenger")),) if first else ()
    title = f"{counted(len(cases), 'incident is', 'incidents are')} kept to be replayed" if cases else \
        "No incident is kept to be replayed: one joins when it is resolved"
    return View(title, Status.DONE, (table,), steps)


def _versions(entries: Sequence[Entry], case: Case) -> tuple[str, ...]:
    """The newest verdict on each version that was replayed."""
    found = {entry.fact.version: entry.fact.verdict for entry in entries if isinstance(entry.fact, Replayed)
             and (entry.subject, entry.fact.incident) == (case.model, case.incident)
             and suite.same_rows(case, entry.fact)}
    return tuple(f"{version} {verdict}" for version, verdict in found.items())


@measure(of=replay)
@click.argument("subject", metavar="MODEL[@VERSION]")
@click.option("--incident", default=None, help="Only this one, such as INC-1; all of the model by default.")
def run(session: Session, subject: str, incident: str | None) -> View:
    """Let a version answer the rows of old incidents: would it have failed them too?

    The rows are as they were known then, their outcomes as they are known now, the rule is the one whose alert fired.
    The version that served then answers them too. What was computed before is told again.

    \b
    Example: mlops-tui replay run flights-delay@challenger
    Example: mlops-tui replay run flights-delay@6 --incident INC-1
    """
    found = session.declared().subject(subject, "model")
    trained = version_of(session, found.name, found.version)
    cases = _chosen(session, found.name, incident)
    answers = []
    for number, each in enumerate(cases):
        session.progress(number, len(cases), f"Replaying {each.incident}")
        answers.append(_replaying.replayed(session, each, trained))
    session.progress(len(cases), len(cases), "Replayed")
    again = sum(not new for _, new in answers)
    return _answer(f"{found.name}@{trained.version}", [fact for fact, _ in answers],
                   {"computed": len(answers) - again, "known_before": again})


def _chosen(session: Session, model: str, incident: str | None) -> list[Case]:
    cases = suite.cases(session.ledger.entries(), model)
    if incident:
        return [folds.known(cases, incident, "replayed incident", "replay list")]
    if not cases:
        raise NotFound(f"No incident of '{model}' is kept to be replayed.",
                       next="One joins when it is resolved; an older one by: mlops-tui replay add INC-1")
    return list(cases.values())


@look(of=replay, fold=True)
@click.argument("subject", metavar="MODEL[@VERSION]")
def show(session: Session, subject: str) -> View:
    """How a version lived through old incidents, as far as that was computed.

    \b
    Example: mlops-tui replay show flights-delay@6
    """
    found, entries = session.declared().subject(subject, "model"), session.ledger.entries()
    trained = version_of(session, found.name, found.version)
    cases, known = suite.cases(entries, found.name), suite.results(entries, found.name, trained.version)
    facts = [entry.fact for name in cases if (entry := known.get(name)) and isinstance(entry.fact, Replayed)]
    lacks = tuple(name for name in cases if name not in known)
    return _answer(f"{found.name}@{trained.version}", facts, {"not_replayed": lacks} if lacks else {})


def _answer(subject: str, facts: Sequence[Replayed], more: Mapping[str, Cell]) -> View:
    rows = [_row(each) for each in facts]
    table = Table.of("replays", rows, "incident", Column("verdict", worth=3), "metric",
                     *(Column(name, digits=3) for name in ("value", "low", "high", "limit")), "n",
                     Column("then", digits=3), Column("lead", digits=4), Column("lead_low", digits=4),
                     Column("lead_high", digits=4), "reason")
    status = worst([STATUS[each.verdict] for each in facts])
    lacks = more.get("not_replayed")
    status = Status.UNKNOWN if lacks and status is not Status.FAIL else status
    parts: list[Part] = [Facts({"subject": subject, **more}), table, *map(Text, _said(facts))]
    steps = () if facts and not lacks else (Action("Replay them", ("replay", "run", subject)),)
    return View(_title(subject, facts), status, tuple(parts),
                (*steps, Action("Would it pass the gate?", ("checklist", "show", subject))))


def _title(subject: str, facts: Sequence[Replayed]) -> str:
    if len(facts) == 1:
        verb = {SURVIVES: "survives", FAILS: "fails", TRAINED_ON: "was trained on"}
        name = facts[0].incident
        return f"{subject} {verb[facts[0].verdict]} {name}" if facts[0].verdict in verb else \
            f"Whether {subject} survives {name} is unknown"
    tally = Counter(each.verdict for each in facts)
    said = [f"{tally[word]} {word}" for word in (FAILS, UNKNOWN, TRAINED_ON, SURVIVES) if tally[word]]
    return f"{subject} and old incidents: {', '.join(said) or 'none is replayed yet'}"


def _row(fact: Replayed) -> Row:
    """The figure that decided, beside that of the version that served then."""
    figures, lead = fact.detail.get("figures", ()), fact.detail.get("lead", {})
    main: Mapping[str, Any] = next((each for each in figures if each["status"] != "pass"), next(iter(figures), {}))
    then = next((each["value"] for each in fact.detail.get("then", ()) if each["metric"] == main.get("metric")), None)
    return {"incident": fact.incident, "verdict": fact.verdict, "reason": fact.reason, "check": fact.check,
            "rows": fact.detail.get("rows"), "of": fact.detail.get("of"), "unseen_share": fact.detail.get("unseen"),
            **{name: main.get(name) for name in ("metric", "value", "low", "high", "limit")}, "n": fact.n,
            "served_then": fact.against, "then": then, "lead": lead.get("estimate"), "lead_low": lead.get("low"),
            "lead_high": lead.get("high"), "lead_of": lead.get("metric"), "lead_verdict": lead.get("verdict"),
            "from": fact.window[0], "until": fact.window[1]}


def _said(facts: Sequence[Replayed]) -> list[str]:
    """What a reader should know of each answer before he believes it."""
    return [f"{each.incident}: {said}" for each in facts for said in _about(each) if said]


def _about(fact: Replayed) -> Iterator[str]:
    share, rows, then = fact.detail.get("unseen"), fact.detail.get("rows"), f"version {fact.against}, which served then"
    lead = fact.detail.get("lead", {})
    if fact.verdict == TRAINED_ON:
        yield f"a leak. Version {fact.version} was trained on these rows, so its figures are no proof."
        return
    if share is not None and rows == fact.detail["of"] and share < 1:
        yield f"a leak. Version {fact.version} was trained on {1 - share:.0%} of these rows, and fails all the same."
    elif share is not None and share < 1:
        yield f"judged on the {rows:,} of {fact.detail['of']:,} rows that it was not trained on."
    if waiting := fact.detail.get("waiting"):
        yield f"the outcomes of {counted(waiting, 'row')} are still waited for: replay it once more when they are in."
    if lead.get("estimate") is not None and lead.get("low") is not None:
        verdict = {"better": "surely better than", "worse": "surely worse than"}.get(
            lead["verdict"], "not to be told from")
        yield (f"in {lead['metric']} it is {verdict} {then}: {lead['estimate']:+.4f} "
               f"[{lead['low']:+.4f}, {lead['high']:+.4f}].")
    if _replaying.toothless(fact):
        yield f"it proves little. {then.capitalize()}, survives it too."


# -- which incidents are kept -------------------------------------------------------------------------------------


@act(of=replay, confirm=False)
@click.argument("incident")
def add(session: Session, incident: str) -> View:
    """Keep the rows of a resolved incident, so that versions can be replayed on them; resolving one does it by itself.

    \b
    Example: mlops-tui replay add INC-1
    """
    project = session.declared()

    def decided(entries: Sequence[Entry]) -> list[Fact]:
        found = folds.known(folds.incidents(entries), incident, "incident")
        if found.state != "resolved":
            raise Conflict(f"{found.id} is {found.state}: it joins when it is resolved.",
                           next=f"Try: mlops-tui incident show {found.id}")
        if found.id in suite.cases(entries):
            raise Conflict(f"{found.id} is kept already.", next="Try: mlops-tui replay list")
        model = project.models.get(found.about.partition("@")[0])
        pinned = suite.pins(entries, found, model.label.dataset) if model is not None else []
        if not pinned:
            raise NotFound(f"{found.id} is about {found.about or 'no model'}, of which no features are kept." if model
                           else f"{found.id} is about no model, so no version can be replayed on it.")
        return pinned

    session.ledger.transact(decided)
    case = folds.known(suite.cases(session.ledger.entries()), incident, "replayed incident", "replay list")
    name = case.incident
    return View(f"{name} is kept to be replayed", Status.DONE,
                (Facts({"incident": name, "model": case.model, "datasets": tuple(case.pinned)}),),
                (Action("Replay the challenger", ("replay", "run", f"{case.model}@challenger", "--incident", name)),))


@decide(of=replay)
@click.argument("incident")
def retire(session: Session, incident: str, reason: str) -> View:
    """Take an incident out of the suite, such as one that no model could have lived through; its rows may go.

    \b
    Example: mlops-tui replay retire INC-1 --reason "the feed was gone: no model could know"
    """
    session.declared()

    def decided(entries: Sequence[Entry]) -> list[Fact]:
        return suite.unpinned(entries, folds.known(suite.cases(entries), incident, "replayed incident",
                                                   "replay list").incident, reason)

    session.ledger.transact(decided)
    return View(f"{incident.upper()} is no longer replayed", Status.DONE, (Facts({"reason": reason}),),
                (Action("What is left?", ("replay", "list")),))
