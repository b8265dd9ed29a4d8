"""Rows of a file of predictions as the log holds them: which column is what, and what makes a row none."""

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass

import duckdb

from mlops_tui.declarations.datasetkeys import ROLES_OF_LOG
from mlops_tui.declarations.kinds import Model
from mlops_tui.errors import BadInput, nearest
from mlops_tui.logs.predictionlog import CALLED, ID, LABEL, OWN
from store.quoting import literal, quote

NAMES: Mapping[str, tuple[str, ...]] = {  # by role: what servers and people call it
    "id": (ID, "inference_id", "request_id", "event_id", "uuid", "id"),
    "time": ("timestamp", "ts", "time", "event_time", "predicted_at", "request_time", "inference_time", "timestamp_ms",
             "datetime", "created_at"),
    "output": ("score", "probability", "proba", "prediction", "predicted", "output", "y_score", "y_pred"),
    "answer": ("answer",),
    "version": ("version", "model_version"),
    "latency": ("latency_ms", "latency", "duration_ms", "execution_time_ms", "ms"),
    "status": ("status", "status_code", "http_status", "code"),
    "caller": ("caller", "client", "client_id", "requester"),
    "endpoint": ("endpoint", "endpoint_name", "route"),
    "label": (LABEL, "outcome", "ground_truth", "actual")}
TABLE, FILE, LINE, WHY = quote("#log"), quote("#file"), quote("#line"), quote("#why")
OLDEST = "TIMESTAMPTZ '1990-01-01 00:00:00+00'"


@dataclass(frozen=True)
class Mapped:
    """Which column of a file is what: `roles` by role, the rest are `features`; `left`: names that the log needs."""

    roles: Mapping[str, str]
    features: tuple[str, ...]
    left: tuple[str, ...] = ()


def mapped(columns: Sequence[str], model: Model, given: Mapping[str, str], declared: Mapping[str, str],
           keys: Sequence[str]) -> Mapped:
    """The columns by role: as `given`, else as `declared`, as the shape itself knows, or by their usual names.

    BadInput where a column is named that is not there.
    """
    own = {name.lower(): name for name in columns}
    roles: dict[str, str] = {}
    for role, name in given.items():
        if role not in ROLES_OF_LOG:
            raise BadInput(f"No role '{role}'.", where="--map", next=nearest(role, ROLES_OF_LOG) or
                           f"Roles: {', '.join(ROLES_OF_LOG)}.")
        if name.lower() not in own:
            raise BadInput(f"There is no column '{name}'.", where=f"--map {role}",
                           next=nearest(name, columns) or f"Columns: {', '.join(columns)[:300]}.")
    taken = set[str]()
    for role in ROLES_OF_LOG:
        names = (given.get(role, ""), declared.get(role, ""), f"#{role}",
                 *((model.split.time,) if role == "time" else ()), *NAMES[role])
        found = next((own[name.lower()] for name in names if name.lower() in own and own[name.lower()] not in taken
                      and (name.lower() not in map(str.lower, keys) or name == given.get(role))), None)
        if found is not None:
            roles[role] = found
            taken.add(found)
    rest = [name for name in columns if name not in taken and not name.startswith("#")]
    reserved = {*OWN, model.split.time}
    left = tuple(name for name in rest if name.lower() in reserved and name not in keys)
    return Mapped(roles, tuple(name for name in rest if name not in left), left)


@dataclass(frozen=True)
class Wanted:
    """What the rows become: the model, its keys, the zone of times without one, known types, the newest time,
    and the columns whose values are hidden."""

    model: Model
    keys: tuple[str, ...]
    zone: str
    types: Mapping[str, str]
    newest: str
    version: str = ""
    hidden: Container[str] = ()


def normalised(cursor: duckdb.DuckDBPyConnection, relation: str, columns: Mapping[str, str], roles: Mapped,
               wanted: Wanted) -> None:
    """Make the table TABLE of all rows as the log holds them, with the reason why one cannot be logged, or nothing."""
    made = _Columns(cursor, relation, columns, roles, wanted)
    shown = ", ".join(f"{sql} AS {quote(name)}" for name, sql in made.columns().items())
    reasons = " ".join(f"WHEN {broken} THEN {said}" for broken, said in made.reasons())
    cursor.execute(f"CREATE OR REPLACE TEMP TABLE {TABLE} AS SELECT {FILE}, {LINE}, {shown}, "
                   f"CASE {reasons} END AS {WHY} FROM {relation}")


