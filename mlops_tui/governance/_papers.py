"""A document that the law or a framework asks for, filled from what is recorded; what nothing answers stays unknown."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from mlops_tui import folds
from mlops_tui.declarations import declare
from mlops_tui.declarations.impacts import Impact
from mlops_tui.declarations.kinds import Model
from mlops_tui.governance._assessing import Assessment, assessed, shipped
from mlops_tui.governance._cardmade import SEEN, made
from mlops_tui.governance._cardrecord import UNKNOWN, Card, Figure
from mlops_tui.project import Project
from mlops_tui.session import Session
from mlops_tui.view import Column, Facts, Part, Row, Status, Table, Text, View, counted
from store.facts import Backtested, Finding, Promotion, Trained
from store.ledger import Entry


@dataclass(frozen=True)
class Item:
    """One thing a document asks for, and the records that may answer it, the first that does."""

    id: str
    asks: str
    by: tuple[str, ...] = ()


@dataclass(frozen=True)
class Section:
    id: str
    title: str
    items: tuple[Item, ...]


@dataclass(frozen=True)
class Form:
    """An empty document: its sections in order."""

    id: str
    title: str
    sections: tuple[Section, ...]


@dataclass(frozen=True)
class Known:
    """What a document is filled from."""

    card: Card
    assessment: Assessment
    project: Project
    entries: Sequence[Entry]

    @property
    def name(self) -> str:
        return self.card.name

    @property
    def model(self) -> Model:
        return self.project.model(self.name)

    @property
    def said(self) -> Impact:
        return self.assessment.declared

    def answer(self, *ids: str) -> str:
        """What was answered to questions of impact, with what shows it."""
        found = [self.assessment.answers[id] for id in ids if id in self.assessment.answers]
        asks = {each.id: each.ask for each in self.assessment.asked.questions}
        return "; ".join(f"{asks.get(each.id, each.id)} {' + '.join(each.choices)}"
                         + (f" ({each.why or each.shown})" if each.why or each.shown else "") for each in found)


@dataclass(frozen=True)
class Filled:
    """An item with its answer; `origin`: evidence, a person, or empty where nothing answers."""

    section: Section
    item: Item
    told: str
    origin: str


def form(name: str) -> Form:
    """A shipped empty document."""
    path = shipped(name)
    assert path is not None
    return declare.read(Form, path)


def known_of(session: Session, text: str) -> Known:
    """Everything there is to fill a document about MODEL[@VERSION] from."""
    card = made(session, text)
    return Known(card, assessed(session, f"{card.name}@{card.version}"), Project(session.declared().root),
                 session.ledger.entries(*SEEN, "backtest", "drill"))


def filled(empty: Form, known: Known, texts: Mapping[str, str]) -> list[Filled]:
    """Each item with the first record that answers it, else with what a person wrote, else with nothing."""
    found = []
    for section in empty.sections:
        for item in section.items:
            told = next((said for name in item.by if (said := RECORDS[name](known))), "")
            written = texts.get(item.id, "").strip()
            origin = "evidence" if told else "a person" if written else ""
            both = f"{told} {written}".strip() if told and written else told or written
            found.append(Filled(section, item, " ".join(both.split()), origin))
    return found


def view(empty: Form, known: Known, items: Sequence[Filled]) -> View:
    """The document: how much of it is filled, then every section."""
    share = sum(bool(each.told) for each in items) / len(items)
    lacking = [each for each in items if not each.told]
    said = f"{empty.title} of {known.card.title}: {share:.0%} filled"
    rows: list[Row] = []
    for section in empty.sections:
        mine = [each for each in items if each.section is section]
        there = sum(bool(each.told) for each in mine)
        rows.append({"status": Status.PASS if there == len(mine) else Status.UNKNOWN, "section": section.id,
                     "title": section.title, "filled": there, "of": len(mine), "complete": there / len(mine)})
    facts = Facts({"model": known.name, "version": known.card.version, "tier": known.card.tier or UNKNOWN,
                   "EU article": known.assessment.classed.article, "complete": f"{share:.0%}",
                   "unknown": tuple(each.item.id for each in lacking), "card": known.card.digest})
    table = Table.of("sections", rows, "status", "section", "title", Column("filled", digits=0),
                     Column("of", digits=0), Column("complete", share=True), title="How much is filled")
    return View(said, Status.PASS if not lacking else Status.UNKNOWN, (facts, table, *_sections(empty, items)))


def _sections(empty: Form, items: Sequence[Filled]) -> Iterator[Part]:
    for section in empty.sections:
        rows: list[Row] = [{"item": each.item.id, "asks": each.item.asks, "told": each.told or UNKNOWN,
                            "from": each.origin or UNKNOWN} for each in items if each.section is section]
        lines = [f"## {section.id}. {section.title}" if section.id != section.title.upper() else f"## {section.id}", ""]
        for row in rows:
            lines += [f"**{row['item']}** {row['asks']}", "", f"- {_plain(str(row['told']))}", ""]
        yield Text("\n".join(lines), "markdown")


def _plain(text: str) -> str:
    """A value as one item: no comment, and nothing that a mark of Markdown could begin."""
    return text.replace("<!--", "<! --")


# -- the records ----------------------------------------------------------------------------------------------------


def _listed(texts: Sequence[str], most: int = 8) -> str:
    rest = f"; {len(texts) - most} more" if len(texts) > most else ""
    return "; ".join(each.rstrip(".") for each in texts[:most]) + rest


def _number(each: Figure) -> str:
    if each.value is None:
        return f"{each.name} {UNKNOWN} ({each.reason})"
    bounds = f" [{each.low:.3f}, {each.high:.3f}]" if each.low is not None and each.high is not None else ""
    return f"{each.name} {each.value:.3f}{bounds}, n {each.n:,}"


def _purpose(known: Known) -> str:
    card = known.card
    if not card.use and not card.description:
        return ""
    state = folds.model_state(known.entries, known.name)
    before = [each for each in state.versions if each != card.version]
    owner = ", ".join(card.owners) or UNKNOWN
    came = ", ".join(before) or "none"
    return f"{card.use or card.description} Answers for it: {owner}. Version {card.version}, after {came}."


def _endpoints(known: Known) -> str:
    return _listed([f"endpoints/{name}.yaml{f': {each.description}' if each.description else ''}"
                    for name, each in sorted(known.project.endpoints.items())
                    if each.model.partition("@")[0] == known.name])


def _trained(known: Known) -> Trained | None:
    return folds.model_state(known.entries, known.name).trained(known.card.version)


def _resources(known: Known) -> str:
    fact = _trained(known)
    cost = fact.detail.get("footprint", {}) if fact is not None else {}
    if not cost:
        return ""
    spent, peak, rows = (float(cost.get(key) or 0) for key in ("cpu_seconds", "peak_bytes", "rows"))
    return (f"training took {spent:.1f} CPU s and {peak / 1e6:,.0f} MB at most for {rows:,.0f} rows; pipelines: "
            f"{_listed(sorted(known.project.pipelines)) or 'none'}")


def _product(known: Known) -> str:
    found = known.assessment.answers.get("eu-product-safety") or known.assessment.answers.get("eu-others")
    return "It is no product or safety part under Annex I." if found and found.choices == ("no",) else ""


def _method(known: Known) -> str:
    card, fact = known.card, _trained(known)
    if not card.estimator:
        return ""
    steps = [str(each["step"]) for each in fact.detail.get("prepare", {}).get("steps", ())] if fact is not None else []
    params = ", ".join(f"{name} {value}" for name, value in sorted(card.params.items()))
    return (f"{card.candidate}: {card.estimator}" + (f" ({params})" if params else "")
            + (f", prepared by {', '.join(steps)}" if steps else "") + f", seed {card.seed}, training {card.key[:12]}")


def _design(known: Known) -> str:
    card, model = known.card, known.model
    criteria = [f"{each.metric} {'≥' if each.at_least is not None else '≤'} "
                f"{each.at_least if each.at_least is not None else each.at_most:g}" for each in model.criteria]
    records = [f"decisions/{name}.md" for name in card.decisions]
    if not criteria and not records:
        return ""
    worth = f"; worth: {model.value.kpi}, {model.value.worth} per {model.value.per}" if model.value is not None else ""
    cut = f"; threshold {card.threshold:g}" if card.threshold is not None else ""
    return (f"optimised for {card.metric}; criteria: {_listed(criteria) or 'none'}; "
            f"decided in {_listed(records) or 'none'}{worth}{cut}")


def _data(known: Known) -> str:
    told = []
    for each in known.card.data:
        rows = f"{each.rows:,} rows" if each.rows is not None else "rows unknown"
        period = f", {each.start[:10]} to {each.end[:10]}" if each.start else ""
        people = {True: "about people", False: "not about people", None: "not said whether about people"}[each.personal]
        told.append(f"{each.name} ({each.role}): {rows}{period}, {people}"
                    + (f", {each.description}" if each.description else "")
                    + (f", snapshot {each.snapshot[:12]}" if each.snapshot else ""))
    contracts = [f"datasets/{each.name}.yaml" for each in known.card.data if each.role == "source"]
    return _listed(told) + (f". Checked at each arrival by {_listed(contracts)}." if contracts else "") if told else ""


def _oversight(known: Known) -> str:
    return known.answer("impact1", "fairness14", "fairness13", "fairness15")


def _retraining(known: Known) -> str:
    return _listed([f"monitors/{name}.yaml proposes a new training" for name, each in
                    sorted(known.project.monitors.items()) if each.subject == known.name and each.retrain is not None])


def _tests(known: Known) -> str:
    card = known.card
    if not card.metrics:
        return ""
    rivals = [f"{each.baseline} {each.verdict}" for each in card.baselines]
    lived = [f"replay of {incident}: {verdict}" for incident, verdict, _ in card.replays]
    return (f"on rows it had not seen: {_listed([_number(each) for each in card.metrics])}; beside baselines: "
            f"{_listed(rivals) or UNKNOWN}; {_listed(lived) or 'no incident to replay'}; "
            f"votes: {_listed(card.standing.approvals) or 'none'}")


def _security(known: Known) -> str:
    return f"artifact {known.card.artifact[:12]}, signature {known.card.standing.signature}" \
        if known.card.standing.signature else ""


def _limits(known: Known) -> str:
    main = [_number(each) for each in known.card.metrics if each.metric == known.card.metric]
    return f"{_listed(main)}. {_listed(known.card.limits)}" if main and known.card.limits else ""


def _groups(known: Known) -> str:
    card = known.card
    if card.fairness is None and not card.slices:
        return ""
    fairness = f"{card.fairness.title} (entry {card.fairness.entry})" if card.fairness is not None else "not audited"
    return f"fairness: {fairness}; {_listed([_number(each) for each in card.slices])}"


def _ethics(known: Known) -> str:
    return _listed([f"{risk}: {measure or 'no measure is named'}" for risk, measure in known.card.ethics])


def _inputs(known: Known) -> str:
    return _listed([f"{name} ({type})" for name, type in known.card.inputs], 40)


def _metric(known: Known) -> str:
    entry = folds.latest_finding(known.entries, "metric", known.name)
    if entry is not None and isinstance(entry.fact, Finding):
        return f"{entry.fact.title} (entry {entry.seq})"
    return ""


def _risks(known: Known) -> str:
    score, asked = known.assessment.score, known.assessment.asked
    if not known.card.tier:
        return ""
    checklist = known.project.checklists.get(known.model.checklist)
    items = [each.title or each.id for each in checklist.items] if checklist is not None else []
    return (f"impact {known.card.tier}, {score.worst.left} of {score.risk_most} points by {asked.name}; "
            f"gate: {', '.join(known.model.gate)}; checklist: {_listed(items) or 'none'}")


def _changes(known: Known) -> str:
    told = []
    for entry in known.entries:
        if entry.subject == known.name and isinstance(fact := entry.fact, Trained):
            told.append(f"{entry.recorded_at:%Y-%m-%d} trained {fact.version} ({fact.candidate})")
        elif entry.subject == known.name and isinstance(fact := entry.fact, Promotion):
            told.append(f"{entry.recorded_at:%Y-%m-%d} {fact.event.replace('_', ' ')} {fact.version}")
    return _listed(told, 40)


def _monitoring(known: Known) -> str:
    about = {known.name, known.model.label.dataset}
    told = [f"{name} ({each.check}{f', every {each.every}' if each.every else ''}"
            f"{f', runbook {each.alert.runbook}' if each.alert is not None and each.alert.runbook else ''})"
            for name, each in sorted(known.project.monitors.items()) if each.subject in about]
    return _listed(told, 20)


def _measuring(known: Known) -> str:
    tested = sorted({entry.subject for entry in known.entries if isinstance(entry.fact, Backtested)})
    return f"back-tested: {_listed(tested)}" if tested else ""


def _lessons(known: Known) -> str:
    return _listed(known.card.lessons)


def _benefit(known: Known) -> str:
    leads = [f"{each.baseline} {each.estimate:+.3f}" for each in known.card.baselines if each.estimate is not None]
    worth = f"; {known.model.value.kpi}: {known.model.value.worth} per {known.model.value.per}" \
        if known.model.value is not None else ""
    return f"{known.card.metric} lead on {_listed(leads)}{worth}" if leads else ""


def _way_back(known: Known) -> str:
    state = folds.model_state(known.entries, known.name)
    return f"version {state.previous} can be served again" if state.previous else ""


def _incidents(known: Known) -> str:
    return _listed(known.card.standing.incidents)


def _heard(known: Known) -> str:
    answers = known.assessment.answers
    return known.answer(*(id for id in ("consultation1", "consultation3")
                          if id in answers and answers[id].choices == ("yes",)))


RECORDS: Mapping[str, Callable[[Known], str]] = {
    "purpose": _purpose, "endpoints": _endpoints, "software": lambda known: "", "product": _product,
    "instructions": lambda known: "", "method": _method, "design": _design, "resources": _resources, "data": _data,
    "oversight": _oversight, "retraining": _retraining, "tests": _tests, "security": _security, "limits": _limits,
    "groups": _groups, "ethics": _ethics, "inputs": _inputs, "metric": _metric, "risks": _risks, "changes": _changes,
    "monitoring": _monitoring, "measuring": _measuring, "lessons": _lessons, "benefit": _benefit,
    "way_back": _way_back, "incidents": _incidents,
    "gate": lambda known: f"gate of models/{known.name}.yaml: {', '.join(known.model.gate)}",
    "owner": lambda known: ", ".join(known.card.owners),
    "approvals": lambda known: _listed(known.card.standing.approvals),
    "heard": _heard,
    "tier": lambda known: f"{known.card.tier}: {known.assessment.classed.article}" if known.card.tier else ""}


def missing(items: Sequence[Filled]) -> str:
    """How many items nothing answers."""
    return counted(sum(not each.told for each in items), "item is unknown", "items are unknown")
