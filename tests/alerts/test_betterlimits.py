"""A better limit, from alerts that people judged: histories whose answer is plain to see."""

from dataclasses import replace
from datetime import timedelta

import pytest

from mlops_tui.alerts.betterlimits import Better, TooLittle, better, roundest
from mlops_tui.declarations.alertpolicy import AlertPolicy
from mlops_tui.declarations.declare import OutOf
from store.facts import Finding
from tests.alerts.test_notifying import ALERT
from tests.conftest import START

DAY = timedelta(days=1)


def drift(value, **more):
    given = {"check": "drift", "unit": "KS", "limit": 0.1, "status": "fail" if value > 0.1 else "pass"} | more
    return Finding(subject="flights", title="x", value=value, **given)


def lived(episodes, make=drift, calm=0.05, **more):
    """Each episode (value, real) fails for a day of its own and is calm on the next: its findings and its alerts."""
    findings, alerts = [], []
    for number, (value, real) in enumerate(episodes):
        at = START + 2 * number * DAY
        findings += [(at, make(value, **more)), (at + DAY, make(calm, **more))]
        alerts.append(replace(ALERT, id=f"AL-{number}", opened_at=at, ended_at=at + DAY, real=real))
    return alerts, findings


def test_noise_below_what_is_real_gets_a_limit_between():
    alerts, findings = lived([(0.5, True), (0.15, False), (0.4, True), (0.2, False), (0.45, True), (0.12, None)])
    found = better(AlertPolicy(), {"ks": 0.1}, alerts, findings)
    assert found == Better("ks", 0.1, 0.2, 3, 2, 2, 6, 3)
    assert found.said == ("ks 0.1 → 0.2 would have kept 3 of 3 real alerts and dropped 2 of 2 noise; "
                          "3 in place of 6")


def test_where_they_overlap_no_real_alert_is_given_up():
    alerts, findings = lived([(0.5, True), (0.15, False), (0.3, True), (0.4, False), (0.45, True)])
    found = better(AlertPolicy(), {"ks": 0.1}, alerts, findings)
    assert isinstance(found, Better)
    assert (found.dropped, found.noise, found.would_fire) == (1, 2, 4)
    assert 0.15 <= found.limit < 0.3


def test_what_lies_below_fails_where_more_is_better():
    def auc(value, **_):
        return Finding(subject="m", check="performance", title="x", value=value, high=value + 0.01, limit=0.74,
                       status="fail" if value + 0.01 < 0.74 else "pass", detail={"metric": "roc_auc"})

    alerts, findings = lived([(0.60, True), (0.72, False), (0.61, True), (0.71, False), (0.62, True)], auc, calm=0.8)
    found = better(AlertPolicy(), {"roc_auc": 0.74, "precision": 0.3}, alerts, findings)
    assert isinstance(found, Better)
    assert (found.measure, found.dropped, found.would_fire) == ("roc_auc", 2, 3)
    assert 0.63 <= found.limit <= 0.72, "the bound decides, not the value"


def test_of_calibration_the_value_decides_and_not_the_bound():
    def ece(value, **_):
        return Finding(subject="m", check="calibration", title="x", value=value, low=value - 0.03, limit=0.05,
                       status="fail" if value > 0.05 else "pass", detail={"measures": {"ece": value}})

    alerts, findings = lived([(0.20, True), (0.10, False), (0.21, True), (0.11, False), (0.22, True)], ece, calm=0.03)
    found = better(AlertPolicy(), {"ece": 0.05}, alerts, findings)
    assert isinstance(found, Better)
    assert (found.dropped, found.would_fire) == (2, 3)
    assert 0.11 <= found.limit < 0.20, "a limit of 0.09 would keep the noise: its bound lies below, its value beyond"


def test_k_of_n_is_judged_by_the_rule_itself():
    alerts, findings = lived([(0.5, True), (0.15, False), (0.4, True), (0.2, False), (0.45, True)])
    never = better(AlertPolicy(after=OutOf(2, 2)), {"ks": 0.1}, alerts, findings)
    assert isinstance(never, TooLittle), "under 2 of 2 none of these would have fired: none is kept"


@pytest.mark.parametrize(("episodes", "why"), [
    ([(0.5, True), (0.4, True), (0.15, False), (0.2, False)], "2 judged real and 2 noise"),
    ([(0.5, True), (0.4, True), (0.45, True), (0.2, False)], "3 judged real and 1 noise"),
    ([(0.2, True), (0.25, True), (0.3, True), (0.5, False), (0.4, False)], "no limit on ks drops noise"),
    ([], "0 judged real and 0 noise"),
])
def test_where_there_is_too_little_it_says_so(episodes, why):
    found = better(AlertPolicy(), {"ks": 0.1}, *lived(episodes))
    assert isinstance(found, TooLittle)
    assert why in found.why


def test_findings_that_do_not_say_what_they_failed_by_move_no_limit():
    alerts, findings = lived([(0.5, True), (0.15, False), (0.4, True), (0.2, False), (0.45, True)], unit="")
    found = better(AlertPolicy(), {"ks": 0.1, "v": 0.1}, alerts, findings)
    assert isinstance(found, TooLittle)
    assert "by which of the limits" in found.why


@pytest.mark.parametrize(("low", "high", "number"), [(0.4718, 0.5536, 0.5), (0.4718, 0.4724, 0.472), (5.2, 14, 10),
                                                     (5.2, 8.9, 6), (0.2, 0.4, 0.2), (700, 1200, 1000)])
def test_a_limit_is_as_round_as_it_can_be(low, high, number):
    assert roundest(low, high) == number
