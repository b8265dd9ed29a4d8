"""What the records of a project answer by themselves; what they do not know is no answer."""

from dataclasses import replace

import pytest

from mlops_tui.assurance.evidence import COMPUTED, Known, about_people, basis, material
from mlops_tui.declarations.endpoints import Endpoint
from mlops_tui.declarations.kinds import Label, Model, Monitor, Person, Split
from mlops_tui.declarations.odcs import Contract, CustomProperty, Property, SchemaObject
from store.facts import BoardEvent, Finding, OptOut, Promotion, Snapshot, Vote


def contract(*columns: Property, **custom: str) -> Contract:
    return Contract("DataContract", "v3.1.0", "rows", "1", "active", (SchemaObject("rows", columns),),
                    customProperties=tuple(CustomProperty(name, value) for name, value in custom.items()))


def known(*columns: Property, entries=(), **more) -> Known:
    found = Known("m", Model("binary", Label("rows", "late"), {}, Split("at")),
                  [("rows", each.name) for each in columns], {"rows": contract(*columns)}, {}, {}, {}, entries)
    return replace(found, **more)


def answer(name: str, of: Known) -> str | None:
    found = COMPUTED[name](of)
    assert found is None or found.shown, "an answer says what shows it"
    return found.choice if found else None


PUBLIC = Property("a", classification="public")
PERSON = Property("b", classification="personal")
BARE = Property("c")


@pytest.mark.parametrize(("columns", "said", "class_"), [
    ((PUBLIC,), "no", "none"), ((PUBLIC, PERSON), "yes", None), ((PUBLIC, BARE), None, None), ((BARE,), None, None),
    ((), None, None), ((Property("d", tags=("PII",)),), "yes", None),
    ((PUBLIC, Property("e", classification="Restricted")), "no", "protected_b")])
def test_data_are_about_people_by_class_and_not_where_every_input_is_classed_otherwise(columns, said, class_) -> None:
    of = known(*columns)
    assert (answer("personal_data", of), answer("highest_class", of)) == (said, class_)
    assert answer("profiles", of) == ("no" if said == "no" else None)


def test_rows_that_are_somebodys_are_about_people_whatever_their_columns_are_classed() -> None:
    of = known(PUBLIC, contracts={"rows": contract(PUBLIC, dataSubject="a")})
    assert (about_people(of), answer("personal_data", of)) == (("rows.a",), "yes")


def test_sources_are_counted_and_tables_are_no_free_form() -> None:
    two = known(PUBLIC, inputs=[("rows", "a"), ("weather", "rain")])
    assert [answer("several_sources", each) for each in (known(PUBLIC), two, known())] == ["no", "yes", None]
    assert [answer("unstructured_data", each) for each in (
        known(PUBLIC), known(Property("x", logicalType="array")), two)] == ["no", None, None]


def test_an_owner_that_nobody_named_is_a_no() -> None:
    of = known(PUBLIC)
    assert answer("owner_named", of) == "no"
    assert answer("owner_named", replace(of, model=replace(of.model, owner="ana"))) == "yes"


@pytest.mark.parametrize(("description", "said"), [
    ("LogisticRegression", "no"), ("HistGradientBoostingClassifier", "yes"), ("MyOwnThing", None)])
def test_how_hard_it_is_to_explain_follows_from_what_was_trained(history, made, description, said) -> None:
    fact = replace(made.trained(detail={"descriptions": {"logistic": description}}), subject="m")
    assert answer("hard_to_explain", known(PUBLIC, entries=history.add(fact))) == said


def test_records_answer_by_their_entries(history, made) -> None:
    empty = known(PUBLIC)
    for name in ("bias_audited", "quality_recorded", "stale_data_watched", "decisions_logged", "changes_logged",
                 "changes_approved", "access_managed", "connected_systems"):
        assert answer(name, empty) is None, name
    found = Finding(check="bias", subject="m", status="fail", title="x")
    entries = history.add(found, replace(found, check="ingest", subject="rows"), replace(found, check="health",
                          subject="rows"), Snapshot(subject="m.predictions", snapshot="f" * 64, parent="", rows=5,
                                                    bytes=9), replace(made.trained(), subject="m"))
    full = known(PUBLIC, entries=entries, monitors={"w": Monitor("health", "rows")},
                 endpoints={"desk": Endpoint("m@champion")}, people={"ana": Person(login="ana")})
    for name in ("bias_audited", "quality_recorded", "stale_data_watched", "decisions_logged", "changes_logged",
                 "access_managed", "connected_systems", "version_logged"):
        assert answer(name, full) == "yes", name


def test_a_board_that_decided_and_a_person_who_was_answered_are_heard(history) -> None:
    opened = BoardEvent(subject="BC-1", event="opened", board="credit", about="m@2")
    closed = BoardEvent(subject="BC-1", event="closed", outcome="approved")
    received = OptOut(subject="OO-1", event="received", right="optout-automated", purposes=("automated",))
    assert answer("heard_inside", known(PUBLIC, entries=history.add(opened))) is None, "it has not decided yet"
    entries = history.add(closed, received)
    assert answer("heard_inside", known(PUBLIC, entries=entries)) == "yes"
    assert answer("heard_inside", known(PUBLIC, entries=entries, name="other")) is None
    assert answer("recourse_given", known(PUBLIC, entries=entries)) is None, "nobody has been answered yet"
    entries = history.add(OptOut(subject="OO-1", event="actioned"))
    assert answer("recourse_given", known(PUBLIC, entries=entries)) == "yes"
    assert answer("access_managed", known(PUBLIC, rules=["credit"])) == "yes"


def test_a_promotion_without_votes_denies_that_changes_are_approved(history) -> None:
    vote = Vote(subject="AP-1", voter="bo", choice="yes", plan="p", reason="r")
    voted = Promotion(subject="m", version="1", previous="", approval="AP-1", evidence="e")
    entries = history.add(vote, voted)
    assert answer("changes_approved", known(PUBLIC, entries=entries)) == "yes"
    entries = history.add(replace(voted, version="2", approval="AP-2"))
    assert answer("changes_approved", known(PUBLIC, entries=entries)) == "no"


@pytest.mark.parametrize(("change", "words"), [
    ({"people": ["rows.b"]}, "about people now: rows.b"), ({"sources": ["rows", "x"]}, "a new source: x"),
    ({"classes": {"rows.a": "restricted"}}, "classed restricted, was public"),
    ({"classes": {"rows.a": "strange"}}, "classed strange"), ({"uses": ["desk"]}, "a new use: endpoint desk"),
    ({"questions": "aia 2"}, "questions: aia 2, was aia 1"), ({"label": "rows.other"}, "label: rows.other, was")])
def test_a_material_change_is_named(change, words) -> None:
    before = basis(known(PUBLIC), "aia 1")
    assert material(before, before) == []
    [found] = material(before, before | change)
    assert words in found


def test_less_of_something_is_no_material_change() -> None:
    more = basis(known(PERSON, PUBLIC), "aia 1")
    assert material(more, basis(known(PUBLIC), "aia 1")) == []
