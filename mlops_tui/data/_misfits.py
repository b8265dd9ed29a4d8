"""How many values of a file's columns cannot be read as what a contract declares, counted as `validate` reads them."""

from pathlib import Path

import duckdb

from mlops_tui.declarations.odcs import Contract
from mlops_tui.quality.evolution import Misfits
from mlops_tui.quality.logicaltypes import NEVER, raw, value_of
from store.files import open_file, reading
from store.quoting import quote


def misfits_of(contract: Contract, path: Path, cursor: duckdb.DuckDBPyConnection) -> dict[str, Misfits]:
    """By column that both have; one that always fits has none, and is not read."""
    file = open_file(cursor, path, "#file")
    values = {item.name: value_of(item, file.columns[item.name]) for item in contract.properties
              if item.name in file.columns}
    found = dict.fromkeys(values, Misfits(0, 0))
    asked = {name: value for name, value in values.items() if not value.fits or value.unzoned != NEVER}
    if not asked:
        return found
    counts = ", ".join(f"count_if({value.present} AND ({value.sql}) IS NULL AND NOT {value.unzoned}), "
                       f"count_if({value.unzoned})" for value in asked.values())
    rows = f"SELECT *, {', '.join(f'{quote(name)} AS {raw(name)}' for name in asked)} FROM {file.relation}"
    with reading([path]):
        [row] = cursor.execute(f"SELECT {counts} FROM ({rows})").fetchall()
    return found | {name: Misfits(int(row[2 * at]), int(row[2 * at + 1])) for at, name in enumerate(asked)}