@dataclass
class _Columns:
    cursor: duckdb.DuckDBPyConnection
    relation: str
    types: Mapping[str, str]
    mapped: Mapped
    wanted: Wanted

    def columns(self) -> dict[str, str]:
        """SQL by column of the log."""
        roles, time = self.mapped.roles, self.wanted.model.split.time
        local = f"timezone({literal(self.wanted.zone)}, {self.time})"
        naive = self.wanted.types.get(time) == "TIMESTAMP"
        found = {name: self.cast(name) for name in self.mapped.features if name in self.wanted.keys}
        found[time] = f"timezone('UTC', {self.time})" if naive else self.time
        found["day"] = f"strftime({local}, '%Y-%m-%d')"
        version = self.text("version") if "version" in roles else "NULL"
        found["version"] = f"coalesce({version}, {literal(self.wanted.version)})"
        found["score"] = self.score
        for role, sql in (("id", self.text("id")), ("answer", self.text("answer")), ("latency", self.number("latency")),
                          ("status", f"CAST({self.number('status')} AS INTEGER)"), ("caller", self.text("caller")),
                          ("endpoint", self.text("endpoint")), ("label", self.text("label"))):
            if role in roles:
                found[CALLED[role]] = sql
        if self.wanted.model.task == "multiclass" and "answer" not in roles:
            found |= {"answer": self.text("output"), "score": "CAST(NULL AS DOUBLE)"}
        return found | {name: self.cast(name) for name in self.mapped.features if name not in found}

    def raw(self, role: str) -> str:
        name = self.mapped.roles.get(role)
        return quote(name) if name is not None else "NULL"

    def text(self, role: str) -> str:
        """The value as text, nothing where it is empty; a whole number as one."""
        raw, kind = self.raw(role), self.types.get(self.mapped.roles.get(role, ""), "VARCHAR")
        text = f"CAST({raw} AS VARCHAR)"
        if kind in ("DOUBLE", "FLOAT"):
            text = (f"CASE WHEN {raw} = floor({raw}) AND abs({raw}) < 1e15 THEN CAST(CAST({raw} AS BIGINT) AS VARCHAR) "
                    f"ELSE {text} END")
        return f"nullif({text}, '')"

    def number(self, role: str) -> str:
        raw = f"nullif(trim(CAST({self.raw(role)} AS VARCHAR)), '')"
        found = f"TRY_CAST({raw} AS DOUBLE)"
        return f"(CASE WHEN isfinite({found}) THEN {found} END)"

    @property
    def score(self) -> str:
        text = f"lower(trim(CAST({self.raw('output')} AS VARCHAR)))"
        number = self.number("output")
        return number if self.wanted.model.task == "regression" else \
            f"CASE {text} WHEN 'true' THEN 1.0 WHEN 'false' THEN 0.0 ELSE {number} END"

    @property
    def time(self) -> str:
        kind = self.types.get(self.mapped.roles.get("time", ""), "VARCHAR")
        return moment_of(self.raw("time"), kind, self.wanted.zone)

    def kind(self, name: str) -> str:
        """The type that a feature has, or had before; what came as text and holds only numbers is a number."""
        kind = self.wanted.types.get(name) or self.types[name]
        if name in self.wanted.hidden:
            return "VARCHAR"
        if name in self.wanted.types or kind != "VARCHAR":
            return _wider(kind, self.types[name]) if name in self.wanted.types else kind
        asked = quote(name)
        number, coded = f"TRY_CAST({asked} AS DOUBLE)", f"regexp_matches({asked}, '^\\s*[+-]?0[0-9]')"
        [(some, odd, whole)] = self.cursor.execute(
            f"SELECT count(nullif({asked}, '')), count_if(nullif({asked}, '') IS NOT NULL AND ({number} IS NULL OR "
            f"{coded})), count_if({number} <> floor({number}) OR abs({number}) > 1e15) FROM {self.relation}").fetchall()
        return "VARCHAR" if odd or not some else "DOUBLE" if whole else "BIGINT"

    def cast(self, name: str) -> str:
        kind = self.kinds[name]
        return quote(name) if kind == self.types[name] else f"TRY_CAST({self.bare(name)} AS {kind})"

    def bare(self, name: str) -> str:
        return f"nullif({quote(name)}, '')" if self.types[name] == "VARCHAR" else quote(name)

    @property
    def kinds(self) -> dict[str, str]:
        if not hasattr(self, "_kinds"):
            self._kinds = {name: self.kind(name) for name in self.mapped.features}
        return self._kinds

    def reasons(self) -> Iterator[tuple[str, str]]:
        """What makes a row none, in the order in which it is said."""
        roles, task = self.mapped.roles, self.wanted.model.task
        if "id" in roles:
            yield f"{self.text('id')} IS NULL", "'it has no id'"
        yield from ((f"{self.cast(name)} IS NULL AND {self.bare(name)} IS NULL", literal(f"it has no {name}"))
                    for name in self.mapped.features if name in self.wanted.keys and "id" not in roles)
        yield f"nullif(trim(CAST({self.raw('time')} AS VARCHAR)), '') IS NULL", "'it has no time'"
        yield f"({self.time}) IS NULL", _says("its time is", self.raw("time"), "which is none")
        yield (f"NOT ({self.time}) BETWEEN {OLDEST} AND {self.wanted.newest}",
               _says("its time is", f"strftime(timezone('UTC', {self.time}), '%Y-%m-%d %H:%M')", "which cannot be"))
        failed = "false"
        for role in ("status", "latency"):
            if role in roles:
                yield (f"{self.number(role)} IS NULL AND nullif(trim(CAST({self.raw(role)} AS VARCHAR)), '') IS NOT "
                       "NULL", _says(f"its {role} is", self.raw(role), "which is no number"))
        if "status" in roles:
            yield f"NOT {self.number('status')} BETWEEN 0 AND 9999", _says("its status is", self.raw("status"), "")
            failed = f"coalesce({self.number('status')} >= 400, false)"
        if "latency" in roles:
            yield f"{self.number('latency')} < 0", _says("its latency is", self.raw("latency"), "below nothing")
        said = f"nullif(trim(CAST({self.raw('output')} AS VARCHAR)), '') IS NULL"
        yield f"NOT {failed} AND {said} AND {self.text('answer')} IS NULL", "'it has no answer'"
        if task != "multiclass":
            yield f"NOT {said} AND ({self.score}) IS NULL", _says("its answer is", self.raw("output"),
                                                                  "which is no number")
        if task == "binary":
            yield f"NOT ({self.score}) BETWEEN 0 AND 1", _says("its answer is", self.raw("output"),
                                                               "which is no probability")
        for name in (each for each in self.mapped.features if self.kinds[each] != self.types[each]):
            yield (f"{self.cast(name)} IS NULL AND {self.bare(name)} IS NOT NULL",
                   _says(f"its {name} is", quote(name), f"which is no {self.kinds[name].lower()}"))


