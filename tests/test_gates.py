"""The gate: every requirement on both sides of its edge, and unknown is never a pass."""

import sys
from dataclasses import replace
from datetime import timedelta
from itertools import product
from typing import get_args

import pytest

from mlops_tui import gates
from mlops_tui.analysis.interval import Contrast, Estimate
from mlops_tui.assurance import checklist
from mlops_tui.declarations.kinds import Checklist, GateRule, Item, Label, Model, Split
from mlops_tui.declarations.kinds import Criterion as Declared
from mlops_tui.gates import Case, Evidence
from mlops_tui.view import Status
from store.facts import Finding, Hold, IncidentEvent, Promotion, Proposal, Replayed, SignOff

PASS, WARN, FAIL, UNKNOWN = Status.PASS, Status.WARN, Status.FAIL, Status.UNKNOWN
CHECKLIST = "items: [{id: drift-ok, finding: drift, max_age: 2d}, {id: limits, sign_off: approver}]\n"


def model(**more):
    return Model("binary", Label("flights", "late"), {}, Split("at"), margin=0.005, **more)


def case(history, items=(), *, champion="1", **more):
    return Case("m", "2", model(**more), champion, Checklist(tuple(items)), {"model m": "today", "monitor d": "mine"},
                history.now)


def measured(value, low, high, n=5000):
    return Estimate("roc_auc", value, low, high, n)


@pytest.mark.parametrize(("estimate", "status"), [
    (measured(0.75, 0.70, 0.80), PASS), (measured(0.75, 0.69, 0.80), UNKNOWN), (measured(0.65, 0.60, 0.69), FAIL),
    (measured(0.90, 0.89, 0.91, n=999), UNKNOWN), (measured(None, None, None), UNKNOWN), (None, UNKNOWN),
])
def test_a_criterion_is_judged_on_its_bound(estimate, status):
    metrics = {} if estimate is None else {"roc_auc": estimate}
    found = gates.criterion(Declared("roc_auc", at_least=0.70, min_rows=1000), Evidence(metrics))
    assert found.status is status
    assert found.detail


def test_a_criterion_on_a_slice_is_not_met_by_the_whole():
    declared = Declared("roc_auc", at_least=0.70, slice="origin=JFK")
    found = gates.criterion(declared, Evidence({"roc_auc": measured(0.8, 0.79, 0.81)}))
    assert (found.status, found.id) == (UNKNOWN, "criterion roc_auc:origin=JFK")


@pytest.mark.parametrize(("verdicts", "status"), [
    ((), UNKNOWN), (("better",), PASS), (("better", "better"), PASS), (("better", "inconclusive"), UNKNOWN),
    (("better", "equivalent"), FAIL), (("worse", "better"), FAIL), (("inconclusive", "worse"), FAIL),
])
def test_it_must_beat_every_baseline(verdicts, status):
    contrasts = [{"baseline": f"b{n}", "verdict": each, "estimate": 0.1} for n, each in enumerate(verdicts)]
    assert gates.beats_baseline(Evidence(contrasts=contrasts)).status is status


BOUNDS = (-0.02, -0.005, -0.004, 0.0, 0.01)


def test_no_worse_means_that_even_the_lower_bound_keeps_the_margin(history):
    for low, high in product(BOUNDS, repeat=2):
        if low > high:
            continue
        lead = Contrast((low + high) / 2, low, high, None, None, "delong", bounds=lambda _, both=(low, high): both)
        expected = PASS if low >= -0.005 else FAIL if high < -0.005 else UNKNOWN
        assert gates.no_worse_than_champion(case(history), Evidence(lead=lead, n=5000)).status is expected, (low, high)


@pytest.mark.parametrize(("low", "high", "status"), [
    (0.0, 0.3, PASS), (-0.004, 0.3, UNKNOWN), (-0.004, -0.001, FAIL)])
def test_a_regression_without_a_margin_gives_nothing_away(history, low, high, status):
    """Of an error in minutes or millions no number is small by itself: 0.005 of either says nothing."""
    regression = Model("regression", Label("flights", "minutes"), (), {}, Split("at"))
    lead = Contrast((low + high) / 2, low, high, None, None, "t", bounds=lambda _: (low, high))
    found = gates.no_worse_than_champion(replace(case(history), model=regression), Evidence(lead=lead, n=5000))
    assert (found.status, found.title) == (status, "no worse than the champion")
    assert ("`margin:`" in found.detail) == (status is UNKNOWN)


