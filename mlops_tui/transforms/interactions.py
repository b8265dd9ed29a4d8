"""Terms of two columns as features of their own: a product, a ratio, or the levels of both together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from mlops_tui.errors import BadInput
from mlops_tui.transforms import Made, rows
from mlops_tui.transforms.frozen import Document
from store.quoting import literal, quote

KIND = "interactions"
NAMED = {"product": "_x_", "ratio": "_per_", "joint": "_with_"}


@dataclass(frozen=True)
class Interactions:
    """Pairs of columns with their term: product, ratio, joint, or auto."""

    pairs: tuple[tuple[str, str, str], ...]

    def __post_init__(self) -> None:
        for _, _, term in self.pairs:
            if term not in ("auto", *NAMED):
                raise BadInput(f"No term '{term}'.", next=f"There are: auto, {', '.join(NAMED)}.")


def fit(cursor: duckdb.DuckDBPyConnection, relation: str, how: Interactions) -> dict[str, Any]:
    """The terms, chosen by type where none is asked: a product of numbers, else the levels together."""
    types = rows.types_of(cursor, relation)
    found = []
    for a, b, term in how.pairs:
        rows.need(types, [a, b])
        numbers = all(rows.is_number(types[name]) for name in (a, b))
        if term in ("product", "ratio") and not numbers:
            raise BadInput(f"'{a}' and '{b}' are not both numbers: they have no {term}.", next="Ask for joint levels.")
        chosen = term if term != "auto" else "product" if numbers else "joint"
        found.append({"column": f"{a}{NAMED[chosen]}{b}", "of": [a, b], "term": chosen})
    return {"kind": KIND, "edition": 1, "columns": found}


def names(document: Document) -> dict[str, list[str]]:
    """The columns that the terms add, each under its own name."""
    return {each["column"]: [each["column"]] for each in document["columns"]}


def applied(cursor: duckdb.DuckDBPyConnection, relation: str, document: Document, *, keep: bool = True) -> str:
    """SQL of the relation with its terms; a ratio by 0, and any term of a null, is null. The columns always stay."""
    types = rows.types_of(cursor, relation)
    rows.need(types, list(dict.fromkeys(name for each in document["columns"] for name in each["of"])))
    taken = [each["column"] for each in document["columns"] if each["column"] in types]
    if taken:
        raise BadInput(f"There is a column '{taken[0]}' already.", next="Rename it, or leave it out.")
    shown = [f"{_term(types, each)} AS {quote(each['column'])}" for each in document["columns"]]
    return f"SELECT *, {', '.join(shown)} FROM {relation}"


def _term(types: Mapping[str, str], each: Document) -> str:
    a, b = each["of"]
    x, y = (f"CAST({quote(name)} AS DOUBLE)" for name in (a, b))
    if each["term"] == "product":
        return f"{x} * {y}"
    if each["term"] == "ratio":
        return f"{x} / nullif({y}, 0)"
    return f"{rows.level(a, types[a])} || {literal(' & ')} || {rows.level(b, types[b])}"


def step(cursor: duckdb.DuckDBPyConnection, relations: Mapping[str, str], params: Mapping[str, Any]) -> Made:
    """A pipeline's step: `pairs` are [a, b] or [a, b, term]."""
    pairs: Sequence[Sequence[str]] = params.get("pairs") or ()
    if not pairs or any(len(pair) not in (2, 3) for pair in pairs):
        raise BadInput("'interactions' needs `pairs`, each of two columns and perhaps a term.",
                       next="pairs: [[a, b], [c, d, ratio]]")
    how = Interactions(tuple((pair[0], pair[1], pair[2] if len(pair) == 3 else "auto") for pair in pairs))
    given = list(relations.values())
    document = fit(cursor, given[0], how)
    return Made(applied(cursor, given[-1], document), document)
