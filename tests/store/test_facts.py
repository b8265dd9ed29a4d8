"""Every kind of entry comes back from the history as it went in."""

import json
from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from store.facts import KINDS, Fact, Finding, Note, body_of, fact_of
from store.ledger import Ledger

TEXT = st.text(max_size=12)  # halves of characters too: a file name need not be UTF-8
NUMBER = st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(st.none() | st.booleans() | st.integers(-2**53, 2**53) | NUMBER | TEXT,
                    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3), max_leaves=6)
DETAIL = st.dictionaries(TEXT, JSON, max_size=3)
BY_TYPE: dict[Any, st.SearchStrategy[Any]] = {
    str: TEXT, int: st.integers(-2**53, 2**53), float: NUMBER, bool: st.booleans(), float | None: st.none() | NUMBER,
    int | None: st.none() | st.integers(-2**53, 2**53), bool | None: st.none() | st.booleans(),
    tuple[str, str]: st.tuples(TEXT, TEXT), tuple[str, ...]: st.lists(TEXT, max_size=3).map(tuple),
    tuple[int, int]: st.tuples(st.integers(1, 4), st.integers(1, 4)),
    Mapping[str, Any]: DETAIL, tuple[Mapping[str, Any], ...]: st.lists(DETAIL, max_size=2).map(tuple)}


def facts_of(cls: type[Fact]) -> st.SearchStrategy[Fact]:
    hints = get_type_hints(cls)
    return st.builds(cls, **{field.name: BY_TYPE[hints[field.name]] for field in fields(cls)})


@pytest.mark.parametrize("kind", KINDS)
def test_a_fact_comes_back_from_json(kind: str) -> None:
    @given(facts_of(KINDS[kind]))
    @settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
    def check(fact: Fact) -> None:
        stored = json.loads(json.dumps(body_of(fact), allow_nan=False))
        assert "subject" not in stored
        assert fact_of(kind, fact.subject, stored) == fact

    check()


def test_and_from_the_ledger(tmp_path: Path) -> None:
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.db", lambda: datetime(2013, 6, 1, tzinfo=UTC), "ana")
    kept: list[Fact] = []

    @given(st.one_of([facts_of(cls) for cls in KINDS.values()]).filter(lambda fact: fact.subject.isascii()))
    @settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
    def check(fact: Fact) -> None:
        kept.append(fact)
        ledger.append(fact)

    check()
    fresh = Ledger(f"sqlite:///{tmp_path}/ledger.db", datetime.now, "bo")
    assert [entry.fact for entry in fresh.entries()] == kept
    assert fresh.verify() is None


def test_a_field_that_a_later_version_wrote_is_left_out(tmp_path: Path) -> None:
    assert fact_of("note", "s", {"text": "a", "colour": "red"}) == Note(subject="s", text="a")


def test_a_field_that_an_earlier_version_did_not_write_has_its_default() -> None:
    assert fact_of("finding", "m", {"check": "drift", "status": "pass", "title": "t"}) == Finding(
        subject="m", check="drift", status="pass", title="t")
    with pytest.raises(TypeError):
        fact_of("finding", "m", {"check": "drift"})


def test_a_number_that_is_none_never_enters_the_history(tmp_path: Path) -> None:
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.db", lambda: datetime(2013, 6, 1, tzinfo=UTC), "ana")
    with pytest.raises(ValueError, match="JSON"):
        ledger.append(Finding(subject="m", check="drift", status="pass", title="t", value=float("nan")))
    assert ledger.entries() == []
