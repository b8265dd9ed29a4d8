"""How a dataset is cut into files: what there is, what would suit its readers, merging, who may see which."""

from collections.abc import Mapping, Sequence
from statistics import median

import click

from mlops_tui.capability import Plan, act, look, noun
from mlops_tui.data import _compacting as compacting
from mlops_tui.data import _policy as policies
from mlops_tui.data._readings import MANY, SKEWED, Cost, Layout, Reading, priced, readings
from mlops_tui.errors import BadInput, nearest
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Column, Facts, Row, Series, Status, Table, Text, View, counted
from store.lake import FileRef, Manifest
from store.quoting import literal, quote
from store.statement import filtered

partition = noun("partition", __doc__ or "", bare=None, subject="show")
DRAWN = 30  # partitions that are drawn one by one


# -- what there is ------------------------------------------------------------------------------------------------


@look(of=partition)
@click.argument("dataset")
def show(session: Session, dataset: str) -> View:
    """The partitions of DATASET[@snapshot]: rows, bytes and files of each, and how unequal they are.

    \b
    Example: mlops-tui partition show flights
    """
    session.declared()
    state = session.snapshot(dataset)
    parts = state.by_partition()
    keys = tuple(dict.fromkeys(name for file in state.files for name in file.partition))
    rows: list[Row] = [{"partition": _named(files[0]), **dict(files[0].partition), "files": len(files),
                        "rows": sum(file.rows for file in files), "bytes": sum(file.bytes for file in files),
                        "masked": sum(bool(file.mask) for file in files)} for files in parts.values()]
    sizes = [int(str(row["bytes"])) for row in rows]
    middle = median(sizes) if sizes else 0
    skew = max(sizes) / middle if middle else None
    facts: dict[str, Cell] = {"partitioned_by": keys, "partitions": len(rows), "files": len(state.files),
                              "rows": state.rows, "bytes": state.bytes, "median_bytes": middle,
                              "largest_bytes": max(sizes, default=0), "skew": skew,
                              "masked_files": sum(bool(file.mask) for file in state.files), "snapshot": state.id}
    table = Table.of("partitions", sorted(rows, key=lambda row: -int(str(row["bytes"]))), "partition", "rows", "bytes",
                     "files", *(["masked"] if facts["masked_files"] else []), total=len(rows))
    merge = facts["masked_files"] or len(state.files) > len(rows)
    actions = (Action("What would suit its readers", ("partition", "advise", state.dataset)),
               *([Action("Merge", ("partition", "compact", state.dataset))] if merge else []))
    by = " and ".join(keys) or "nothing"
    said = f"{counted(len(rows), 'partition')} by {by}, {middle / 1e3:,.0f} kB each in the middle"
    return View(f"{state.dataset}: {said}", Status.WARN if skew and skew > SKEWED else Status.DONE,
                (Facts(facts), *_pictures(state, keys, rows), table), actions)


def _named(file: FileRef) -> str:
    return "/".join(f"{key}={value}" for key, value in file.partition.items()) or "all rows"


def _pictures(state: Manifest, keys: Sequence[str], rows: Sequence[Row]) -> tuple[Series, ...]:
    """A bar for each partition; where there are too many, for each value of a key that has few."""
    if len(rows) <= DRAWN:
        drawn = sorted(rows, key=lambda row: -int(str(row["bytes"])))
        return (Series("bytes", "bar", tuple(row["partition"] for row in drawn), tuple(row["bytes"] for row in drawn),
                       title="Bytes"),) if rows else ()
    found = []
    for key in keys:
        sums: dict[str, int] = {}
        for file in state.files:
            sums[file.partition[key]] = sums.get(file.partition[key], 0) + file.bytes
        if len(sums) <= DRAWN:
            names = sorted(sums, key=lambda name: -sums[name])
            found.append(Series(f"bytes:{key}", "bar", tuple(names), tuple(sums[name] for name in names),
                                title=f"Bytes by {key}"))
        else:
            names = sorted(sums)
            found.append(Series(f"bytes:{key}", "line", tuple(names), tuple(sums[name] for name in names),
                                title=f"Bytes by {key}", y_label="bytes"))
    return tuple(found)


# -- what would suit ----------------------------------------------------------------------------------------------


