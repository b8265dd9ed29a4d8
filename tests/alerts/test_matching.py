"""Which alerts a silence means, as people write it."""

import pytest

from mlops_tui.alerts.matching import all_match, matchers
from mlops_tui.errors import BadInput

ALERT = {"monitor": "flights-drift", "subject": "flights-delay", "check": "drift", "severity": "high", "alert": "AL-3"}


@pytest.mark.parametrize(("text", "meant"), [
    ("monitor=flights-drift", True), ("monitor=flights-*", True), ("monitor=weather-*", False), ("monitor!=x", True),
    ("subject!=flights-delay", False), ("check=drift,severity<=high", True), ("severity<=medium", False),
    ("severity<critical", True), ("severity>=high", True), ("severity>high", False), ("severity>medium", True),
    ("severity=high", True), (" monitor = flights-drift , severity >= low ", True), ("alert=AL-3", True),
    ("monitor=flights-drift,check=health", False),
])
def test_all_terms_must_hold(text, meant):
    assert all_match(matchers([text]), ALERT) is meant
    assert [str(each) for each in matchers([text])] == [term.replace(" ", "") for term in text.split(",")]


@pytest.mark.parametrize(("texts", "what", "next"), [
    (["severety=high"], "no 'severety'", "Did you mean 'severity'?"),
    (["severity=hihg"], "'hihg' is no severity", "Did you mean 'high'?"),
    (["monitor<=x"], "has no order", "monitor=x"), (["monitor"], "is no matcher", "monitor=flights-*"),
    (["monitor="], "is no matcher", "monitor="), ([""], "is no matcher", "monitor="),
    ([], "matches nothing", "--match"),
    (["monitor=a,"], "is no matcher", "monitor="), (["zzz=1"], "no 'zzz'", "monitor, subject"),
])
def test_a_term_that_is_none_is_told_the_nearest(texts, what, next):
    with pytest.raises(BadInput) as caught:
        matchers(texts)
    assert what in caught.value.what
    assert next in caught.value.next


def test_what_has_no_severity_is_never_hidden_as_a_small_thing():
    assert not all_match(matchers(["severity<=medium"]), {**ALERT, "severity": ""})