@pytest.mark.parametrize(("champion", "lead", "n", "status"), [
    ("", None, 0, PASS), ("2", None, 0, PASS), ("1", None, 0, UNKNOWN),
    ("1", Contrast(0.1, None, None, None, None, "delong"), 5000, UNKNOWN),
    ("1", Contrast(0.1, 0.09, 0.11, None, None, "delong"), 99, UNKNOWN),
    ("1", Contrast(0.1, 0.09, 0.11, None, None, "delong"), 100, PASS),
])
def test_a_comparison_that_was_not_made_is_unknown(history, champion, lead, n, status):
    found = gates.no_worse_than_champion(case(history, champion=champion), Evidence(lead=lead, n=n))
    assert found.status is status
    assert found.detail


@pytest.mark.parametrize(("ece", "status"), [(0.05, PASS), (0.0501, FAIL), (None, UNKNOWN)])
def test_the_calibration_error_keeps_its_limit(history, ece, status):
    estimate = None if ece is None else Estimate("ece", ece, None, None, 100, "10 equal bins")
    assert gates.calibrated(case(history), Evidence(ece=estimate)).status is status


# -- the checklist ------------------------------------------------------------------------------------------------

DRIFT = Item("drift-ok", finding="drift", max_age=timedelta(days=2))


def found(status="pass", subject="m", **more):
    given = {"check": "drift", "title": "t", "declaration": "mine"}
    return Finding(subject=subject, status=status, **(given | more))


@pytest.mark.parametrize(("facts", "status"), [
    ([], UNKNOWN),
    ([found()], PASS), ([found("warn")], WARN), ([found("fail")], FAIL), ([found("unknown")], UNKNOWN),
    ([found("done")], UNKNOWN),
    ([found("fail"), found("pass")], PASS), ([found("pass"), found("fail")], FAIL),
    ([found(subject="other")], UNKNOWN), ([found(subject="m@2")], PASS), ([found(subject="m@3")], UNKNOWN),
    ([found(subject="flights")], PASS),
    ([found(check="health")], UNKNOWN), ([found(declaration="yesterday's")], UNKNOWN),
    ([found(declaration="")], UNKNOWN), ([found(version="1")], PASS),
])
def test_an_item_is_answered_by_the_newest_finding_about_it(history, facts, status):
    history.add(*facts)
    [item] = checklist.checklist(case(history, [DRIFT]), history.entries)
    assert item.status is status


def test_what_was_found_of_another_versions_answers_says_nothing_of_this_one(history):
    item = Item("calm", finding="calibration")
    history.add(found(check="calibration", version="1"))
    assert checklist.checklist(case(history, [item]), history.entries)[0].status is UNKNOWN
    history.add(found(check="calibration", version="2"))
    assert checklist.checklist(case(history, [item]), history.entries)[0].status is PASS


def test_an_item_about_what_the_task_does_not_have_counts_for_nothing(history):
    items = [Item("calm", finding="calibration"), Item("fair", finding="bias")]
    of_numbers = replace(case(history, items), model=replace(model(), task="regression"))
    calm, fair = checklist.checklist(of_numbers, history.entries)
    assert (calm.detail, calm.next, fair.status) == ("not for a regression", (), UNKNOWN)
    assert gates.verdict([calm, fair]) is UNKNOWN
    assert gates.verdict([calm, gates.Requirement("x", "t", PASS)]) is PASS
    assert gates.verdict([calm]) is UNKNOWN, "nothing is required, so nothing is known"
    assert checklist.checklist(case(history, items[:1]), history.entries)[0].status is UNKNOWN


@pytest.mark.parametrize(("age", "status"), [(timedelta(days=2), PASS), (timedelta(days=2, seconds=1), UNKNOWN)])
def test_a_finding_grows_stale(history, age, status):
    history.add(found())
    history.now += age
    assert checklist.checklist(case(history, [DRIFT]), history.entries)[0].status is status


LIMITS = Item("limits", sign_off="approver", max_age=timedelta(days=9), title="limits were read")