@look(of=partition)
@click.argument("dataset")
@click.option("--try", "tried", multiple=True, help="Price this layout as well: columns, by commas.")
def advise(session: Session, dataset: str, tried: tuple[str, ...]) -> View:
    """What way of partitioning would suit what is read of DATASET, from its history and its sizes, with the arithmetic.

    \b
    Example: mlops-tui partition advise flights
             mlops-tui partition advise flights --try origin,day
    """
    project = session.declared()
    state = session.snapshot(dataset)
    found = readings(session.ledger.entries(), project, state.dataset, filters(session, state.dataset))
    days = _days(session, state)
    mine = session.ledger.entries("snapshot", subject=state.dataset)
    layouts = _layouts(session, state, found, tried)
    costs = {layout.keys: priced(layout, state.bytes, days, found, len(mine)) for layout in layouts}
    now = tuple(dict.fromkeys(name for file in state.files for name in file.partition))
    best = min(costs, key=lambda keys: (costs[keys].total, len(keys)))
    per = max(sum(found.values()) + len(mine), 1)
    rows: list[Row] = [{
        "partition_by": " and ".join(keys) or "nothing", "files": cost.files, "median_bytes": cost.median_bytes,
        "skew": cost.skew, "pruned": cost.pruned, "cost": cost.total / per / 1e6, "read_bytes": cost.read_bytes,
        "rewritten_bytes": cost.rewritten_bytes, "warnings": cost.warnings,
        "is": "now and best" if keys == now == best else "now" if keys == now else "best" if keys == best else ""}
        for keys, cost in sorted(costs.items(), key=lambda each: each[1].total)]
    facts: dict[str, Cell] = {"now": now, "best": best, "readings": sum(found.values()), "commits": len(mine),
                              "days": days, "bytes": state.bytes, "pruned_now": costs[now].pruned,
                              "pruned_best": costs[best].pruned}
    read: list[Row] = [{"who": reading.who, "reads": reading.what, "times": times}
                       for reading, times in found.most_common()]
    parts = (Facts(facts),
             Table.of("layouts", rows, Column("partition_by", "by"), "is", "files",
                      Column("median_bytes", "median", unit="B", digits=0), Column("skew", digits=1),
                      Column("pruned", "spared", share=True, digits=0),
                      Column("cost", "a reading", unit="MB", digits=2), "warnings", title="Ways"),
             Table.of("readings", read, "times", "who", "reads", title="What was read"), Text(HOW))
    return View(_title(state.dataset, now, best, costs, sum(found.values())), Status.UNKNOWN if not found else
                Status.PASS if now == best else Status.WARN, parts)


HOW = ("A reading of w of D days opens w/D of the files of a layout by day; one of a value of a column with V values "
       "1/V of a layout by it. It costs the bytes, and 100 kB for each file. A commit of a day rewrites 1/D of a "
       "layout by day, all of another. The cost is that of a reading or commit on average.")


def _title(dataset: str, now: tuple[str, ...], best: tuple[str, ...], costs: Mapping[tuple[str, ...], Cost],
           count: int) -> str:
    if not count:
        return f"Nothing that was read of {dataset} is known yet"
    there, name = " and ".join(now) or "nothing", " and ".join(best) or "nothing"
    if now == best:
        return f"{dataset} is partitioned by {there}, which suits: {costs[now].pruned:.0%} of {count:,} readings spared"
    saved = 1 - costs[best].total / costs[now].total
    return f"{dataset} by {name} instead of {there} would cost {saved:.0%} less"


def filters(session: Session, dataset: str) -> dict[str, tuple[str, ...]]:
    """By pipeline step that reads the dataset, the columns that its SQL holds against a value."""
    project, found = session.declared(), dict[str, tuple[str, ...]]()
    for name, pipeline in project.pipelines.items():
        for step in pipeline.steps:
            place = project.path_of("pipeline", name).parent / step.sql
            if dataset in step.inputs and step.sql and place.is_file():
                text = place.read_text(encoding="utf-8")
                found[f"{name}.{step.name}"] = filtered(text, str(place), session.data().connect())
    return found


def _days(session: Session, state: Manifest) -> float:
    """How many days the rows are from; one where nobody knows."""
    if any("day" in file.partition for file in state.files):
        return float(len({file.partition.get("day") for file in state.files}))
    time = _time(session, state)
    if not time or not state.rows:
        return 1.0
    query = f"SELECT count(DISTINCT CAST({quote(time)} AS DATE)) FROM {session.data().scan(state)}"
    return float(session.data().connect().execute(query).fetchall()[0][0] or 1)


def _time(session: Session, state: Manifest) -> str:
    contract = session.declared().datasets.get(state.dataset)
    time = str(contract.custom("eventTime", "")) if contract else ""
    return time if time in state.columns else ""


