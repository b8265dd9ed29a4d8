"""Counts, sums, means, histograms and quantiles that tell of no single person, paid from a kept privacy budget."""

import hashlib
import json
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from mlops_tui.analysis.privacy import Range
from mlops_tui.capability import LocalPath, look, measure, noun
from mlops_tui.data import _budget
from mlops_tui.data._answered import Answer, Question, answered
from mlops_tui.data._asked import Table as Asked
from mlops_tui.data._asked import question
from mlops_tui.data._batch import alone
from mlops_tui.data._budget import Ask, Grant
from mlops_tui.data._declared import custom
from mlops_tui.declarations.datasetkeys import Budget, Privacy
from mlops_tui.errors import BadInput, need_extra
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Column, Facts, Row, Status, Table, Text, View, counted
from store.facts import Spent
from store.lake import Manifest
from store.scan import scan_file

aggregate = noun("aggregate", __doc__ or "", subject="release")
SHOW = ("customProperties: [{property: privacy, value: {unit: person_id, contributions: 5, "
        "bounds: {delay: [-60, 600]}, budget: {epsilon: 3}}}]")
UNKEPT = ("No budget is kept of a file: each answer adds its ε to what was told of the same persons before. Declare "
          "the data as a dataset with a privacy budget.")


@measure(of=aggregate)
@click.argument("dataset", required=False)
@click.option("--measure", "wanted", required=True, help="count, sum:COLUMN, mean:COLUMN, histogram:COLUMN or "
              "quantile:COLUMN:0.5.")
@click.option("--by", default="", help="Columns to group by, with commas between.")
@click.option("--epsilon", type=float, required=True, help="How much of the privacy budget to spend.")
@click.option("--delta", type=float, default=0.0, show_default=True, help="For groups that are not declared: the "
              "chance that one shows which is a single person's.")
@click.option("--cells", type=click.IntRange(2, 10_000), default=None, help="Of a histogram (20), or of the grid on "
              "which a quantile is sought (200).")
@click.option("--file", "file", type=LocalPath(), default=None, help="A Parquet, CSV or JSON file instead of DATASET.")
@click.option("--unit", default=None, help="With --file: the column that names the person.")
@click.option("--contributions", type=click.IntRange(1), default=1, show_default=True, help="With --file: how many "
              "rows of one person count.")
@click.option("--bounds", multiple=True, help="With --file: COLUMN=LOW:HIGH.")
@click.option("--groups", multiple=True, help="With --file: COLUMN=A,B,C that everybody knows.")
def release(session: Session, dataset: str | None, wanted: str, by: str, epsilon: float, delta: float,
            cells: int | None, file: Path | None, unit: str | None, contributions: int, bounds: tuple[str, ...],
            groups: tuple[str, ...]) -> View:
    """Answer a question about DATASET so that it tells next to nothing of any one person.

    The dataset declares who is protected, how many of a person's rows count, what values can be and what may be spent.
    The ε is spent before the noise is drawn. The same question of the same snapshot is answered again for nothing.

    \b
    Example: mlops-tui aggregate flights --measure mean:delay --by carrier --epsilon 0.5
    """
    if (dataset is None) == (file is None):
        raise BadInput("Give a DATASET, or --file FILE.", next="Name one of them.")
    names = tuple(name.strip() for name in by.split(",") if name.strip())
    cut = cells or (20 if wanted.startswith("histogram") else 200)
    if file is not None:
        privacy = Privacy(_needed(unit), contributions, None, _bounds(bounds), _groups(groups))
        return _of_file(file, privacy, wanted, names, (epsilon, delta, cut))
    if unit is not None or bounds or groups:
        raise BadInput("--unit, --bounds and --groups go with --file.", next="A dataset declares them.")
    return _of_dataset(session, str(dataset), wanted, names, (epsilon, delta, cut))


def _of_dataset(session: Session, dataset: str, wanted: str, by: tuple[str, ...],
                spend: tuple[float, float, int]) -> View:
    project = session.declared()
    subject = project.subject(dataset, "dataset")
    name, where = subject.name, str(project.path_of("dataset", subject.name))
    privacy = custom(project, name, "privacy", Privacy, SHOW)
    if privacy.budget is None:
        raise BadInput(f"'{name}' declares no privacy budget: anybody might ask for ever.", where=where,
                       next="Write privacy: {budget: {epsilon: 3, delta: 1e-6}}")
    need_extra("opendp", "dp")
    state = session.snapshot(subject)
    asked = question(Asked(name, state.columns, privacy, where, project.dataset(name)), wanted, by, *spend)
    role = _budget.role_of(session.actor, privacy.budget, name)
    ask = Ask(name, role, asked.epsilon, asked.delta, _said(wanted, by), _key(asked, state), state.id)
    grant = _budget.granted(session, ask, privacy.budget)
    if grant.why_not:
        facts: dict[str, Cell] = {"epsilon": ask.epsilon, "delta": ask.delta, **_left(session, ask, privacy.budget)}
        return View(f"Refused: {grant.why_not}", Status.FAIL, (Facts(facts),),
                    (Action("What was spent", ("aggregate", "budget", name)),))
    told = json.loads(session.data().object(grant.answer)) if grant.answer else _drawn(session, ask, asked, state)
    return _view(session, ask, asked, told, grant, privacy.budget)


