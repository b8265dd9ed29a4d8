"""What a declaration may not say is refused where it is read."""

import re
from datetime import timedelta

import pytest

from mlops_tui.declarations.declare import parse
from mlops_tui.declarations.endpoints import Endpoint, Objectives, Slowness
from mlops_tui.declarations.kinds import Candidate, Costs, Model, Monitor, Pipeline, Settings, Span
from mlops_tui.errors import Unreadable


@pytest.mark.parametrize("name", ["x/../../outside", "../x", ".hidden", "_own", "a b", ""])
def test_a_step_is_no_path(name: str) -> None:
    with pytest.raises(Unreadable, match="a step is named by"):
        parse(Pipeline, f"steps: [{{name: '{name}', sql: a.sql}}]", "pipelines/p.yaml")


def test_a_step_has_a_plain_name() -> None:
    assert parse(Pipeline, "steps: [{name: carrier_days-2, sql: a.sql}]", "p.yaml").steps[0].name == "carrier_days-2"


MODEL = """\
task: {task}
label: {{dataset: d, column: c{label}}}
features: []
candidates: {{a: {{{candidate}}}}}
split: {{time: t{split}}}
{more}
"""


def model(task: str = "binary", *, label: str = "", candidate: str = "estimator: x.Y", split: str = "",
          more: str = "") -> Model:
    return parse(Model, MODEL.format(task=task, label=label, candidate=candidate, split=split, more=more), "m.yaml")


def said(**parts: str) -> list[str]:
    """What is wrong, as `line: what next`."""
    with pytest.raises(Unreadable) as caught:
        model(**parts)
    return [f"{each.where.partition(':')[2]}: {each.what} {each.next}".strip()
            for each in (caught.value, *caught.value.also)]


def test_a_multiclass_model_names_its_classes_in_their_order() -> None:
    found = model("multiclass", label=", classes: [on time, late, very late]", more="weight: seats")
    assert (found.label.classes, found.weight) == (("on time", "late", "very late"), "seats")


def test_classes_of_integers_are_the_texts_they_are_written_as() -> None:
    assert model("multiclass", label=", classes: [0, 1, 2]").label.classes == ("0", "1", "2")


def test_a_task_is_one_of_three() -> None:
    assert said(task="regresion") == ["1: 'task' is 'regresion'. Did you mean 'regression'? It may be binary, "
                                      "multiclass, regression."]


@pytest.mark.parametrize(("parts", "expected"), [
    ({"label": ", classes: [a, b]"}, "2: classes are of multiclass models; this one is binary."),
    ({"task": "multiclass", "label": ", classes: [a, b, a]"}, "2: The class 'a' is given twice."),
    ({"task": "multiclass", "label": ", classes: [a]"}, "2: A model needs two classes or more."),
    ({"split": ", season: 7d"}, "5: season is of regression models; this one is binary."),
    ({"task": "regression", "split": ", season: 0d"}, "5: A season takes some time. Write 7d."),
    ({"task": "regression", "more": "threshold: 0.3"},
     "6: threshold is of yes or no; regression models answer otherwise. Leave threshold out."),
    ({"task": "multiclass", "more": "costs: {false_positive: 1, false_negative: 5}"},
     "6: costs is of yes or no; multiclass models answer otherwise. Leave costs out."),
    ({"task": "regression", "more": "gate: [beats_baseline, calibrated]"},
     "6: Calibration is of probabilities; a regression has none."),
    ({"task": "regression", "candidate": "estimator: x.Y, calibrate: platt"},
     "4: Calibration is of probabilities; a regression has none."),
    ({"candidate": "estimator: x.Y, calibrate: plat"},
     "4: 'calibrate' is 'plat'. Did you mean 'platt'? It may be auto, platt, isotonic, beta, temperature."),
    ({"task": "regression", "more": "margin: -1"}, "6: margin lies 0 or above, not at -1."),
    ({"more": "weight: c"}, "6: 'c' cannot be what a row counts: it is the label or the time."),
    ({"more": "slices: [c]"}, "6: The label is what is predicted, so it is no slice."),
    ({"task": "regression", "more": "criteria: [{metric: roc_auc, at_least: 0.7}]"},
     "6: roc_auc is of binary models, not of regression ones. Metrics: mae, rmse, median_ae, mape, mase, pinball_10, "
     "pinball_90, r2, explained_variance, spearman, bias."),
    ({"task": "regression", "more": "criteria: [{metric: r2, at_least: 2}]"},
     "6: r2 lies at 1 or below, so at_least cannot be 2."),
    ({"task": "regression", "more": "criteria: [{metric: rsme, at_most: 2}]"},
     "6: No metric 'rsme'. Did you mean 'rmse'?")])
def test_what_a_task_does_not_have_is_refused_where_it_is_written(parts: dict[str, str], expected: str) -> None:
    assert said(**parts) == [expected]


