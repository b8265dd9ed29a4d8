"""What the history tells somebody from whom columns or datasets are kept."""

from datetime import UTC, datetime

from store.facts import AlertEvent, CardPublished, Command, Finding, IncidentEvent, Run, Trained
from store.ledger import Ledger
from store.withheld import Withheld

HIDDEN = Withheld(frozenset({"note"}), frozenset({"secret"}))


def finding(**more: object) -> Finding:
    return Finding(check="drift", subject="flights", status="fail", title="moved", **more)  # type: ignore[arg-type]


def test_details_of_a_column_are_left_out_wherever_they_stand() -> None:
    detail = {"note": 1, "deep": [{"column": "note", "x": 1}, {"column": "id", "x": 2}, ["note", 3], ["id", 4]],
              "kept": {"a": {"note": 5, "b": 6}}}
    told = HIDDEN.fact(finding(detail=detail))
    assert isinstance(told, Finding)
    assert told.detail == {"deep": [{"column": "id", "x": 2}, ["id", 4]], "kept": {"a": {"b": 6}}}
    assert (told.title, told.status) == ("moved", "fail")


def test_of_a_dataset_that_is_kept_back_only_the_standing_is_told() -> None:
    for subject in ("secret", "secret.quarantine", "secret@3f9a2b1c"):
        told = HIDDEN.fact(Finding(check="drift", subject=subject, status="fail", title="X moved", value=5.0,
                                   detail={"x": 1}))
        assert isinstance(told, Finding)
        assert (told.title, told.value, told.detail, told.status) == (f"drift of {subject}", None, {}, "fail")


def test_what_a_failed_step_says_is_not_told_and_a_command_is() -> None:
    told = HIDDEN.fact(Run(subject="daily", run="r", detail="could not convert 'x'"))
    assert isinstance(told, Run)
    assert told.detail == ""
    said = Command(subject="drift", argv=("drift", "note"), shape="measure", phase="outcome", status="pass", source="t")
    assert HIDDEN.fact(said) is said


def test_a_fact_that_says_nothing_of_them_is_the_very_fact() -> None:
    fact = finding(detail={"id": [1, {"column": "id"}]})
    assert HIDDEN.fact(fact) is fact


def test_the_chain_is_verified_as_it_was_written_and_pages_tell_what_entries_tell(tmp_path) -> None:
    ledger = Ledger(f"sqlite:///{tmp_path / 'l.db'}", lambda: datetime(2026, 1, 1, tzinfo=UTC), "ana")
    trained = Trained(subject="m", version="1", candidate="c", key="k", run_id="r", artifact="a", training="t",
                      declaration="d", seed=1, window=("", ""), metrics={"note": 1, "auc": 2})
    ledger.append(finding(detail={"note": 1}), trained)
    narrow = ledger.redacted(frozenset({"note"}), frozenset())
    assert [getattr(entry.fact, "detail", None) for entry in narrow.entries()] == [{}, {}]
    assert narrow.entries()[1].fact.metrics == {"auc": 2}  # type: ignore[attr-defined]
    assert narrow.page(0, 9, upto=2)[::-1] == narrow.entries()
    assert narrow.verify() is None
    assert ledger.entries()[0].fact == finding(detail={"note": 1}), "for others nothing changed"
    assert narrow.acting_as("bo").entries() == narrow.entries()


def test_an_alert_or_incident_about_a_dataset_that_is_kept_back_does_not_repeat_what_was_found() -> None:
    alert = AlertEvent(subject="AL-1", event="fired", about="secret", check="drift", title="X moved", loss={"x": 1})
    incident = IncidentEvent(subject="INC-1", event="declared", about="secret.quarantine", title="X moved")
    assert [(told.title, told.about) for told in map(HIDDEN.fact, (alert, incident))] == [  # type: ignore[attr-defined]
        ("drift of secret", "secret"), ("incident of secret.quarantine", "secret.quarantine")]
    assert HIDDEN.fact(alert).loss == {}  # type: ignore[attr-defined]
    elsewhere = AlertEvent(subject="AL-2", event="fired", about="flights", title="moved")
    assert HIDDEN.fact(elsewhere) is elsewhere


def test_what_differs_by_the_values_of_a_column_is_not_told() -> None:
    by = HIDDEN.fact(Finding(check="bias", subject="m", status="fail", title="m: X half as often as Y", value=0.5,
                             detail={"group": "sex · note", "groups": {"X": 1}}))
    assert isinstance(by, Finding)
    assert (by.title, by.value, by.detail, by.status) == ("bias of m", None, {}, "fail")
    alert = HIDDEN.fact(AlertEvent(subject="AL-1", event="fired", about="m", check="bias", title="m: X as Y"))
    assert getattr(alert, "title", "") == "bias of m"
    items = [{"requirement": "audited", "detail": "m: X half as often as Y", "status": "fail"}]
    detail = {"mitigation": {"reweigh": ["note"], "weights": {"X": {"0": 1}}}, "items": items,
              "slices": [{"slice": "note=X", "auc": 1}, {"slice": "id=1"}], "auc (note=X)": 1, "auc (id=1)": 2,
              "gaps": ["auc (note=X): 9 rows", "auc (footnote=X): 9 rows"]}
    told = HIDDEN.fact(finding(detail=detail))
    assert isinstance(told, Finding)
    assert told.detail == {
        "mitigation": {}, "items": [{"requirement": "audited", "detail": "", "status": "fail"}],
        "slices": [{"slice": "id=1"}], "auc (id=1)": 2, "gaps": ["auc (footnote=X): 9 rows"]}
    card = CardPublished(subject="m", version="1", digest="d", card="c", gaps=("auc (note=X): 9 rows", "drift"))
    assert HIDDEN.fact(card).gaps == ("drift",)  # type: ignore[attr-defined]
    whole = finding(detail=detail)
    assert Withheld(frozenset(), frozenset({"secret"})).fact(whole) is whole
