"""Who may what."""

from datetime import UTC, datetime

import pytest

from mlops_tui.access import Policy, doors
from mlops_tui.errors import Denied
from mlops_tui.roles import APART, LADDER, ROLES, Actor, Shape, allowed_roles


def check(actor: Actor, command: str, shape: Shape) -> None:
    """By the table alone: nothing is declared besides, and nothing granted."""
    doors.check(Policy(), actor, command, shape, datetime(2026, 1, 1, tzinfo=UTC))


def may(role: str, command: str, shape: Shape) -> bool:
    try:
        check(Actor("x", frozenset({role})), command, shape)
    except Denied:
        return False
    return True


@pytest.mark.parametrize(("shape", "allowed"), [
    (Shape.LOOK, set(ROLES)), (Shape.MEASURE, {"operator", "engineer", "oncall", "admin"}),
    (Shape.ACT, {"operator", "engineer", "oncall", "admin"}), (Shape.DECIDE, {"approver", "admin"})])
def test_the_shape_decides_who_may(shape: Shape, allowed: set[str]) -> None:
    assert {role for role in ROLES if may(role, "anything", shape)} == allowed


def test_a_higher_rung_holds_the_lower_ones_and_no_other_role_does() -> None:
    for number, rung in enumerate(LADDER):
        actor = Actor("x", frozenset({rung}))
        assert [actor.has(other) for other in LADDER] == [other <= number for other in range(len(LADDER))]
        assert not any(actor.has(role) for role in APART)
    for role in APART:
        assert [other for other in ROLES if Actor("x", frozenset({role})).has(other)] == [role]


@pytest.mark.parametrize(("command", "shape", "yes", "no"), [
    ("train", Shape.MEASURE, "engineer", "operator"), ("promote", Shape.ACT, "approver", "operator"),
    ("alert resolve", Shape.DECIDE, "oncall", "approver"), ("approve", Shape.DECIDE, "legal", "engineer"),
    ("approve grant", Shape.DECIDE, "legal", "engineer"), ("alert ack", Shape.ACT, "oncall", "viewer")])
def test_what_differs_from_the_shape(command: str, shape: Shape, yes: str, no: str) -> None:
    assert may(yes, command, shape)
    assert not may(no, command, shape)


def test_looking_at_a_special_noun_is_open_to_all() -> None:
    assert all(may(role, "approve list", Shape.LOOK) for role in ROLES)


def test_every_role_that_a_table_names_exists() -> None:
    for shape in Shape:
        for command in ("promote", "adopt", "init", "demo", "train", "ingest", "approve", "checklist sign", "x"):
            assert set(allowed_roles(command, shape)) <= set(ROLES)


def test_a_refusal_says_who_has_what_and_who_may() -> None:
    with pytest.raises(Denied, match=r"bo \(viewer\) may not run 'train'.*Ask somebody who is engineer"):
        check(Actor("bo", frozenset({"viewer"})), "train", Shape.MEASURE)
    with pytest.raises(Denied, match=r"bo \(no role\)"):
        check(Actor("bo", frozenset()), "status", Shape.LOOK)
