"""Features as a model reads them: the same conversion when it is fitted and whenever it is asked."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from mlops_tui.errors import BadInput

if TYPE_CHECKING:
    import pandas as pd


def frame_of(table: pa.Table, columns: Sequence[str]) -> "pd.DataFrame":
    """The features as models read them: numbers and booleans as float64 with NaN for null, texts as pandas strings."""
    cast = []
    for name in columns:
        column = table.column(name)
        kind = _kind(column.type)
        if kind is None:
            raise BadInput(f"Feature '{name}' is of type {column.type}; models read numbers, booleans and texts.",
                           next="Make numbers of it in the feature's SQL, such as its hour or weekday.")
        cast.append(column.cast(pa.string() if kind == "string" else pa.float64()))
    return pa.table(dict(zip(columns, cast, strict=True))).to_pandas()


def inputs_of(table: pa.Table, columns: Sequence[str]) -> list[dict[str, Any]]:
    """Name and type of each feature, and whether it had a value in every row."""
    return [{"name": name, "type": _kind(table.column(name).type), "required": table.column(name).null_count == 0}
            for name in columns]


def _kind(type: pa.DataType) -> str | None:
    value = type.value_type if pa.types.is_dictionary(type) else type
    if pa.types.is_boolean(value):
        return "boolean"
    if pa.types.is_integer(value):
        return "long"
    if pa.types.is_floating(value) or pa.types.is_decimal(value):
        return "double"
    return "string" if pa.types.is_string(value) or pa.types.is_large_string(value) else None