def signed(choice="yes", subject="m@2", item=LIMITS):
    return SignOff(subject=subject, item=item.id, checklist="standard", choice=choice, reason="r",
                   evidence=checklist.worded(item))


@pytest.mark.parametrize(("facts", "status"), [
    ([], UNKNOWN), ([signed()], PASS), ([signed("no")], FAIL), ([signed("no"), signed()], PASS),
    ([signed(), signed("no")], FAIL), ([signed(subject="m@1")], UNKNOWN),
    ([signed(item=Item("limits", sign_off="approver", title="limits were glanced at"))], UNKNOWN),
    ([signed(item=Item("limits", sign_off="legal", title="limits were read"))], UNKNOWN),
])
def test_a_sign_off_is_for_this_version_and_this_wording(history, facts, status):
    history.add(*facts)
    assert checklist.checklist(case(history, [LIMITS]), history.entries)[0].status is status


def test_a_sign_off_grows_stale_where_the_item_says_so(history):
    history.add(signed())
    history.now += timedelta(days=9, hours=1)
    assert checklist.checklist(case(history, [LIMITS]), history.entries)[0].status is UNKNOWN


def test_a_checklist_that_is_not_declared_is_unknown(history):
    nothing = Case("m", "2", model(), "", None, {}, history.now)
    assert [each.status for each in checklist.checklist(nothing, [])] == [UNKNOWN]


# -- lessons and incidents ------------------------------------------------------------------------------------------


def lesson(event="proposed", path="checklists/standard.yaml", **more):
    content = CHECKLIST.replace("]\n", ", {id: labels-in, finding: health, lesson_of: INC-1}]\n")
    return Proposal(subject="P-1", event=event, path=path, content=content, why="labels", origin="INC-1", lesson=True,
                    **more)


def test_a_lesson_that_nobody_decided_shuts_the_gate(history):
    history.add(lesson())
    [open_] = checklist.lessons(case(history), history.entries)
    assert (open_.status, open_.next) == (UNKNOWN, ("adopt", "P-1"))


def test_a_declined_lesson_is_no_longer_asked_for(history):
    history.add(lesson(), lesson("declined", reason="elsewhere"))
    assert checklist.lessons(case(history), history.entries) == []


def test_an_adopted_lesson_counts_as_its_item_and_may_not_vanish(history):
    history.add(lesson(), lesson("adopted"))
    [gone] = checklist.lessons(case(history, [DRIFT]), history.entries)
    assert gone.status is UNKNOWN
    assert "labels-in" in gone.detail
    kept = [DRIFT, Item("labels-in", finding="health", lesson_of="INC-1")]
    assert checklist.lessons(case(history, kept), history.entries) == []


def test_a_lesson_for_another_models_checklist_is_not_ours(history):
    history.add(lesson(path="checklists/credit.yaml"),
                Proposal(subject="P-2", event="proposed", path="monitors/x.yaml"))
    assert checklist.lessons(case(history), history.entries) == []
    history.add(IncidentEvent(subject="INC-1", event="opened", about="m@1", title="t"))
    assert len(checklist.lessons(case(history), history.entries)) == 1, "it came from an incident about the model"


def test_an_open_incident_about_the_model_warns(history):
    history.add(*(IncidentEvent(subject=f"INC-{n}", event="opened", about=about, title="t")
                  for n, about in enumerate(("m", "m@1", "other"), start=1)))
    history.add(IncidentEvent(subject="INC-2", event="resolved"))
    assert [(each.id, each.status) for each in gates.open_incidents(case(history), history.entries)] == [
        ("incident INC-1", WARN)]


def test_a_version_that_was_taken_back_warns_and_asks_for_nothing(history):
    assert gates.taken_back(case(history), history.entries) == []
    name, version = case(history).name, case(history).version
    history.add(Promotion(subject=name, version=version, previous="0", approval="", evidence=""),
                Promotion(subject=name, version="0", previous=version, approval="", evidence="", event="rolled_back",
                          reason="too many alarms"))
    [told] = gates.taken_back(case(history), history.entries)
    assert (told.status, told.detail.partition(": ")[2]) == (WARN, "too many alarms")
    assert gates.verdict([told]) is UNKNOWN, "a gate that asks for nothing knows nothing"


