"""The project's standing and its traffic in the text that Prometheus reads."""

from mlops_tui.capability import look
from mlops_tui.monitoring.traffic import traffic
from mlops_tui.oversight.exposition import exposition
from mlops_tui.oversight.telemetry import families
from mlops_tui.session import Session
from mlops_tui.view import Facts, Status, Text, View, counted


@look(of=traffic)
def export(session: Session) -> View:
    """Models, monitors, open alerts and logged requests, as `mlops-tui up` answers them at /metrics.

    Declare `metrics: {port: 9464}` in mlops.yaml, and a Prometheus server on this machine can ask for them.

    \b
    Example: mlops-tui traffic export
    """
    told = families(session)
    samples = sum(len(family.samples) for family in told)
    declared = session.declared().settings.metrics
    at = f"http://{declared.host}:{declared.port}/metrics" if declared is not None else "nowhere: none is declared"
    return View(f"{counted(samples, 'sample')} of {counted(sum(bool(each.samples) for each in told), 'metric')}",
                Status.DONE, (Facts({"answered_at": at}), Text(exposition(told), "code")))
