"""Which alerts lead to a runbook: by name, by what they check, or to none."""

from mlops_tui.alerts.coverage import covered, fitting
from mlops_tui.declarations.alertpolicy import AlertPolicy
from mlops_tui.declarations.kinds import Document, Monitor

BOOKS = {name: Document(name, {"when": when}, "## a\n", name) for name, when in {
    "drifting": ["drift", "stability"], "late": "health", "odd": [], "other": ["drift"]}.items()}


def monitor(check, runbook=None, severity="high"):
    return Monitor(check=check, subject="m",
                   alert=None if runbook is None else AlertPolicy(severity=severity, runbook=runbook))


def test_every_alert_leads_somewhere_or_nowhere():
    found = covered({"a": monitor("drift", "late"), "b": monitor("health", ""), "c": monitor("traffic", ""),
                     "d": monitor("drift", "gone", "low"), "e": monitor("drift")}, BOOKS)
    assert [(each.monitor, each.check, each.severity, each.standing, each.runbook, each.fitting, each.wrong)
            for each in found] == [
        ("a", "drift", "high", "named", "late", ("drifting", "other"), ""),
        ("b", "health", "high", "fitting", "", ("late",), ""),
        ("c", "traffic", "high", "none", "", (), ""),
        ("d", "drift", "low", "fitting", "", ("drifting", "other"), "gone")]


def test_a_runbook_answers_the_checks_that_it_names():
    assert fitting("stability", BOOKS) == ("drifting",)
    assert fitting("catalog", BOOKS) == ()