# -- together -----------------------------------------------------------------------------------------------------


def test_the_gate_is_green_only_where_everything_passes_or_warns():
    for statuses in (each for size in (1, 2, 3) for each in product((PASS, WARN, FAIL, UNKNOWN), repeat=size)):
        required = [gates.Requirement(str(number), "t", status) for number, status in enumerate(statuses)]
        green = all(status in (PASS, WARN) for status in statuses)
        assert (gates.verdict(required) in (PASS, WARN)) == green, statuses
        assert (gates.verdict(required) is FAIL) == (FAIL in statuses), statuses


def test_where_nothing_is_required_nothing_is_known():
    assert gates.verdict([]) is UNKNOWN


def test_the_gate_asks_what_the_model_declares(history):
    declared = case(history, [DRIFT, LIMITS], criteria=(Declared("roc_auc", at_least=0.7),),
                    gate=("beats_baseline", "no_worse_than_champion", "calibrated", "checklist"))
    history.add(lesson(), IncidentEvent(subject="INC-9", event="opened", about="m", title="t"))
    assert [each.id for each in gates.gate(declared, Evidence(), history.entries)] == [
        "criterion roc_auc", "beats_baseline", "no_worse_than_champion", "calibrated", "drift-ok", "limits",
        "lesson P-1", "incident INC-9"]
    assert gates.gate(case(history, gate=()), Evidence(), []) == ()


SPAN = ("2013-09-01T00:00:00+00:00", "2013-09-08T00:00:00+00:00")


def replayed(verdict, **more):
    given = {"window": SPAN, "rows": "f1", "key": "k"}
    return Replayed(subject="m", version="2", incident="INC-1", verdict=verdict, **(given | more))


def resolved(history):
    """An incident of the model that is over, and whose rows are kept."""
    history.add(IncidentEvent(subject="INC-1", event="opened", about="m", title="late"),
                IncidentEvent(subject="INC-1", event="resolved", window=SPAN),
                Hold(subject="m.features", event="held", snapshot="f1", origin="INC-1"))


def lived(history):
    return [(each.id, each.status) for each in gates.replays(case(history), history.entries)]


def test_no_old_incident_asks_nothing(history):
    assert lived(history) == [("replays", PASS)]


@pytest.mark.parametrize(("verdict", "status"), [("survives", PASS), ("fails", FAIL), ("unknown", UNKNOWN),
                                                 ("trained on it", WARN)])
def test_every_old_incident_must_be_lived_through(history, verdict, status):
    resolved(history)
    assert lived(history) == [("replay INC-1", UNKNOWN)], "nobody replayed it yet"
    history.add(replayed(verdict))
    assert lived(history) == [("replay INC-1", status)]


@pytest.mark.parametrize("other", [{"version": "3"}, {"rows": "f0"}, {"window": (SPAN[0], "2013-09-09")},
                                   {"subject": "other"}])
def test_an_answer_to_something_else_is_none(history, other):
    resolved(history)
    history.add(replace(replayed("survives"), **other))
    assert lived(history) == [("replay INC-1", UNKNOWN)]


def test_an_answer_by_limits_that_the_model_has_no_more_is_none(history):
    """No monitor of answers found it, so the model's criteria judged it: 0.70 then, 0.75 by now."""
    resolved(history)
    history.add(replayed("survives", detail={"figures": [{"metric": "roc_auc", "limit": 0.70}]}))
    for least, status in ((0.70, PASS), (0.75, UNKNOWN)):
        today = case(history, criteria=(Declared("roc_auc", at_least=least), Declared("ece", slice="x", at_most=1.0)))
        assert [each.status for each in gates.replays(today, history.entries)] == [status]


def test_one_that_was_taken_out_is_not_asked_for(history):
    resolved(history)
    history.add(Hold(subject="m.features", event="released", snapshot="f1", origin="INC-1"))
    assert lived(history) == [("replays", PASS)]
    history.add(IncidentEvent(subject="INC-1", event="reopened"))
    assert lived(history) == [("replays", PASS)]


