"""Who is behind a Slack id: one person of team.yaml, or nobody."""

import pytest

from bots import identity
from mlops_tui.declarations.kinds import Person, Team

ANA, BO = Person(slack="U01", roles=("engineer",)), Person(slack="U02", roles=("approver", "oncall"), simulated=True)
TEAM = Team(people={"ana": ANA, "bo": BO, "cy": Person(roles=("admin",))})


def test_an_id_is_its_person_with_the_roles_written_there() -> None:
    actor = identity.actor_of(TEAM, "U02")
    assert actor is not None
    assert (actor.name, actor.roles, actor.source, actor.simulated) == (
        "bo", frozenset({"approver", "oncall"}), "slack", True)


@pytest.mark.parametrize("user", ["U99", "", "u01", "U01 ", "ana", "cy"])
def test_any_other_id_is_nobody(user: str) -> None:
    """Least of all somebody without a Slack id, for whom an empty one would do."""
    assert identity.actor_of(TEAM, user) is None


def test_an_id_that_two_people_have_is_nobodys() -> None:
    doubled = Team(people={**TEAM.people, "dee": Person(slack="U01", roles=("admin",))})
    assert identity.actor_of(doubled, "U01") is None
    assert identity.actor_of(doubled, "U02") is not None


def test_a_role_that_does_not_exist_gives_no_rights() -> None:
    actor = identity.actor_of(Team(people={"ana": Person(slack="U01", roles=("owner", "viewer"))}), "U01")
    assert actor is not None
    assert actor.roles == frozenset({"viewer"})


def test_somebody_unknown_is_told_his_id_and_whom_to_ask() -> None:
    problem = identity.unknown("U99")
    assert (problem.exit, "U99" in problem.where, "slack: U99" in problem.next) == (4, True, True)
