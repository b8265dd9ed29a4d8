"""The evaluator against one written another way, on every small case; and what may never happen."""

import fnmatch
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import combinations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_tui.access import Decision, Policy, Request, Rule, decide
from mlops_tui.access.policy import may_call
from mlops_tui.access.resources import Pattern, Resource, matches, pattern, resource
from mlops_tui.errors import BadInput
from mlops_tui.roles import Actor

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
VERA, EVA = Actor("vera", frozenset({"viewer"})), Actor("eva", frozenset({"engineer", "legal"}))


def rule(effect: str, who: str, action: str, text: str, **more: object) -> Rule:
    return Rule(effect, frozenset({who}), action, pattern(text), **more)  # type: ignore[arg-type]


# -- the other evaluator: a table of all that is asked for, filled in rule by rule -----------------------------------

COLUMNS, TENANTS = ("id", "note"), ("acme", "globex")
CELLS = [("d", column, tenant) for column in COLUMNS for tenant in TENANTS]
ROLES_OF = {"vera": {"viewer"}, "eva": {"viewer", "operator", "engineer", "legal"}}  # with the lower rungs
OWN = {"vera": {"viewer"}, "eva": {"engineer", "legal"}}


def cells_of(text: str) -> set[tuple[str, str, str]]:
    """The cells that a resource is about, by reading its parts left to right."""
    words, name, column, tenant = text.split("/"), "", ".*", ".*"
    name = words[1].replace("*", ".*")
    for key, value in zip(words[2::2], words[3::2], strict=True):
        if key == "column":
            column = value.replace("*", ".*")
        else:
            tenant = value.split("=")[1].replace("*", ".*")
    return {cell for cell in CELLS if all(re.fullmatch(each, part) for each, part in
                                          zip((name, column, tenant), cell, strict=True))}


def table(rules: list[tuple[str, str, str, str]], person: str) -> dict[tuple[str, str, str], str]:
    """What the person may do with each cell: the rules are laid over each other, the weakest first."""
    laid = dict.fromkeys(CELLS, "deny")
    for effect in ("allow", "mask", "deny", "glass"):
        for mine, who, action, text in rules:
            holds = who in ("*", person) or who in (ROLES_OF if mine in ("allow", "glass") else OWN)[person]
            if mine == effect and holds and action in ("*", "read"):
                for cell in cells_of(text):
                    if effect != "mask" or laid[cell] == "allow":
                        laid[cell] = "allow" if effect == "glass" else effect
    return laid


EFFECTS = ("allow", "deny", "mask", "glass")
WHO = ("*", "viewer", "engineer", "vera")
ACTIONS = ("read", "*", "load")
RESOURCES = ("dataset/*", "dataset/d", "dataset/other", "dataset/d/column/note", "dataset/*/column/n*",
             "dataset/d/partition/tenant=acme", "dataset/d/partition/tenant=a*/column/id")
LINES = list(product(EFFECTS, WHO, ACTIONS, RESOURCES))


def said(found: Decision) -> str:
    return "allow" if found.allowed else "mask" if found.masked else "deny"


def lattice() -> Iterator[list[tuple[str, str, str, str]]]:
    """Every policy of one rule, and every pair of those that are about reading."""
    yield []
    yield from ([each] for each in LINES)
    about = [each for each in LINES if each[2] == "read" and each[1] != "engineer" and each[3] != "dataset/other"]
    yield from (list(pair) for pair in combinations(about, 2))


def test_every_policy_of_the_small_lattice_decides_as_one_written_another_way() -> None:
    checked, seen = 0, set()
    for lines in lattice():
        policy = Policy(tuple(rule(*line) for line in lines))
        for actor in (VERA, EVA):
            wanted = table(lines, actor.name)
            for (name, column, tenant), right in wanted.items():
                of = Resource("dataset", name, column, {"tenant": tenant})
                assert said(decide(policy, Request(actor, "read", of, NOW))) == right, (lines, actor.name, of)
                checked, seen = checked + 1, seen | {right}
    assert checked > 10_000
    assert seen == {"allow", "deny", "mask"}


# -- what may never happen -------------------------------------------------------------------------------------------

one = st.tuples(st.sampled_from(EFFECTS), st.sampled_from(WHO), st.sampled_from(ACTIONS), st.sampled_from(RESOURCES))
asked = st.builds(Request, st.sampled_from([VERA, EVA]), st.sampled_from(["read", "load"]), st.builds(
    Resource, st.just("dataset"), st.sampled_from(["d", "d.quarantine", "e"]), st.sampled_from([None, "id", "note"]),
    st.sampled_from([None, {"tenant": "acme"}, {"tenant": "globex"}, {}]), st.booleans()), st.just(NOW))


@settings(max_examples=80, deadline=None)
@given(st.lists(one, max_size=6), asked, st.integers(0, 5))
def test_what_is_taken_from_the_allowances_never_grants(lines: list, request_: Request, place: int) -> None:
    kept = [line for number, line in enumerate(lines) if number != place or line[0] not in ("allow", "glass")]
    before = decide(Policy(tuple(rule(*line) for line in lines)), request_)
    after = decide(Policy(tuple(rule(*line) for line in kept)), request_)
    assert before.allowed or not after.allowed


@settings(max_examples=80, deadline=None)
@given(st.lists(one, max_size=6), asked, one, st.booleans())
def test_a_denial_or_a_mask_that_is_added_never_grants(lines: list, request_: Request, line: tuple, firm: bool) -> None:
    rules = [rule(*each) for each in lines]
    added = replace(rule("deny" if line[0] in ("allow", "deny") else "mask", *line[1:]), firm=firm)
    assert decide(Policy(tuple(rules)), request_).allowed or not decide(Policy((*rules, added)), request_).allowed
    if firm and added.action in (request_.action, "*") and added.holds(request_):
        assert not decide(Policy((*rules, added)), request_).allowed, "no glass is over a firm one"


