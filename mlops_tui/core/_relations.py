"""The tables that a query may name: datasets in any of their states, and the history."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, fields
from functools import cached_property
from typing import Any, get_type_hints

import pyarrow as pa

from mlops_tui import roles
from mlops_tui.access.standing import SECRET
from mlops_tui.capability import hidden_columns
from mlops_tui.errors import BadInput, Denied, NotFound, nearest
from mlops_tui.session import Session
from store.console import Console
from store.facts import KINDS, body_of
from store.ledger import Entry
from store.quoting import literal, quote
from store.statement import Named

SOURCES = frozenset({"range", "generate_series", "unnest", "repeat", "repeat_row", "json_each", "json_tree"})
STAMPS = pa.schema([("seq", pa.int64()), ("kind", pa.string()), ("subject", pa.string()),
                    ("effective_at", pa.timestamp("us", "UTC")), ("recorded_at", pa.timestamp("us", "UTC")),
                    ("actor", pa.string())])
TYPES = {str: pa.string(), bool: pa.bool_(), int: pa.int64(), float: pa.float64(), float | None: pa.float64(),
         int | None: pa.int64(), bool | None: pa.bool_()}
CLOSE = 0.8  # how near a word must be to what few people mean: the history
PLURALS = {kind: "training" if kind == "trained" else f"{kind}s" for kind in KINDS}


class Relations:
    """What a query names, looked up when it is named: nothing else is read. Where others read along, columns that are
    classified confidential or restricted read as nulls."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.states: dict[str, str] = {}
        self.notes: list[str] = []

    def add(self, name: str, console: Console) -> None:
        """Make a table of that name; NotFound with the nearest name."""
        dataset, _, version = name.partition("@")
        known = next((each for each in self.datasets if each.lower() == dataset.lower()), None)
        if known is not None:
            self._dataset(name, f"{known}@{version}" if version else known, console)
        elif not version and name.lower() in ("ledger", *PLURALS.values()):
            self._history(name.lower(), console)
        else:
            history = ("ledger", *PLURALS.values())
            hint = nearest(dataset, self.datasets) or nearest(dataset, history, cutoff=CLOSE)
            raise NotFound(f"No table '{name}'.", where="datasets and the history",
                           next=hint or f"Tables: {', '.join((*self.datasets, *history)[:12])}.")

    @cached_property
    def datasets(self) -> tuple[str, ...]:
        """Every dataset that is declared or has data."""
        had = {entry.subject for entry in self.session.ledger.entries("snapshot")}
        return tuple(sorted({*self.session.declared().datasets, *had}))

    def check(self, sources: Iterable[Named]) -> None:
        """Refuse functions that read from anywhere else."""
        for each in sources:
            if each.name not in SOURCES:
                raise BadInput(f"{each.name}() is not read from here.", where=f"line {each.line} of the query",
                               next="Name a dataset. Files are looked at with: mlops-tui profile FILE")

    # -- data ---------------------------------------------------------------------------------------------------

    def _dataset(self, name: str, subject: str, console: Console) -> None:
        state = self.session.snapshot(subject)
        hidden = hidden_columns(self.session, state.dataset, state.columns)
        kept = "" if not hidden else " REPLACE (" + ", ".join(
            f"CAST(NULL AS {state.columns[column]}) AS {quote(column)}" for column in hidden) + ")"
        own = ", ".join(literal(column.lower()) for column in state.columns)  # older files may have more
        rows = f"SELECT COLUMNS(lambda c: lower(c) IN ({own})) FROM {self.session.data().scan(state)}"
        console.view(name, f"SELECT *{kept} FROM ({rows})", sorted({file.base for file in state.files if file.base}))
        self.states[name] = state.id[:12]
        if hidden:
            self.notes.append(f"{name}: {', '.join(hidden)} {'are' if len(hidden) > 1 else 'is'} not shown in "
                              f"{self.session.actor.source}: classified as {' or '.join(SECRET)}.")
        if self.session.only and state.files and not self.notes:
            self.notes.append(f"You see {roles.bound_to(self.session.only)} only.")

    # -- the history --------------------------------------------------------------------------------------------

    def _history(self, name: str, console: Console) -> None:
        if self.session.only:
            raise Denied(f"{self.session.actor.name} is bound to {roles.bound_to(self.session.only)}; the history is "
                         "about all.", where="team.yaml, only", next="Name a dataset that is partitioned so.")
        kind = next((each for each, plural in PLURALS.items() if plural == name), "")
        entries = self.session.ledger.entries(*([kind] if kind else []))
        if kind:
            console.table(name, history_of(kind, entries))
            return
        texts = pa.array([json.dumps(body_of(entry.fact), sort_keys=True, ensure_ascii=False) for entry in entries],
                         pa.string())
        console.table(name, _stamps(entries).append_column("body", texts), as_json=("body",))


def _stamps(entries: Sequence[Entry]) -> pa.Table:
    return pa.table({field.name: pa.array([getattr(entry, field.name) for entry in entries], field.type)
                     for field in STAMPS}, schema=STAMPS)


def history_of(kind: str, entries: Sequence[Entry]) -> pa.Table:
    """The entries of one kind with the fields of their facts as columns; what has parts is JSON text."""
    made = _stamps(entries)
    hints = get_type_hints(KINDS[kind])
    for field in fields(KINDS[kind]):
        if field.name in STAMPS.names or (field.default is MISSING and field.name == "subject"):
            continue
        values = [getattr(entry.fact, field.name) for entry in entries]
        type_ = TYPES.get(hints[field.name])
        texts = values if type_ is not None else [_json(each) for each in values]
        made = made.append_column(field.name, pa.array(texts, type_ or pa.string()))
    return made


def _json(value: Any) -> str:
    shown = dict(value) if isinstance(value, Mapping) else list(value) if isinstance(value, tuple) else value
    return json.dumps(shown, sort_keys=True, ensure_ascii=False, default=str)
