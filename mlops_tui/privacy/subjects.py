"""Whose row it is: the column of a dataset that names a person, and the pseudonym by which alone a person is recorded."""

from typing import TYPE_CHECKING

from mlops_tui.privacy.redaction import keyed
from store.secret import secret

if TYPE_CHECKING:
    from mlops_tui.declarations.odcs import Contract
    from mlops_tui.session import Session

DIGITS = 32  # of a pseudonym, hexadecimal


def column_of(contract: "Contract") -> str | None:
    """The column that says whose row it is (customProperties `dataSubject`); None where rows are nobody's."""
    named = contract.custom("dataSubject")
    return str(named) if named else None


def key_of_people(session: "Session") -> bytes:
    """The secret by which this project hashes people."""
    return secret(session.declared().root / ".mlops" / "keys", "people.key")


def pseudonym(session: "Session", value: object) -> str:
    """The keyed hash of a person's id (HMAC-SHA-256, its first 32 hexadecimal digits), as prediction logs hash people."""
    return keyed(value, key_of_people(session)).removeprefix("h:")
