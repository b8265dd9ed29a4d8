"""How many values a column of a file has in common with one that is in the lake: evidence that it was renamed."""

import duckdb

from mlops_tui.quality.evolution import Overlap
from store.lake import Lake, Manifest
from store.quoting import quote
from store.scan import Scan

MOST = 10_000  # different values of a column that are looked at


def shared_values(lake: Lake, state: Manifest, side: Scan) -> Overlap:
    """Of two columns, the share of values in the smaller set that the larger one has; None where either is empty."""

    def shared(was: str, now: str) -> float | None:
        if was not in state.columns or now not in side.fields:
            return None
        before = _values(lake.connect(), lake.scan(state), was)
        after = _values(side.cursor(), side.relation, now)
        return len(before & after) / min(len(before), len(after)) if before and after else None

    return shared


def _values(cursor: duckdb.DuckDBPyConnection, relation: str, name: str) -> set[str]:
    """Some values as texts, the same ones of equal sets: those whose hashes are the least."""
    text = f"CAST({quote(name)} AS VARCHAR)"
    query = (f"SELECT v FROM (SELECT DISTINCT {text} AS v FROM {relation} WHERE {quote(name)} IS NOT NULL) "
             f"ORDER BY hash(v) LIMIT {MOST}")
    return {value for (value,) in cursor.execute(query).fetchall()}