def _drawn(session: Session, ask: Ask, asked: Question, state: Manifest) -> Mapping[str, Any]:
    lake = session.data()
    told = _document(answered(import_module("mlops_tui.privacy.noise"), lake.connect(), lake.scan(state), asked))
    _budget.released(session, ask, told)
    return told


def _key(asked: Question, state: Manifest) -> str:
    """Digest of the question and the rows: the same key, the same answer."""
    return hashlib.sha256(json.dumps([repr(asked), state.id]).encode()).hexdigest()


def _document(answer: Answer) -> dict[str, Any]:
    return {"rows": [dict(row) for row in answer.rows], "scales": dict(answer.scales),
            "sensitivity": dict(answer.sensitivity), "threshold": answer.threshold}


# -- a file -----------------------------------------------------------------------------------------------------


def _of_file(file: Path, privacy: Privacy, wanted: str, by: tuple[str, ...], spend: tuple[float, float, int]) -> View:
    need_extra("opendp", "dp")
    connection = alone()
    scan = scan_file(file, connection)
    described = connection.execute(f"SELECT * FROM {scan.relation} LIMIT 0").description or ()
    columns = {str(name): str(kind) for name, kind, *_ in described}
    asked = question(Asked(file.name, columns, privacy, str(file)), wanted, by, *spend)
    told = _document(answered(import_module("mlops_tui.privacy.noise"), connection, scan.relation, asked))
    facts = _facts(asked, told)
    return View(f"{_said(wanted, by)} of {file.name}, ε {asked.epsilon:g}: no budget is kept", Status.WARN,
                (Facts(facts), Text(UNKEPT), *_parts(asked, told)))


def _needed(unit: str | None) -> str:
    if unit is None:
        raise BadInput("Which column names the person?", next="Say --unit COLUMN.")
    return unit


def _bounds(given: tuple[str, ...]) -> dict[str, tuple[float, ...]]:
    found: dict[str, tuple[float, ...]] = {}
    for text in given:
        name, _, pair = text.partition("=")
        try:
            low, high = (float(edge) for edge in pair.split(":"))
        except ValueError as problem:
            raise BadInput(f"'{text}' are no bounds.", next="Write --bounds delay=-60:600") from problem
        if not low < high < float("inf") or low == float("-inf"):
            raise BadInput(f"'{text}' are no bounds: the lower one comes first.", next="Write --bounds delay=-60:600")
        found[name] = (low, high)
    return found


