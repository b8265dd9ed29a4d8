"""Whose row it is: the column of a dataset that names a person, and the pseudonym by which people are recorded."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mlops_tui.privacy.redaction import keyed
from store.secret import secret

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from mlops_tui.declarations.odcs import Contract
    from mlops_tui.session import Session

DIGITS = 32  # of a pseudonym, hexadecimal
BLOCK = 64  # bytes that SHA-256 takes at once


def column_of(contract: "Contract") -> str | None:
    """The column that says whose row it is (customProperties `dataSubject`); None where rows are nobody's."""
    named = contract.custom("dataSubject")
    return str(named) if named else None


def key_of_people(session: "Session") -> bytes:
    """The secret by which this project hashes people."""
    return secret(session.declared().root / ".mlops" / "keys", "people.key")


def pseudonym(session: "Session", value: object) -> str:
    """The keyed hash of a person's id (HMAC-SHA-256, its first 32 hexadecimal digits), as prediction logs have it."""
    return keyed(value, key_of_people(session)).removeprefix("h:")


def suppressing(session: "Session", cursor: "DuckDBPyConnection", column: str, people: Sequence[str]) -> str:
    """SQL for that cursor, true where a column names one of these people, told by their pseudonyms, in clear or hashed.

    HMAC-SHA-256 (RFC 2104) is worked out by the database, so that nobody's id is needed to leave his rows out; the key
    is bound, so that no error can tell it.
    """
    if not people:
        return "false"
    key = key_of_people(session).ljust(BLOCK, b"\0")
    bound = {"inner": bytes(each ^ 0x36 for each in key), "outer": bytes(each ^ 0x5C for each in key),
             "people": [*people, *(f"h:{person}" for person in people)]}
    for name, value in bound.items():
        cursor.execute(f"SET VARIABLE optout_{name} = (SELECT $value)", {"value": value})
    text = f"CAST({column} AS VARCHAR)"
    hashed = (f"sha256(getvariable('optout_outer') || unhex(sha256(getvariable('optout_inner') || encode({text}))))"
              f"[:{DIGITS}]")
    listed = "(SELECT unnest(getvariable('optout_people')))"
    return f"coalesce({hashed} IN {listed} OR {text} IN {listed}, false)"
