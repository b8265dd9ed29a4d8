"""Which alerts lead to a runbook, and which to none."""

from mlops_tui.alerts.coverage import covered, fitting
from mlops_tui.capability import look
from mlops_tui.response._linting import CHECKS
from mlops_tui.response.runbook import runbook
from mlops_tui.session import Session
from mlops_tui.view import Action, Column, Row, Status, Table, Text, View, counted

STANDING = {"named": Status.PASS, "fitting": Status.WARN, "none": Status.FAIL}


@look(of=runbook)
def coverage(session: Session) -> View:
    """Which alerts lead to a runbook: each monitor's by name, by what it checks, or to none.

    \b
    Example: mlops-tui runbook coverage
    """
    project = session.declared()
    books, found = project.runbooks, covered(project.monitors, project.runbooks)
    rows: list[Row] = [{"check": each.check, "monitor": each.monitor, "severity": each.severity,
                        "runbook": each.runbook, "fitting": each.fitting, "standing": each.standing,
                        "status": STANDING[each.standing],
                        "note": f"names '{each.wrong}', which does not exist" if each.wrong else ""} for each in found]
    watched = {monitor.check for monitor in project.monitors.values()}
    kinds: list[Row] = [{"check": check, "runbooks": fitting(check, books), "watched": check in watched}
                        for check in CHECKS]
    named = sum(each.standing == "named" for each in found)
    bare = [each for each in found if each.standing != "named"]
    said = f"{named} of {counted(len(found), 'alert leads', 'alerts lead')} to a runbook by name" if found else \
        "No monitor alerts, so no alert needs a runbook"
    hint = tuple(Text(f"Name it in monitors/{each.monitor}.yaml: alert: {{runbook: "
                      f"{each.fitting[0] if each.fitting else '…'}}}") for each in bare[:3])
    status = Status.FAIL if any(each.standing == "none" for each in bare) else Status.WARN if bare else Status.PASS
    return View(said, status, (
        Table.of("monitors", rows, "check", "monitor", "severity", "standing", Column("runbook", worth=1),
                 "fitting", "note",
                 title="Alerts"), *hint,
        Table.of("checks", kinds, "check", "runbooks", "watched", title="What each kind of check may be met with")),
        (Action("Every runbook", ("runbook", "list")),))
