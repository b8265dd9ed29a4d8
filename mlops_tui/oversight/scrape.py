"""GET /metrics while the project is kept going, for a Prometheus server that asks on this machine."""

from threading import Lock

from mlops_tui.daemon import Say, fresh
from mlops_tui.errors import Refusal
from mlops_tui.oversight.exposition import CONTENT_TYPE, exposition
from mlops_tui.oversight.listening import Answer, Listening, listening
from mlops_tui.oversight.telemetry import families
from mlops_tui.session import Session


def start(session: Session, say: Say) -> Listening | None:
    """Answer at the address in mlops.yaml, `metrics`; None where there is none. BadInput where it is taken."""
    declared = session.declared().settings.metrics
    if declared is None:
        return None
    found = listening("metrics", declared.host, declared.port, _handler(session, say), say)
    say(f"metrics: http://{declared.host}:{found.port}/metrics")
    return found


def _handler(session: Session, say: Say) -> type[Answer]:
    one_at_a_time = Lock()

    class Metrics(Answer):
        """GET /metrics and nothing else."""

        def do_GET(self) -> None:  # noqa: N802  (the library calls it so)
            if self.path.partition("?")[0] != "/metrics":
                self.send(404, "Only /metrics is here.\n", CONTENT_TYPE)
                return
            try:
                with one_at_a_time:
                    text = exposition(families(fresh(session)))
            except Refusal as problem:  # a declaration that cannot be read, until somebody mends it
                say(f"■ metrics: {problem}")
                self.send(500, "The log of mlops-tui up says why.\n", CONTENT_TYPE)
                return
            self.send(200, text, CONTENT_TYPE)

    return Metrics