def _says(before: str, value: str, after: str) -> str:
    """SQL of a sentence with the value in it, cut."""
    end = f"', {after}" if after else "'"
    return f"{literal(before + chr(32) + chr(39))} || left(CAST({value} AS VARCHAR), 40) || {literal(end)}"


_WIDTH = ("BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "FLOAT", "DOUBLE")


def _wider(known: str, given: str) -> str:
    """A number that has become a wider one stays a number; otherwise what it was."""
    if known in _WIDTH[1:] and given in _WIDTH[1:]:
        return max(known, given, key=_WIDTH.index)
    return known


def name_rows(cursor: duckdb.DuckDBPyConnection) -> None:
    """Give each row of TABLE an id made of all that it says, so that the same row of the same files has the same one.

    Rows that say the same are told apart by their order in a file: two answers to one question are two.
    """
    columns = [str(each[0]) for each in cursor.execute(f"SELECT * EXCLUDE ({FILE}, {LINE}, {WHY}) FROM {TABLE} "
                                                       "LIMIT 0").description or ()]
    said = ", ".join(f"coalesce(CAST({quote(name)} AS VARCHAR), chr(0))" for name in columns)
    cursor.execute(f"CREATE OR REPLACE TEMP TABLE {TABLE} AS SELECT {FILE}, {LINE}, "
                   f"left(sha256(concat_ws(chr(31), {said}) || chr(31) || row_number() OVER (PARTITION BY {FILE}, "
                   f"{', '.join(map(quote, columns))} ORDER BY {LINE})), 32) AS {quote(ID)}, "
                   f"* EXCLUDE ({FILE}, {LINE}) FROM {TABLE}")


def moment_of(raw: str, kind: str, zone: str) -> str:
    """SQL of a time with its zone: texts as they say or in the project's zone, numbers as epochs by their size."""
    if kind == "TIMESTAMP WITH TIME ZONE":
        return raw
    if kind.startswith(("TIMESTAMP", "DATE")):
        return f"timezone({literal(zone)}, CAST({raw} AS TIMESTAMP))"
    text = f"trim(CAST({raw} AS VARCHAR))"
    number = f"TRY_CAST({text} AS DOUBLE)"
    scale = (f"CASE WHEN abs({number}) < 1e11 THEN 1e6 WHEN abs({number}) < 1e14 THEN 1e3 "
             f"WHEN abs({number}) < 1e17 THEN 1 ELSE 1e-3 END")
    epoch = f"make_timestamptz(CAST(round(least(greatest({number} * {scale}, -1e18), 1e18)) AS BIGINT))"
    zoned = f"regexp_matches({text}, '\\d\\d:?\\d\\d.*([zZ]|UTC|GMT|[+-]\\d\\d(:?\\d\\d)?)$')"
    return (f"CASE WHEN {number} IS NOT NULL AND isfinite({number}) THEN {epoch} "
            f"WHEN {number} IS NULL AND {zoned} THEN TRY_CAST({text} AS TIMESTAMPTZ) "
            f"WHEN {number} IS NULL THEN timezone({literal(zone)}, TRY_CAST({text} AS TIMESTAMP)) END")


def outcome_of(model: Model, column: str) -> str:
    """SQL of an outcome as the labels hold it, by the model's task: true or false, a number, or a class; else nothing.
    """
    text = f"nullif(trim(CAST({column} AS VARCHAR)), '')"
    if model.task == "regression":
        return f"(CASE WHEN isfinite(TRY_CAST({text} AS DOUBLE)) THEN TRY_CAST({text} AS DOUBLE) END)"
    if model.task == "multiclass":
        return text
    return (f"CASE WHEN lower({text}) IN ('true', 't', 'yes', 'y', '1', '1.0') THEN true "
            f"WHEN lower({text}) IN ('false', 'f', 'no', 'n', '0', '0.0') THEN false END")
