"""Features of the request's own row: the view's SQL, run over that row alone when it is asked for."""

import json
from collections.abc import Mapping
from datetime import timedelta
from functools import lru_cache
from typing import Any

import duckdb

from mlops_tui.declarations.odcs import Contract
from mlops_tui.errors import BadInput, nearest
from mlops_tui.features._built import Plan
from mlops_tui.tracing import pointintime
from store.quoting import quote
from store.statement import row_wise


def on_request(plan: Plan) -> bool:
    """Whether a view needs nothing but the request's own row: one dataset whose key is the view's entity, each row for
    itself, no history, no delay, and no column that is known only later."""
    view = plan.view
    if view.lookback != timedelta(0) or view.available_after or len(plan.sources) != 1:
        return False
    [contract] = plan.contracts.values()
    if set(view.entity) != set(identity(contract)):
        return False
    read = _row_wise(pointintime.body(view))
    return read is not None and not read & {"*", *later(contract)}


@lru_cache(maxsize=256)
def _row_wise(sql: str) -> frozenset[str] | None:
    with duckdb.connect(":memory:") as connection:
        return row_wise(sql, connection)


def identity(contract: Contract) -> tuple[str, ...]:
    """The columns that say which row it is."""
    keys = tuple(item.name for item in contract.properties if item.primaryKey)
    own = contract.custom("entity", ())
    return keys or ((own,) if isinstance(own, str) else tuple(own))


def later(contract: Contract) -> set[str]:
    """The columns whose value is known only after the row's own time."""
    return {item.name for item in contract.properties
            if any(each.property == "availableAt" for each in item.customProperties)}


def parsed_row(text: str) -> dict[str, Any]:
    """The request's row from JSON; BadInput where it is no object."""
    try:
        row = json.loads(text)
    except ValueError as problem:
        raise BadInput(f"The row is not JSON: {problem}.", next="""Write --row '{"origin": "JFK"}'.""") from problem
    if not isinstance(row, dict):
        raise BadInput("The row is not an object.", next="""Write --row '{"origin": "JFK"}'.""")
    return row


def evaluated(plan: Plan, row: Mapping[str, Any]) -> dict[str, Any]:
    """The view's values for one row of its dataset, columns that are not given being null."""
    [(name, source)] = plan.sources.items()
    with duckdb.connect(":memory:", config={"threads": 1}) as connection:
        connection.execute("SET TimeZone = 'UTC'; SET autoinstall_known_extensions = false")
        wanted = row_wise(pointintime.body(plan.view), connection) or frozenset()
        missing = sorted(column for column in wanted if column not in row)
        if missing:
            hint = nearest(missing[0], row) or f"It reads {', '.join(sorted(wanted))}."
            raise BadInput(f"Feature '{plan.view.name}' needs '{missing[0]}', which the row does not have.",
                           where=plan.view.path, next=hint)
        given = {column: kind for column, kind in source.columns.items() if column in wanted}
        values = ", ".join(f"CAST(? AS {kind}) AS {quote(column)}" for column, kind in given.items())
        try:
            connection.execute(f"CREATE TEMP TABLE {quote(name)} AS SELECT {values}", [row[each] for each in given])
            shown = ", ".join(f"CAST({quote(each)} AS {plan.columns[each]})" for each in plan.values)
            found = connection.execute(f"SELECT {shown} FROM ({pointintime.body(plan.view)}\n)").fetchall()
        except duckdb.Error as problem:
            first = str(problem).splitlines()[0]
            raise BadInput(f"The row does not fit: {first.partition('Error: ')[2] or first}", where=plan.view.path,
                           next=f"Columns: {', '.join(f'{each} {kind}' for each, kind in given.items())}.") from problem
    if not found:
        return dict.fromkeys(plan.values)
    return dict(zip(plan.values, found[0], strict=True))