def test_a_margin_of_a_regression_is_in_its_units() -> None:
    assert model("regression", more="margin: 2.5").tolerance == 2.5
    assert (model("regression").tolerance, model("binary").tolerance) == (0, 0.005)


def test_a_candidate_is_one_of_three_things() -> None:
    steps = model(candidate="steps: [{estimator: sklearn.preprocessing.StandardScaler}, {estimator: x.Y, params: "
                            "{C: 2}}]").candidates["a"].steps
    assert [(each.estimator, dict(each.params)) for each in steps] == [
        ("sklearn.preprocessing.StandardScaler", {}), ("x.Y", {"C": 2})]
    assert said(candidate="estimator: x.Y, factory: 'm.py:f'") == [
        "4: a candidate needs one of estimator, factory or steps."]
    assert said(candidate="steps: [{estimator: x.Y}], params: {C: 1}") == [
        "4: Each step has its own params. Write them below the step that they are of."]


def test_a_search_is_of_values_or_of_a_span() -> None:
    found = parse(Candidate, "estimator: x.Y\nsearch:\n  depth: [2, 4, null]\n  C: {low: 1e-3, high: 10, log: true}\n"
                             "  n: {low: 1, high: 9, int: true}\n", "f").search
    assert found == {"depth": (2, 4, None), "C": Span(0.001, 10.0, log=True), "n": Span(1.0, 9.0, int_=True)}


@pytest.mark.parametrize(("search", "expected"), [
    ("{C: []}", "The search has no value of C."),
    ("{C: {low: 2, high: 1}}", "low lies below high, not at 2 of 1."),
    ("{C: {low: 0, high: 1, log: true}}", "With log: true, low lies above 0, not at 0."),
    ("{C: {low: 0.5, high: 2, int: true}}", "With int: true, low and high are whole numbers."),
    ("{C: {lo: 0, high: 1}}", "Unknown key 'lo' in C.")])
def test_a_search_in_which_nothing_can_be_found_is_refused(search: str, expected: str) -> None:
    with pytest.raises(Unreadable) as caught:
        parse(Candidate, f"estimator: x.Y\nsearch: {search}\n", "f")
    assert caught.value.what == expected


def test_costs_by_which_nothing_is_to_be_decided_are_refused() -> None:
    assert parse(Costs, "false_positive: 1\nfalse_negative: 5\ntrue_positive: -2\n", "f").true_positive == -2
    with pytest.raises(Unreadable, match="false_negative costs more than true_positive, else 'no' is never wrong"):
        parse(Costs, "false_positive: 1\nfalse_negative: 1\ntrue_positive: 1\n", "f")


def test_a_model_may_do_without_feature_views() -> None:
    declared = parse(Model, "task: binary\nlabel: {dataset: d, column: y}\ncolumns: [x]\nsplit: {time: at}\n"
                            "candidates: {a: {estimator: x.Y}}\n", "m.yaml")
    assert declared.features == ()


@pytest.mark.parametrize(("cls", "text", "what"), [
    (Endpoint, "model: m\nobjectives: {}\n", "Objectives are an availability, a latency, or both."),
    (Endpoint, "model: m\nobjectives: {availability: 1}\n", "availability lies between 0 and 1"),
    (Endpoint, "model: m\nobjectives: {availability: 0.9, window: 2h}\n", "a day or more"),
    (Endpoint, "model: m\nobjectives: {latency: {p: 1, below: 200ms}}\n", "all answers can never be promised"),
    (Endpoint, "model: m\nobjectives: {latency: {p: 0.9, below: 0ms}}\n", "An answer takes some time."),
    (Settings, "project: p\nmetrics: {port: 70000}\n", "A port lies between 0 and 65535"),
    (Monitor, "check: traffic\nsubject: m\nprometheus: {url: 'ftp://h', query: q}\n", "is no address of a server"),
    (Monitor, "check: traffic\nsubject: m\nprometheus: {url: 'http://me:pw@h', query: q}\n", "no address of a server"),
    (Monitor, "check: traffic\nsubject: m\nprometheus: {url: 'http://h', query: q, step: 7m}\n", "Its step is"),
    (Monitor, "check: drift\nsubject: m\nprometheus: {url: 'http://h', query: q}\n", "drift is not asked of"),
    (Monitor, "check: traffic\nsubject: m\nlimits: {error_rate: 2}\n", "A limit on error_rate lies from 0 to 1")])
def test_what_traffic_cannot_keep_is_refused_where_it_is_written(cls: type, text: str, what: str) -> None:
    with pytest.raises(Unreadable, match=re.escape(what)):
        parse(cls, text, "f")


def test_an_endpoint_says_what_it_promises() -> None:
    found = parse(Endpoint, "model: m\nobjectives: {availability: 0.995, latency: {p: 0.99, below: 200ms}}\n", "f")
    assert found.objectives == Objectives(0.995, Slowness(0.99, timedelta(milliseconds=200)), timedelta(days=30))
