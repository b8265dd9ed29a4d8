"""A dataset whose contract now partitions it otherwise: the rows it has are put into the new partitions."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from mlops_tui.data._places import placed
from mlops_tui.errors import BadInput
from mlops_tui.quality.rowrules import Compiled
from store.lake import Lake, Manifest
from store.quoting import quote


@dataclass(frozen=True)
class Regrouped:
    """A state whose files were partitioned by other columns, and the same rows partitioned as the contract says."""

    was: Manifest
    now: Manifest

    def __str__(self) -> str:
        ways = " and by ".join(", ".join(keys) or "nothing" for keys in self.was.partitioned_by)
        return (f"{self.was.dataset} was partitioned by {ways}: its {self.was.rows:,} rows are in "
                f"{len(self.now.files)} partitions by {', '.join(self.now.partitioned_by[0])} now.")


def regrouped(lake: Lake, state: Manifest | None, rules: Compiled, where: Path) -> Regrouped | None:
    """The state as the contract in the file `where` partitions it; None where it is so, or where it has no partitions.

    BadInput where rows do not say to which partition they belong.
    """
    keys = tuple(sorted(rules.partition))
    odd = [file for file in state.files if tuple(sorted(file.partition)) != keys] if state is not None else []
    if state is None or not keys or not odd:
        return None
    misfits = Manifest(state.dataset, state.columns, tuple(odd))
    made = _written(lake, misfits, rules, where)
    fitting = Manifest(state.dataset, state.columns, tuple(file for file in state.files if file not in odd))
    return Regrouped(state, made.replacing(fitting) if fitting.files else made)


def _written(lake: Lake, state: Manifest, rules: Compiled, where: Path) -> Manifest:
    kept = [name for name in rules.values if name in state.columns]
    missing = [name for name in rules.partition if name not in kept and name not in rules.derived]
    if missing:
        raise _refused(state, missing, state.rows, where)
    columns = [quote(name) for name in kept] + [f"{sql} AS {quote(name)}" for name, sql in rules.derived.items()]
    query = f"SELECT {', '.join(columns)} FROM {lake.scan(state)}"
    try:
        lacking = " OR ".join(f"{quote(name)} IS NULL" for name in rules.partition)
        [(count,)] = lake.connect().execute(f"SELECT count(*) FROM ({query}) WHERE {lacking}").fetchall()
    except duckdb.Error as problem:  # the event time is missing, or was of another type
        raise _refused(state, rules.partition, state.rows, where) from problem
    if count:
        raise _refused(state, rules.partition, count, where)
    sort = [name for name in rules.sort if name in kept or name in rules.derived]
    return lake.write(state.dataset, query, sort=sort, partition_by=rules.partition)


def _refused(state: Manifest, names: Sequence[str], rows: int, where: Path) -> BadInput:
    return BadInput(f"'{state.dataset}' has {rows:,} rows without a {' or '.join(names)}, by which it is to be "
                    "partitioned now.", where=placed(where)("partitionBy"),
                    next="Take the change of partitionBy back, or declare a dataset of another name.")