def test_an_open_incident_opens_no_gate() -> None:
    warned = gates.Requirement("incident INC-1", "no open incident", Status.WARN)
    assert gates.verdict([warned]) is Status.UNKNOWN
    assert gates.verdict([warned, gates.Requirement("x", "x", Status.UNKNOWN)]) is Status.UNKNOWN
    assert gates.verdict([warned, gates.Requirement("x", "x", Status.PASS)]) is Status.WARN


# -- looks at the test days -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("p", "looks", "status"), [
    (0.02, 1, PASS), (0.02, 2, PASS), (0.02, 3, UNKNOWN), (1e-9, 40, PASS), (None, 40, PASS)])
def test_a_lead_on_a_baseline_is_paid_for_every_look(p, looks, status):
    """What training called better at p is not, once the same test days were asked often enough."""
    contrasts = [{"baseline": "b", "verdict": "better", "estimate": 0.1, "low": 0.01, "high": 0.19, "p_value": p}]
    found = gates.beats_baseline(Evidence(contrasts=contrasts, looks=looks))
    assert found.status is status
    assert ("p 0.02 × 3 looks" in found.detail) == (status is UNKNOWN)


def test_a_worse_candidate_stays_worse_whatever_was_looked_at():
    contrasts = [{"baseline": "b", "verdict": "worse", "estimate": -0.1, "low": -0.2, "high": -0.05, "p_value": 1e-6}]
    assert gates.beats_baseline(Evidence(contrasts=contrasts, looks=9)).status is FAIL


def test_a_lead_in_an_error_is_told_above_0_and_the_least_of_them_is():
    """Of an error, which is better the smaller it is, training keeps differences below 0."""
    by = {"mean": -9.0, "linear": -1.0, "tree": -4.0}
    contrasts = [{"baseline": name, "metric": "mae", "verdict": "better", "estimate": lead, "low": lead - 0.5,
                  "high": lead + 0.25, "p_value": 1e-9} for name, lead in by.items()]
    assert gates.beats_baseline(Evidence(contrasts=contrasts)).detail == "linear: better, lead 0.7500 to 1.5000"


def test_the_baseline_that_it_fails_by_is_the_one_that_is_told():
    contrasts = [{"baseline": name, "metric": "roc_auc", "verdict": verdict, "estimate": by}
                 for name, verdict, by in (("a", "inconclusive", -0.02), ("b", "worse", -0.01), ("c", "better", 0.1))]
    assert gates.beats_baseline(Evidence(contrasts=contrasts)).detail.startswith("b: worse")


def test_no_worse_is_read_from_an_interval_that_every_look_widens(history):
    """A lead of 0.01 ± 0.0075 of standard error: −0.0023 at 90 %, −0.0047 at 95 %, −0.0080 at 98.3 %; margin 0.005."""
    lead = Contrast(0.01, 0.01 - 1.96 * 0.0075, 0.01 + 1.96 * 0.0075, None, None, "delong")
    found = [gates.no_worse_than_champion(case(history), Evidence(lead=lead, n=5000, looks=looks))
             for looks in (1, 2, 6)]
    assert [each.status for each in found] == [PASS, PASS, UNKNOWN]
    assert found[0].detail == "lead on 1: +0.0100 [-0.0023, +0.0223] at 90 %, n = 5,000"
    assert "at 98.33 % after 6 looks" in found[2].detail


def test_every_rule_that_a_model_may_name_is_judged():
    assert {*get_args(GateRule)} == {*gates.RULES, *gates.MEASURED}


def test_a_rule_that_nobody_built_keeps_the_gate_shut(history, monkeypatch):
    rule = gates.rule("nothing_of_that_name")
    [found] = rule(case(history), [])
    assert (found.status, found.detail) == (UNKNOWN, "not built")
    monkeypatch.setitem(gates.RULES, "card", rule)
    assert gates.verdict(gates.gate(case(history, gate=("card",)), Evidence(), [])) is UNKNOWN


def test_a_rule_is_found_by_the_name_of_its_file(history, monkeypatch, tmp_path):
    (tmp_path / "made_up.py").write_text("def made_up(case, entries):\n    return [case.version]\n")
    monkeypatch.setattr(gates.assurance, "__path__", [str(tmp_path)])
    try:
        assert gates.rule("made_up")(case(history), []) == ["2"]
    finally:
        sys.modules.pop("mlops_tui.assurance.made_up", None)
