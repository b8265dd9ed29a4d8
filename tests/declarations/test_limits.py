"""A limit that nothing could keep or break is named where it is written."""

import pytest

from mlops_tui.analysis.answers import Task
from mlops_tui.analysis.metrics import METRICS, metrics_of
from mlops_tui.analysis.verdict import Limits
from mlops_tui.declarations.declare import parse
from mlops_tui.declarations.kinds import Model, Monitor
from mlops_tui.declarations.limits import LESS_IS_BETTER, LIMITS, METRICS_OF, USUAL
from mlops_tui.errors import Unreadable
from mlops_tui.modeling import _live

MONITOR = "check: performance\nsubject: m\nlimits:\n  roc_auc: 70\n  precision: -1\n  recal: 0.5\nmin_rows: -5\n"
MODEL = """\
task: binary
label: {dataset: d, column: c}
features: []
candidates: {a: {estimator: x.Y}}
split: {time: t}
criteria:
  - {metric: roc_acu, at_least: 0.7}
  - {metric: roc_auc, at_least: 70}
threshold: 33
"""


def mistakes(cls: type, text: str) -> list[tuple[str, str, str]]:
    with pytest.raises(Unreadable) as caught:
        parse(cls, text, "f")
    return [(each.where, each.what, each.next) for each in (caught.value, *caught.value.also)]


def test_every_impossible_limit_of_a_monitor_is_named_with_its_line() -> None:
    assert mistakes(Monitor, MONITOR) == [
        ("f:4", "A limit on roc_auc lies from 0 to 1, not at 70.", ""),
        ("f:5", "A limit on precision lies from 0 to 1, not at -1.", ""),
        ("f:6", "No limit 'recal' for performance.", "Did you mean 'recall'?"),
        ("f:7", "min_rows is a number of rows, not -5.", "")]


def test_a_misspelt_metric_of_a_model_is_named_with_its_line() -> None:
    assert sorted(mistakes(Model, MODEL)) == [
        ("f:7", "No metric 'roc_acu'.", "Did you mean 'roc_auc'?"),
        ("f:8", "roc_auc lies from 0 to 1, so at_least cannot be 70.", ""),
        ("f:9", "threshold lies from 0 to 1, not at 33.", "")]
    assert mistakes(Model, MODEL.split("criteria")[0] + "threshold: 33\n") == [
        ("f:6", "threshold lies from 0 to 1, not at 33.", "")]


@pytest.mark.parametrize(("check", "limits", "what"), [
    ("drift", "{ks: 1}", "A limit on ks lies between 0 and 1, not at 1."),
    ("calibration", "{in_the_large: 0}", "A limit on in_the_large lies above 0, not at 0."),
    ("health", "{z: -5}", "A limit on z lies above 0, not at -5."),
    ("ingest", "{bad_share: 1.5}", "A limit on bad_share lies from 0 to 1, not at 1.5."),
    ("performance", "{mcc: -2}", "A limit on mcc lies from -1 to 1, not at -2."),
    ("performance", "{log_loss: -1}", "A limit on log_loss lies 0 or above, not at -1.")])
def test_each_check_has_its_own_limits(check: str, limits: str, what: str) -> None:
    [(where, said, _)] = mistakes(Monitor, f"check: {check}\nsubject: m\nlimits: {limits}\n")
    assert (where, said) == ("f:3", what)


def test_what_may_be_declared_is_what_is_measured() -> None:
    for task in Task:  # MASE needs the naive forecast's error beside the answers
        assert set(METRICS_OF[task]) - {"mase"} == set(metrics_of(task))
    assert set(LIMITS["drift"]) - {"joint"} == set(Limits.__dataclass_fields__)
    assert set(LIMITS["calibration"]) == set(_live.KNOWN)


def test_of_which_metrics_less_is_better_is_what_is_measured() -> None:
    signed = {name for name, metric in METRICS.items() if metric.signed}
    assert set(LESS_IS_BETTER) - {"mase"} == {
        name for name, metric in METRICS.items() if not metric.higher_is_better} - signed
    assert {name for names in USUAL.values() for name in names} <= set(METRICS)