def _groups(given: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    found = {name: tuple(each for each in values.split(",") if each) for name, _, values in
             (text.partition("=") for text in given)}
    if not all(found.values()):
        raise BadInput("Groups are named with their values.", next="Write --groups carrier=AA,UA")
    return found


# -- what is shown ----------------------------------------------------------------------------------------------


def _said(wanted: str, by: tuple[str, ...]) -> str:
    return f"{wanted} by {', '.join(by)}" if by else wanted


def _view(session: Session, ask: Ask, asked: Question, told: Mapping[str, Any], grant: Grant, budget: Budget) -> View:
    cost = f"ε {grant.cost:g} spent" if grant.cost else "told again, nothing spent"
    facts = {**_facts(asked, told), "snapshot": ask.snapshot, "repeated": bool(grant.answer), "cost": grant.cost,
             **_left(session, ask, budget)}
    return View(f"{ask.query} of {ask.dataset}: {cost}", Status.DONE, (Facts(facts), *_parts(asked, told)),
                (Action("What is left", ("aggregate", "budget", ask.dataset)),))


def _left(session: Session, ask: Ask, budget: Budget) -> dict[str, Cell]:
    standing = _budget.spent(session.ledger.entries("spent", subject=ask.dataset), ask.dataset, budget, session.now())
    own = standing.by_role.get(ask.role)
    return {"role": ask.role or None, "epsilon_left": max(0.0, budget.epsilon - float(standing.epsilon)),
            "delta_left": max(0.0, budget.delta - float(standing.delta)),
            "role_epsilon_left": budget.per_role[ask.role] - float(own or 0) if ask.role else None}


def _facts(asked: Question, told: Mapping[str, Any]) -> dict[str, Cell]:
    kept = asked.kept
    return {"epsilon": asked.epsilon, "delta": asked.delta, "unit": kept.unit, "contributions": kept.contributions,
            "groups": "declared" if asked.keys is not None else "found above a threshold" if kept.by else None,
            "threshold": told["threshold"],
            "sensitivity": _parts_of(told["sensitivity"], kept.range),
            "noise_scale": _parts_of(told["scales"], kept.range),
            "mechanism": "exponential on a grid" if asked.measure == "quantile" else "discrete Laplace"}


def _parts_of(amounts: Mapping[str, float], edges: Range | None) -> str:
    """Each part's amount, a sum's in the unit of its column."""
    unit = edges.scale if edges is not None else 1
    return ", ".join(f"{name} {value / unit if name == 'sum' else value:g}" for name, value in amounts.items())


def _parts(asked: Question, told: Mapping[str, Any]) -> list[Table | Text]:
    """The values, and what their intervals mean."""
    columns = [*asked.kept.by, *(["start", "end"] if asked.measure == "histogram" else []), Column("value"),
               *([Column("rank_off", "rank off by", digits=0)] if asked.measure == "quantile" else ["low", "high"])]
    rows: list[Row] = told["rows"]
    reasons = any(row.get("reason") for row in rows) and asked.measure == "mean"
    table = Table.of("values", rows, *columns, *(["reason"] if reasons else []))
    return [table, *map(Text, _words(asked, told))]


def _words(asked: Question, told: Mapping[str, Any]) -> list[str]:
    kept, edges = asked.kept, asked.kept.range
    clamped = ""
    if edges is not None:
        clamped = f"; {kept.column} is clamped to {edges.low / edges.scale:g} to {edges.high / edges.scale:g}"
    said = [f"Of each {kept.unit} at most {counted(kept.contributions, 'row counts', 'rows count')}{clamped}"
            f". With and without one {kept.unit} an answer is at most e^{asked.epsilon:g} times as likely"
            + (f", but for a chance of {asked.delta:g}." if asked.delta else ".")]
    if asked.measure == "quantile":
        said.append(f"The value is one of {kept.cells + 1} edges of an even grid; its rank is off by less than shown "
                    "in 95 % of draws.")
    else:
        said.append("The interval is of the noise alone, 95 %: it says nothing of who is in the data.")
    if asked.measure in ("count", "histogram") and any((row["value"] or 0) < 0 for row in told["rows"]):
        said.append("Counts below 0 are the noise's doing; cutting them off would bend sums of them.")
    if len(asked.shares) > 1:
        said.append(f"ε is split: {', '.join(f'{share:g} for the {name}' for name, share in asked.shares.items())}.")
    if asked.keys is None:
        said.append(f"Groups with fewer than about {told['threshold']:,} rows are not shown, whether or not they are "
                    "there.")
    return said


@look(of=aggregate)
@click.argument("dataset")
@click.option("--limit", default=20, show_default=True, help="How many of the newest answers.")
def budget(session: Session, dataset: str, limit: int) -> View:
    """What of DATASET's privacy budget is spent, by whom and on what.

    \b
    Example: mlops-tui aggregate budget flights
    """
    project = session.declared()
    name = project.subject(dataset, "dataset").name
    limits = custom(project, name, "privacy", Privacy, SHOW).budget
    entries = session.ledger.entries("spent", subject=name)
    if limits is None:
        raise BadInput(f"'{name}' declares no privacy budget.", where=str(project.path_of("dataset", name)),
                       next="Write privacy: {budget: {epsilon: 3, delta: 1e-6}}")
    standing = _budget.spent(entries, name, limits, session.now())
    rows: list[Row] = [{"whose": "all", "spent": float(standing.epsilon), "limit": limits.epsilon,
                        "left": max(0.0, limits.epsilon - float(standing.epsilon))}]
    rows += [{"whose": role, "spent": float(standing.by_role.get(role, 0)), "limit": most,
              "left": max(0.0, most - float(standing.by_role.get(role, 0)))} for role, most in limits.per_role.items()]
    newest = [(entry, entry.fact) for entry in entries[::-1] if isinstance(entry.fact, Spent)][:max(limit, 0)]
    answers: list[Row] = [{"at": entry.recorded_at, "who": entry.actor, "role": fact.role or None, "query": fact.query,
                           "epsilon": fact.epsilon, "delta": fact.delta, "snapshot": fact.snapshot,
                           "fresh": fact.fresh} for entry, fact in newest]
    facts: dict[str, Cell] = {
        "dataset": name, "epsilon": limits.epsilon, "epsilon_spent": float(standing.epsilon), "delta": limits.delta,
        "delta_spent": float(standing.delta), "period_days": limits.period.days if limits.period else None}
    left = max(0.0, limits.epsilon - float(standing.epsilon))
    return View(f"ε {left:g} of {limits.epsilon:g} is left of {name}", Status.PASS if left else Status.FAIL,
                (Facts(facts), Table.of("budget", rows, "whose", "spent", "limit", "left"),
                 Table.of("answers", answers, "at", "who", "role", "query", "epsilon", Column("snapshot", cut=12),
                          total=len(entries))))