@settings(max_examples=60, deadline=None)
@given(st.lists(one, max_size=6), asked, st.randoms())
def test_the_order_of_the_rules_decides_nothing(lines: list, request_: Request, shuffled: object) -> None:
    rules = [rule(*each) for each in lines]
    other = list(rules)
    shuffled.shuffle(other)  # type: ignore[attr-defined]
    assert said(decide(Policy(tuple(rules)), request_)) == said(decide(Policy(tuple(other)), request_))


@settings(max_examples=60, deadline=None)
@given(st.text("ab*", max_size=6), st.text("ab", max_size=8))
def test_a_star_stands_for_any_characters(glob: str, text: str) -> None:
    assert matches(glob, text) == fnmatch.fnmatchcase(text, glob)


def test_nothing_but_a_star_stands_for_anything() -> None:
    assert [matches(each, "aa") for each in ("a?", "[a]a", "a.", "aa")] == [False, False, False, True]


# -- times, purposes, doors ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("after", "allowed"), [(-1, False), (0, True), (3599, True), (3600, False), (3601, False)])
def test_a_grant_holds_from_its_first_moment_to_before_its_last(after: int, allowed: bool) -> None:
    given_ = rule("allow", "vera", "read", "dataset/d", since=NOW, until=NOW + timedelta(hours=1))
    wanted = Request(VERA, "read", Resource("dataset", "d"), NOW + timedelta(seconds=after))
    assert decide(Policy((given_,)), wanted).allowed is allowed


def test_a_purpose_binds_and_the_refusal_says_which_would_do() -> None:
    policy = Policy((rule("allow", "viewer", "read", "dataset/d", purposes=frozenset({"audit"})),))
    wanted = Request(VERA, "read", Resource("dataset", "d"), NOW)
    assert decide(policy, replace(wanted, purpose="audit")).allowed
    for purpose in ("", "training"):
        found = decide(policy, replace(wanted, purpose=purpose))
        assert (found.allowed, found.why) == (False, "no rule allows vera to read dataset/d but for audit")


def test_nobody_judges_his_own_work_whatever_is_allowed() -> None:
    policy = Policy((rule("glass", "*", "*", "dataset/*"),))
    wanted = Request(VERA, "read", Resource("dataset", "d"), NOW, author="vera")
    assert not decide(policy, wanted).allowed
    assert decide(policy, replace(wanted, author="eva")).allowed


def test_a_denial_to_viewers_is_none_to_engineers_and_an_allowance_to_viewers_is_one() -> None:
    of = Resource("dataset", "d")
    allows, denies = rule("allow", "viewer", "read", "dataset/*"), rule("deny", "viewer", "read", "dataset/d")
    assert [decide(Policy((allows, denies)), Request(actor, "read", of, NOW)).allowed
            for actor in (VERA, EVA)] == [False, True]


def test_a_person_who_is_called_like_a_role_is_not_the_role() -> None:
    steward = Actor("steward", frozenset({"viewer"}))
    policy = Policy((rule("allow", "steward", "read", "dataset/d"),))
    assert not decide(policy, Request(steward, "read", Resource("dataset", "d"), NOW)).allowed


def test_a_part_that_is_not_known_to_be_of_the_partition_is_denied() -> None:
    policy = Policy((rule("allow", "*", "read", "dataset/d"), rule("deny", "*", "read", "dataset/d/partition/t=x")))
    parts = ({"t": "y"}, {"t": "x"}, {})
    assert [decide(policy, Request(VERA, "read", Resource("dataset", "d", "id", each), NOW)).allowed
            for each in parts] == [True, False, False]


def test_a_dataset_without_a_contract_keeps_back_what_any_dataset_keeps_back() -> None:
    policy = Policy((rule("allow", "*", "read", "dataset/*"), rule("deny", "*", "read", "dataset/d/column/note")))
    for name, derived, allowed in (("e", True, False), ("e", False, True), ("d.quarantine", False, False)):
        of = Resource("dataset", name, "note", derived=derived)
        assert decide(policy, Request(VERA, "read", of, NOW)).allowed is allowed, (name, derived)


def test_an_endpoint_is_asked_by_the_same_rules() -> None:
    policy = Policy((rule("allow", "engineer", "call", "endpoint/prod"),))
    assert [may_call(policy, actor, "prod", NOW).allowed for actor in (VERA, EVA)] == [False, True]
    assert not may_call(policy, EVA, "other", NOW).allowed
    assert not may_call(policy, Actor("U404", frozenset()), "prod", NOW).allowed, "unknown is deny"


@pytest.mark.parametrize(("text", "next_"), [
    ("datasets/d", "Did you mean 'dataset'?"), ("dataset/d/colum/x", "Did you mean 'column'?"),
    *((each, "Resources are dataset/") for each in (
        "dataset/", "model/a/b", "dataset/d/partition/x", "command/a/b/c", "", "dataset/d/column/", "dataset"))])
def test_what_is_no_resource_is_refused_with_what_would_be_one(text: str, next_: str) -> None:
    with pytest.raises(BadInput) as caught:
        resource(text)
    assert next_ in caught.value.next


@pytest.mark.parametrize("text", ["dataset/d", "dataset/d/column/a/b", "dataset/d/partition/a=1/partition/b=x y",
                                  "dataset/d/partition/a=1/column/c", "model/m", "command/incident/resolve"])
def test_a_resource_is_written_as_it_was_read(text: str) -> None:
    assert str(resource(text)) == text


def test_patterns_of_different_kinds_are_about_different_things() -> None:
    assert not Pattern("model", "*").covers(Resource("dataset", "d"), sure=True)
