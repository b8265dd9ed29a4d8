"""Rows of people who were erased, or want to be: left out of whatever comes in, and kept nowhere."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from mlops_tui.declarations.odcs import Contract
from mlops_tui.privacy.requests import suppressed
from mlops_tui.privacy.subjects import column_of, suppressing
from mlops_tui.session import Session
from store.quoting import quote

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def kept_out(session: Session, contract: Contract, columns: Mapping[str, str], cursor: "DuckDBPyConnection") -> str:
    """SQL that is true of a file's rows that are not to be taken in; empty where all are."""
    column = column_of(contract)
    if column is None or column not in columns:
        return ""
    people = suppressed(session.ledger.entries("optout"))
    return suppressing(session, cursor, quote(column), people) if people else ""
