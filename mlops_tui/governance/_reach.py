"""Where a person's rows may be: every dataset of the lake that holds people, and by what they are told there."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mlops_tui.declarations.odcs import Contract
from mlops_tui.errors import NotDeclared, Refusal
from mlops_tui.privacy.subjects import column_of, pseudonym
from mlops_tui.session import Session
from mlops_tui.tracing import pointintime
from store.erasing import Held, Match, every_dataset, located, rows_of
from store.lake import Lake
from store.quoting import quote

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

PEOPLE, IDS = quote("=people"), quote("=predictions of people")
OF_MODEL = ("samples", "predictions", "labels", "scores", "training", "features")  # what is made from others first
BESIDE = ("dead", "quarantine")
ANY = "*"


@dataclass(frozen=True)
class Reach:
    """A dataset, by what rows of people are told in it, and whose people these are."""

    dataset: str
    matches: tuple[Match, ...]
    source: str


@dataclass(frozen=True)
class Found:
    """The rows of people in every file of the lake, dataset by dataset: what was made from others comes first."""

    held: dict[str, list[Held]] = field(default_factory=dict)

    @property
    def rows(self) -> dict[str, int]:
        return {name: sum(len(each.rows) for each in files) for name, files in self.held.items()}

    @property
    def outside(self) -> dict[str, list[str]]:
        """The files that lie elsewhere, and are not ours to change."""
        return {name: elsewhere for name, files in self.held.items()
                if (elsewhere := sorted(str(each.path) for each in files if each.elsewhere))}


def whole(session: Session) -> Lake:
    """The lake with everybody's rows, whatever the actor may see of it: of a person nothing but counts is told."""
    session.declared()
    if session.lake is None:
        raise NotDeclared("This session has no lake.")
    return session.lake


def of_people(session: Session) -> dict[str, Contract]:
    """The declared datasets whose rows are people's."""
    return {name: contract for name, contract in session.declared().datasets.items() if column_of(contract)}


def told(session: Session, cursor: "DuckDBPyConnection", people: Sequence[str]) -> None:
    """Put the people where queries find them: their ids, and as they stand where ids are hashed."""
    hashed = [f"h:{pseudonym(session, person)}" for person in people]
    cursor.execute(f"CREATE OR REPLACE TABLE {PEOPLE} AS SELECT DISTINCT unnest(CAST($values AS VARCHAR[])) AS value",
                   {"values": [*people, *hashed]})
    cursor.execute(f"CREATE OR REPLACE TABLE {IDS} (value VARCHAR)")


def found(session: Session, cursor: "DuckDBPyConnection", people: Sequence[str]) -> Found:
    """Every row of these people, in whatever snapshot; the people are `told` to that cursor's database."""
    told(session, cursor, people)
    lake, there = whole(session), set(every_dataset(whole(session)))
    held: dict[str, list[Held]] = {}
    for reach in _reaches(session, cursor, there):
        if rows := located(lake, cursor, reach.dataset, reach.matches):
            held.setdefault(reach.dataset, []).extend(rows)
    return Found({name: _together(files) for name, files in held.items()})


def _together(files: Iterable[Held]) -> list[Held]:
    """One entry for each file, with the rows that were found in any way."""
    by_path: dict[str, Held] = {}
    for each in files:
        before = by_path.get(str(each.path))
        rows = sorted({*each.rows, *(before.rows if before else ())})
        by_path[str(each.path)] = Held(each.dataset, each.path, tuple(rows), each.known, each.elsewhere)
    return list(by_path.values())


def _reaches(session: Session, cursor: "DuckDBPyConnection", there: set[str]) -> Iterator[Reach]:
    project, lake = session.declared(), whole(session)
    for number, (name, contract) in enumerate(of_people(session).items()):
        column, keys, table = str(column_of(contract)), contract.key, quote(f"=keys {number}")
        by_person = Match(columns=(column,), values=PEOPLE)
        held = located(lake, cursor, name, [by_person]) if name in there else []
        known = rows_of(cursor, held, keys, table)
        by_key = [Match(keys=keys, table=table)] if known and any(item.primaryKey for item in contract.properties) \
            else []
        for model, declared in project.models.items():
            if declared.label.dataset == name:
                yield from _of_model(session, cursor, model, contract, by_person, table if known else "", there)
        for derived in _made_from(session, name, there):
            yield Reach(derived, (by_person, *by_key), name)
        for part in BESIDE:
            if f"{name}.{part}" in there:
                yield Reach(f"{name}.{part}", (by_person, Match(values=PEOPLE, inside=(ANY,))), name)
        if name in there:
            yield Reach(name, (by_person,), name)


def _of_model(session: Session, cursor: "DuckDBPyConnection", model: str, contract: Contract, by_person: Match,
              table: str, there: set[str]) -> Iterator[Reach]:
    """What a model has of people whose outcomes it is trained on: by their column, or by the keys of their rows."""
    try:
        keys = pointintime.key_columns(session.declared().model(model), contract)
    except Refusal:
        keys = ()
    matches = [by_person]
    if table and keys and set(keys) <= set(contract.key):
        matches.append(Match(keys=tuple(keys), table=table))
        joined = " || '/' || ".join(f"CAST({quote(key)} AS VARCHAR)" for key in keys)
        cursor.execute(f"INSERT INTO {IDS} SELECT {joined} FROM {table}")
    predictions = f"{model}.predictions"
    if predictions in there:
        held = located(whole(session), cursor, predictions, matches)
        ids = rows_of(cursor, held, ("prediction_id",), quote("=ids"))
        if ids:
            cursor.execute(f"INSERT INTO {IDS} SELECT prediction_id FROM {quote('=ids')}")
    for part in OF_MODEL:
        if f"{model}.{part}" in there:
            more = [Match(values=PEOPLE, inside=("row",))] if part == "samples" else []
            more += [Match(columns=("prediction_id",), values=IDS)] if part in ("samples", "labels", "predictions") \
                else []
            yield Reach(f"{model}.{part}", (*matches, *more), contract.id)


def _made_from(session: Session, source: str, there: set[str]) -> list[str]:
    """The results of pipeline steps and the stored views that are made from a dataset, by what is declared; and those
    of which nothing is declared any more."""
    project = session.declared()
    parents: dict[str, set[str]] = {}
    for name, pipeline in project.pipelines.items():
        steps = {step.name for step in pipeline.steps}
        for step in pipeline.steps:
            parents[f"{name}.{step.name}"] = {f"{name}.{each}" if each in steps else each for each in step.inputs}
    for name, feature in project.features.items():
        parents[f"{name}.view"] = {*pointintime.used(feature.sql, list(project.datasets))}
    models = {f"{model}.{part}" for model in project.models for part in OF_MODEL}
    beside = {f"{name}.{part}" for name in project.datasets for part in BESIDE}
    made, more = {source}, True
    while more:
        new = {name for name, of in parents.items() if of & made} - made
        made, more = made | new, bool(new)
    orphans = there - set(project.datasets) - set(parents) - models - beside
    return sorted((made - {source} | orphans) & there)
