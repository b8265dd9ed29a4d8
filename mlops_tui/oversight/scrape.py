"""GET /metrics while the project is kept going, for a Prometheus server that asks on this machine."""

import sys
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread

from mlops_tui.daemon import Say, fresh
from mlops_tui.errors import BadInput, Refusal
from mlops_tui.oversight.exposition import CONTENT_TYPE, exposition
from mlops_tui.oversight.telemetry import families
from mlops_tui.session import Session

SECONDS = 10.0  # that one who asks and then says nothing is waited for


@dataclass(frozen=True)
class Scraped:
    """A server at work; `port` is the one that it listens on."""

    server: ThreadingHTTPServer
    thread: Thread

    @property
    def port(self) -> int:
        return int(self.server.server_address[1])

    def stop(self) -> None:
        """End it, having answered what was asked."""
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


def start(session: Session, say: Say) -> Scraped | None:
    """Answer at the address in mlops.yaml, `metrics`; None where there is none. BadInput where it is taken."""
    declared = session.declared().settings.metrics
    if declared is None:
        return None
    try:
        server = _server(say)((declared.host, declared.port), _handler(session, say))
    except OSError as problem:
        raise BadInput(f"/metrics cannot be answered at {declared.host}:{declared.port}: {problem.strerror}.",
                       where="mlops.yaml, metrics", next="Declare another port.") from problem
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, name="metrics", daemon=True)
    found = Scraped(server, thread)
    thread.start()
    say(f"metrics: http://{declared.host}:{found.port}/metrics")
    return found


def _server(say: Say) -> type[ThreadingHTTPServer]:
    class Server(ThreadingHTTPServer):
        """A server that goes on after what it could not answer, and says what that was in the log."""

        def handle_error(self, request: object, client_address: object) -> None:
            kind, problem, _ = sys.exc_info()
            say(f"■ metrics: {kind.__name__ if kind else 'error'}: {problem}")

    return Server


def _handler(session: Session, say: Say) -> type[BaseHTTPRequestHandler]:
    one_at_a_time = Lock()

    class Answer(BaseHTTPRequestHandler):
        """GET /metrics and nothing else."""

        timeout = SECONDS

        def do_GET(self) -> None:
            if self.path.partition("?")[0] != "/metrics":
                self._send(404, "Only /metrics is here.\n")
                return
            try:
                with one_at_a_time:
                    text = exposition(families(fresh(session)))
            except Refusal as problem:  # a declaration that cannot be read, until somebody mends it
                say(f"■ metrics: {problem}")
                self._send(500, "The log of mlops-tui up says why.\n")
                return
            self._send(200, text)

        def _send(self, code: int, text: str) -> None:
            body = text.encode()
            self.send_response(code)
            self.send_header("Content-Type", CONTENT_TYPE)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def version_string(self) -> str:
            return "mlops-tui"

        def log_message(self, format: str, *values: object) -> None:
            """Scrapes are no news."""

    return Answer