def _layouts(session: Session, state: Manifest, found: Mapping[Reading, int], tried: Sequence[str]) -> list[Layout]:
    """The ways worth pricing: today's, none, by day, by each column that is filtered by, by both; and those asked."""
    now = tuple(dict.fromkeys(name for file in state.files for name in file.partition))
    time = "day" if "day" in state.columns or _time(session, state) else ""
    columns = sorted({column for reading in found for column in reading.columns
                      if column in state.columns})
    asked = [tuple(name.strip() for name in each.split(",") if name.strip()) for each in tried]
    for name in (name for keys in asked for name in keys):
        if name not in state.columns and name != time:
            raise BadInput(f"'{state.dataset}' has no column '{name}'.", next=nearest(name, [*state.columns, "day"])
                           or f"Columns: {', '.join(state.columns)}.")
    ways = [now, (), *([(time,)] if time else []), *((column,) for column in columns),
            *((column, time) for column in columns if time and column != time), *asked]
    layouts = [_layout(session, state, keys) for keys in dict.fromkeys(ways)]
    return [layout for layout in layouts if len(layout.rows) <= MANY or layout.keys == now or layout.keys in asked]


def _layout(session: Session, state: Manifest, keys: tuple[str, ...]) -> Layout:
    """The rows of each partition that the keys would make."""
    if not keys:
        return Layout(keys, (state.rows,), {})
    time = _time(session, state)
    zoned = "WITH TIME ZONE" in state.columns.get(time, "")
    local = f"timezone({literal(str(session.declared().zone))}, {quote(time)})" if zoned else quote(time)
    day = f"strftime({local}, '%Y-%m-%d')"
    named = [quote(name) if name in state.columns else day for name in keys]
    grouping = ", ".join(str(place) for place in range(1, len(named) + 1))
    lists = ", ".join(f"{each} AS k{place}" for place, each in enumerate(named))
    values = ", ".join(f"count(DISTINCT k{place})" for place in range(len(named)))
    query = (f"WITH parts AS (SELECT {lists}, count(*) AS n FROM {session.data().scan(state)} GROUP BY {grouping}) "
             f"SELECT list(n), {values} FROM parts")
    [(sizes, *counts)] = session.data().connect().execute(query).fetchall()
    return Layout(keys, tuple(map(int, sizes or ())), dict(zip(keys, map(int, counts), strict=True)))


# -- merging ------------------------------------------------------------------------------------------------------


@act(of=partition)
@click.argument("dataset")
def compact(session: Session, dataset: str) -> Plan:
    """Merge the files of each partition of DATASET into one, and drop the rows that masks leave out.

    The rows stay the same, which is proved before the new state is announced; the old one can be restored.

    \b
    Example: mlops-tui partition compact flights
    """
    session.declared()
    if "@" in dataset:
        raise BadInput("Only the current state can be compacted.", next=f"Try: mlops-tui partition compact "
                       f"{dataset.partition('@')[0]}")
    state = session.snapshot(dataset)
    parts = compacting.due(state)
    if not parts:
        raise BadInput(f"Every partition of '{state.dataset}' is one file without a mask already.",
                       next=f"Try: mlops-tui partition show {state.dataset}")
    return Plan(compacting.plan_view(state, parts), lambda: compacting.compacted(session, state, parts))


# -- who may see which --------------------------------------------------------------------------------------------


@look(of=partition)
@click.argument("dataset")
@click.option("--by", default=None, help="The key whose values are told apart.  [default: the first]")
@click.option("--bucket", default="BUCKET", show_default=True, help="The S3 bucket in which the lake lies.")
@click.option("--prefix", default="", help="Where in the bucket it lies, such as ml/lake.")
@click.option("--principal", default="arn:aws:iam::ACCOUNT:role/{dataset}-{value}", show_default=True,
              help="Whom a value is for; {dataset} and {value} are filled in.")
@click.option("--value", "values", multiple=True, help="Only these values.")
def policy(session: Session, dataset: str, by: str | None, bucket: str, prefix: str, principal: str,
           values: tuple[str, ...]) -> View:
    """Storage prefixes by partition value, as an S3 bucket policy to look at and apply yourself; nothing is applied.

    \b
    Example: mlops-tui partition policy flights --by tenant --bucket acme-lake
    """
    session.declared()
    state = session.snapshot(dataset)
    return policies.policy_view(state, policies.Wanted(by or "", bucket, prefix.strip("/"), principal, values))

