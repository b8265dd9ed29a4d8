"""What a model answered, request by request: taken from its server's files, with the outcomes that come later."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

import click
import duckdb
import pyarrow as pa

from mlops_tui.capability import LocalPath, hidden_columns, look, measure, noun
from mlops_tui.data._aside import KEY, quarantine_of
from mlops_tui.data._loglanding import SET_ASIDE, Labelled, Landed, land, set_aside
from mlops_tui.data._loglanding import label as add_labels
from mlops_tui.data._logread import Read, read_log
from mlops_tui.data._logrows import (
    FILE,
    LINE,
    NAMES,
    TABLE,
    WHY,
    Mapped,
    Wanted,
    mapped,
    moment_of,
    name_rows,
    normalised,
    outcome_of,
)
from mlops_tui.data._logshapes import MARK, Reader
from mlops_tui.declarations.datasetkeys import ROLES_OF_LOG, LogColumns
from mlops_tui.declarations.kinds import Model
from mlops_tui.errors import BadInput
from mlops_tui.logs.logguard import Guard, guard_of
from mlops_tui.logs.predictionlog import (
    CALLED,
    ID,
    LABEL,
    classes_of,
    columns_declared,
    keys_of,
    labels_of,
    log_of,
    named,
    needed_log,
)
from mlops_tui.privacy.redaction import PERSONAL, SECRET, masked
from mlops_tui.session import Session
from mlops_tui.tracing import pointintime
from mlops_tui.tracing.ancestry import source_of
from mlops_tui.view import Action, Cell, Column, Facts, Part, Row, Status, Table, Text, View, counted
from store.files import form_of, open_file
from store.lake import columns_of, sha256_of
from store.quoting import quote

log = noun("log", __doc__ or "", bare="list", subject="show")
AHEAD = timedelta(days=1)  # so far may a server's clock be ahead
MAP = click.option("--map", "maps", multiple=True, metavar="ROLE=COLUMN",
                   help=f"What a column is: {', '.join(ROLES_OF_LOG)}.")


def _roles(maps: Sequence[str]) -> dict[str, str]:
    """`role=column` words by role; BadInput for others."""
    for each in maps:
        if not all(each.partition("=")):
            raise BadInput(f"'{each}' maps nothing.", where="--map", next="Write --map id=request_id")
    return {role: column for role, _, column in (each.partition("=") for each in maps)}


# -- predictions ------------------------------------------------------------------------------------------------


@measure(of=log)
@click.argument("model")
@click.argument("files", nargs=-1, required=True, type=LocalPath())
@MAP
@click.option("--version", default="unknown", show_default=True,
              help="The version that answered, where the files do not say.")
def add(session: Session, model: str, files: tuple[Path, ...], maps: tuple[str, ...], version: str) -> View:
    """Add the predictions in FILES to the log of MODEL, each once, however often they come.

    Recognised are the request and response events of KServe, SageMaker's data capture, MLflow inference tables, Open
    Inference Protocol requests with their responses, and plain columns, as JSON lines, JSON, CSV or Parquet. The events
    of one request may lie in several of the FILES. What cannot be read is set aside with the reason.

    \b
    Example: mlops-tui log add flights-delay predictions.jsonl --map id=request_id
    """
    name = session.declared().subject(model, "model").name
    declared, columns = session.declared().model(name), columns_declared(session, name)
    given = _roles(maps)
    guard = guard_of(session, named(name))
    sources = source_of((path.name, sha256_of(path)) for path in files if form_of(path))
    cursor = session.data().connect()
    reader = Reader(declared, columns.features or declared.columns, given.get("output") or columns.output)
    with session.data().staging() as folder:
        reads = _read(cursor, files, reader, folder, guard.calling(_callers(given, columns)))
        how, landed, labelled, refused = Mapped({}, ()), Landed(0, 0, 0, 0, 0, None), None, SET_ASIDE.empty_table()
        if any(each.relation for each in reads):
            keys = keys_of(session, name)
            how, by = _normalised(session, cursor, name, reads, given, columns, keys, version, guard)
            refused = _refused(cursor, files)
            outcomes = _outcomes(session, declared, how, by)
            labelled = add_labels(session, name, by, cursor, outcomes, sources) if outcomes else None
            landed = land(session, name, by, declared.split.time, cursor, sources)
    bad = pa.concat_tables([_unread(reader, files, _may_be_kept(session, name)), refused])
    set_aside(session, name, bad, sources)
    return _added(name, declared.split.time, reads, how, landed, bad, labelled)


def _read(cursor: duckdb.DuckDBPyConnection, files: Sequence[Path], reader: Reader, folder: Path,
          guard: Guard) -> list[Read]:
    """The files, which have one shape; BadInput where they differ."""
    reads = []
    for reader.file, path in enumerate(files):
        reads.append(read_log(cursor, path, reader, folder, f"#file {reader.file}", guard))
    reader.finish()
    shapes = {each.shape: each.path.name for each in reads if each.relation}
    if len(shapes) > 1:
        said = ", ".join(f"{name} holds {shape}" for shape, name in shapes.items())
        raise BadInput("The files differ in shape.", where=said, next="Add them one after the other.")
    return reads


def _normalised(session: Session, cursor: duckdb.DuckDBPyConnection, name: str, reads: Sequence[Read],
                given: Mapping[str, str], columns: LogColumns, keys: tuple[str, ...],
                version: str, guard: Guard) -> tuple[Mapped, tuple[str, ...]]:
    """Make the table of rows as the log holds them; how their columns were read, and by which a row is known."""
    declared = session.declared().model(name)
    parts = [f"SELECT *, {place} AS {FILE} FROM {each.relation}" for place, each in enumerate(reads) if each.relation]
    relation = f"({' UNION ALL BY NAME '.join(parts)})"
    kinds = columns_of(cursor, f"SELECT * FROM {relation}")
    shaped = any(each.startswith("#") and each not in ("#line", "#file") for each in kinds)
    asked = {role: column for role, column in given.items() if not (shaped and role == "output")}
    how = mapped(list(kinds), declared, asked, columns.columns, keys)
    if "time" not in how.roles:
        raise BadInput("No column says when a prediction was made.", where=reads[0].path.name,
                       next=f"Say --map time=COLUMN; there are {', '.join(_own(kinds))[:200]}.")
    if "output" not in how.roles and "answer" not in how.roles:
        raise BadInput("No column says what was answered.", where=reads[0].path.name,
                       next=f"Say --map output=COLUMN; there are {', '.join(_own(kinds))[:200]}.")
    wanted = Wanted(declared, keys, str(session.declared().zone), _types(session, name, declared, keys),
                    pointintime.moment(session.now() + AHEAD), version,
                    [each for each in how.features if guard.hides(each)])
    normalised(cursor, relation, kinds, how, wanted)
    known = bool(keys) and set(keys) <= {*how.features, declared.split.time}
    cursor.execute(f"CREATE OR REPLACE TEMP TABLE {TABLE} AS {guard.query(cursor, f'SELECT * FROM {TABLE}')}")
    if "id" not in how.roles and not known:
        name_rows(cursor)
    return how, keys if known and "id" not in how.roles else (ID,)


def _callers(given: Mapping[str, str], columns: LogColumns) -> dict[str, str]:
    """What a file may call the columns of the log that are no features, by those names."""
    called = {name: CALLED[role] for role in ("caller", "endpoint") for name in (*NAMES[role], f"{MARK}{role}")}
    return called | {name: CALLED[role] for said in (columns.columns, given) for role, name in said.items()
                     if role in CALLED}


def _own(columns: Iterable[str]) -> list[str]:
    return [each for each in columns if not each.startswith("#")]


def _types(session: Session, name: str, declared: Model, keys: Sequence[str]) -> dict[str, str]:
    """The types that columns have: in the log so far, in the features of the model, in the dataset of its outcomes."""
    found: dict[str, str] = {}
    labels = session.current(declared.label.dataset)
    if labels is not None:
        found |= {key: labels.columns[key] for key in keys if key in labels.columns}
    for dataset in (f"{name}.features", named(name)):
        state = session.current(dataset)
        found |= state.columns if state is not None else {}
    return found


def _refused(cursor: duckdb.DuckDBPyConnection, files: Sequence[Path]) -> pa.Table:
    """The rows that could be read and are no predictions, with the reason."""
    cursor.register("names of files", pa.table({"n": range(len(files)), "name": [path.name for path in files]}))
    found: pa.Table = cursor.sql(
        f"SELECT f.name AS _file, CAST({LINE} AS BIGINT) AS _row, [regexp_replace({WHY}, '''.*''', '…')] AS _rules, "
        f"{WHY} AS reason, CAST(to_json(t) AS VARCHAR) AS text, '' AS {KEY} FROM (SELECT * FROM {TABLE} WHERE {WHY} IS "
        f"NOT NULL) t JOIN \"names of files\" f ON f.n = t.{FILE}").to_arrow_table()
    rows = [{**row, "reason": masked(row["reason"]), "text": masked(row["text"])} for row in found.to_pylist()]
    return pa.Table.from_pylist(rows, schema=SET_ASIDE)


def _may_be_kept(session: Session, name: str) -> Callable[[str], str]:
    """What is kept of a line that nobody could read: nothing where fields of the log are classified."""
    secret = set(map(str.lower, classes_of(session, name).values())) & {*PERSONAL, *SECRET}
    return (lambda _: "") if secret else masked


def _unread(reader: Reader, files: Sequence[Path], kept: Callable[[str], str]) -> pa.Table:
    """The lines that could not be read."""
    return pa.Table.from_pylist([
        {"_file": files[each.file].name, "_row": each.line, "_rules": [re.sub(r"'.*'|\d+", "…", each.reason)],
         "reason": kept(each.reason) or "…", "text": kept(each.text), KEY: ""} for each in reader.aside],
        schema=SET_ASIDE)


def _outcomes(session: Session, declared: Model, how: Mapped, by: Sequence[str]) -> str:
    """SQL of the outcomes that came with the predictions; nothing where none did."""
    if "label" not in how.roles:
        return ""
    shown = ", ".join(map(quote, by))
    return (f"SELECT {shown}, {outcome_of(declared, quote(LABEL))} AS label, {pointintime.moment(session.now())} AS "
            f"known_at FROM {TABLE} WHERE {WHY} IS NULL AND {outcome_of(declared, quote(LABEL))} IS NOT NULL")


def _added(name: str, time: str, reads: Sequence[Read], how: Mapped, landed: Landed, bad: pa.Table,
           labelled: Labelled | None) -> View:
    """What was recognised, how it was read, and what became of it."""
    shape = next((each.shape for each in reads if each.relation), reads[0].shape)
    title = f"{counted(landed.taken, 'prediction was', 'predictions were')} added to the log of {name}"
    title += f", {landed.known + landed.twice:,} known already" if landed.known + landed.twice else ""
    title += f", {bad.num_rows:,} set aside" if bad.num_rows else ""
    facts: dict[str, Cell] = {
        "model": name, "recognised": shape, "rows": landed.rows + bad.num_rows, "taken": landed.taken,
        "known": landed.known, "twice": landed.twice, "other": landed.other, "aside": bad.num_rows,
        "log": landed.after.rows if landed.after is not None else 0,
        **({"labels": labelled.new + labelled.corrected} if labelled is not None else {})}
    rows: list[Row] = [{"role": role, "column": column.removeprefix("#"), "in_the_log": CALLED.get(role, time),
                        "by": "the shape" if column.startswith("#") else "its name or --map"}
                       for role, column in how.roles.items()]
    parts: list[Part] = [Facts(facts), Text(f"Recognised: {shape}.")]
    if how.features:
        parts.append(Text(f"{counted(len(how.features), 'feature')}: {', '.join(how.features)[:300]}"))
    if how.left:
        parts.append(Text(f"Left out, for the log has columns of its own by these names: {', '.join(how.left)}."))
    if landed.other:
        parts.append(Text(f"{counted(landed.other, 'prediction')} came again with another answer: what was logged "
                          "first stays."))
    parts.append(Table.of("columns", rows, "role", "column", Column("in_the_log", "in the log"),
                          Column("by", "known by")))
    reasons: list[Row] = [{"reason": each["values"], "rows": each["counts"]} for each in
                          bad["_rules"].combine_chunks().flatten().value_counts().to_pylist()] if bad.num_rows else []
    if reasons:
        parts.append(Table.of("aside", sorted(reasons, key=lambda row: -int(str(row["rows"]))), "reason", "rows",
                              title="Set aside"))
    actions = [Action("What was set aside", ("log", "aside", name))] if bad.num_rows else []
    actions += [Action("How well?", ("performance", name))] if landed.taken else []
    actions += [Action("The log", ("log", "show", name))] if landed.after is not None else []
    return View(title, Status.WARN if bad.num_rows else Status.DONE, tuple(parts), tuple(actions))


# -- outcomes ---------------------------------------------------------------------------------------------------


@measure(of=log)
@click.argument("model")
@click.argument("file", type=LocalPath())
@MAP
@click.option("--known-at", "known_at", default="known_at", show_default=True,
              help="The column that says when an outcome became known; the present where there is none.")
def label(session: Session, model: str, file: Path, maps: tuple[str, ...], known_at: str) -> View:
    """Add the outcomes in FILE to the predictions of MODEL, joined by the id of the prediction or by the model's key.

    An outcome that comes again with another value corrects the one before; as of an earlier time the earlier one
    counts. Outcomes of predictions that are not in the log are kept, for they may come later, and counted.

    \b
    Example: mlops-tui log label flights-delay outcomes.csv --map label=late
    """
    name = session.declared().subject(model, "model").name
    declared, given = session.declared().model(name), _roles(maps)
    said = columns_declared(session, name).columns
    cursor, source = session.data().connect(), source_of([(file.name, sha256_of(file))]) if form_of(file) else ""
    opened = open_file(cursor, file, "#outcomes")
    log_ = log_of(session, name)
    by = log_.key if log_ is not None else keys_of(session, name) or (ID,)
    how = mapped(list(opened.columns), declared, given, said, by)
    id = how.roles.get("id")
    if id is not None and (log_ is None or log_.has(ID)):
        by = (ID,)
    missing = [] if by == (ID,) else [key for key in by if key not in opened.columns]
    outcome = how.roles.get("label") or next((each for each in opened.columns if each == declared.label.column), None)
    if outcome is None or missing or (by == (ID,) and id is None):
        what = "the outcome" if outcome is None else "which prediction an outcome is of"
        fix = "label" if outcome is None else "id"
        raise BadInput(f"No column says {what}.", where=file.name,
                       next=f"Say --map {fix}=COLUMN; there are {', '.join(opened.columns)[:200]}.")
    types = _types(session, name, declared, by)
    shown = ", ".join(f"nullif(CAST({quote(str(id))} AS VARCHAR), '') AS {quote(ID)}" if key == ID else
                      f"TRY_CAST({quote(key)} AS {types.get(key, 'VARCHAR')}) AS {quote(key)}" for key in by)
    at = moment_of(quote(known_at), opened.columns[known_at], str(session.declared().zone)) \
        if known_at in opened.columns else pointintime.moment(session.now())
    cursor.execute(f"CREATE OR REPLACE TEMP TABLE \"#outcomes read\" AS SELECT {shown}, "
                   f"{outcome_of(declared, quote(outcome))} AS label, {at} AS known_at, {opened.row} AS r "
                   f"FROM {opened.relation}")
    good = " AND ".join(f"{quote(each)} IS NOT NULL" for each in (*by, LABEL, "known_at"))
    asked = (f'SELECT * EXCLUDE (r) FROM "#outcomes read" WHERE {good} QUALIFY row_number() OVER (PARTITION BY '
             f"{', '.join(map(quote, by))}, known_at ORDER BY r DESC) = 1")
    found = add_labels(session, name, by, cursor, asked, source)
    [(usable,)] = cursor.execute(f'SELECT count(*) FROM "#outcomes read" WHERE {good}').fetchall()
    return _labelled(name, by, found, opened.rows - int(usable))


def _labelled(name: str, by: Sequence[str], found: Labelled, unread: int) -> View:
    title = f"{counted(found.new, 'outcome')} of {name}"
    title += f", {counted(found.corrected, 'correction')}" if found.corrected else ""
    title += f", {found.unknown:,} of predictions that are not in the log" if found.unknown else ""
    facts: dict[str, Cell] = {"model": name, "rows": found.rows + unread, "new": found.new,
                              "corrected": found.corrected, "known": found.known, "unknown": found.unknown,
                              "without": unread, "joined_by": tuple(by)}
    parts: list[Part] = [Facts(facts)]
    if unread:
        parts.append(Text(f"{counted(unread, 'row')} without an outcome, or without {', '.join(by)}, "
                          f"{'was' if unread == 1 else 'were'} left out."))
    return View(title, Status.WARN if unread or found.unknown else Status.DONE, tuple(parts),
                (Action("How well?", ("performance", name)),))


# -- how it stands ----------------------------------------------------------------------------------------------


@look(of=log)
def list_(session: Session) -> View:
    """The prediction log of each model: how much, until when, and what it lacks.

    \b
    Example: mlops-tui log list
    """
    rows: list[Row] = []
    for name in session.declared().models:
        found = log_of(session, name)
        days = sorted(file.partition.get("day", "") for file in found.manifest.files) if found is not None else []
        rows.append({"model": name, "predictions": found.manifest.rows if found else 0,
                     "from": days[0] if days else None, "to": days[-1] if days else None,
                     "lacks": found.missing if found else ()})
    filled = sum(bool(row["predictions"]) for row in rows)
    return View(f"{counted(filled, 'model has', 'models have')} logged predictions", parts=(
        Table.of("logs", rows, "model", "predictions", "from", "to", "lacks"),),
        actions=tuple(Action(str(row["model"]), ("log", "show", str(row["model"]))) for row in rows[:5]))


@look(of=log)
@click.argument("model")
def show(session: Session, model: str) -> View:
    """What the prediction log of MODEL holds: by version, which columns, what it lacks, what was set aside.

    \b
    Example: mlops-tui log show flights-delay
    """
    name = session.declared().subject(model, "model").name
    found = needed_log(session, name)
    lake, time = session.data(), quote(found.time)
    failed = "count_if(status >= 400)" if found.has("status") else "NULL"
    query = (f"SELECT version, count(*), min({time}), max({time}), {failed}, avg(score) FROM "
             f"{lake.scan(found.manifest)} GROUP BY version ORDER BY 3, 1")
    rows: list[Row] = [dict(zip(("version", "predictions", "first", "last", "errors", "mean_score"), row, strict=True))
                       for row in lake.connect().execute(query).fetchall()]
    aside, labels = session.current(quarantine_of(named(name))), session.current(labels_of(name))
    facts: dict[str, Cell] = {
        "model": name, "predictions": found.manifest.rows, "known_by": found.key, "time": found.time,
        "lacks": found.missing, "features": len(found.features), "outcomes": labels.rows if labels else None,
        "aside": aside.rows if aside is not None else 0}
    lacks = found.lacks(*found.missing)
    parts: list[Part] = [Facts(facts), *([Text(lacks)] if lacks else []),
                         Table.of("versions", rows, "version", "predictions", "first", "last", "errors",
                                  Column("mean_score", "mean score", digits=3))]
    actions = [Action("How well?", ("performance", name))]
    actions += [Action("What was set aside", ("log", "aside", name))] if aside is not None and aside.rows else []
    return View(f"{counted(found.manifest.rows, 'prediction')} of {name} in the log", parts=tuple(parts),
                actions=tuple(actions))


@look(of=log)
@click.argument("model")
@click.option("--limit", default=20, show_default=True, help="How many rows to show.")
def aside(session: Session, model: str, limit: int) -> View:
    """The lines that could not be added to the log of MODEL, and why.

    \b
    Example: mlops-tui log aside flights-delay
    """
    name = session.declared().subject(model, "model").name
    state = session.current(quarantine_of(named(name)))
    if state is None or "reason" not in state.columns:
        needed_log(session, name)
        return View(f"Nothing of the log of {name} was set aside", Status.PASS,
                    actions=(Action("The log", ("log", "show", name)),))
    lake = session.data()
    scan = lake.scan(state)
    found = lake.connect().execute(f"SELECT _file, _row, reason, text FROM {scan} ORDER BY _file, _row LIMIT $most",
                                   {"most": max(limit, 0)}).fetchall()
    secret = bool(hidden_columns(session, named(name), log_columns(session, name)))
    rows: list[Row] = [{"file": file, "line": line, "reason": reason, "text": "(classified)" if secret else text}
                       for file, line, reason, text in found]
    reasons = lake.connect().execute(f"SELECT _rules[1], count(*) FROM {scan} GROUP BY 1 ORDER BY 2 DESC, 1").fetchall()
    return View(f"{counted(state.rows, 'line')} of the log of {name} {'was' if state.rows == 1 else 'were'} set aside",
                Status.WARN if state.rows else Status.PASS, (
                    Table.of("reasons", [{"reason": why, "rows": number} for why, number in reasons], "reason", "rows"),
                    Table.of("aside", rows, "file", "line", "reason", Column("text", cut=60), total=state.rows)))


def log_columns(session: Session, name: str) -> list[str]:
    """The columns that any contract declares, and so may be secret in a line that nobody could read."""
    return [item.name for contract in session.declared().datasets.values() for item in contract.properties]
