"""The small HTTP servers by which a project at work is spoken to."""

import sys
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from mlops_tui.daemon import Say
from mlops_tui.errors import BadInput

SECONDS = 10.0  # that one who begins to speak and then says nothing is waited for


@dataclass(frozen=True)
class Listening:
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


class Answer(BaseHTTPRequestHandler):
    """What such a server answers; requests are no news, and its version is nobody's business."""

    timeout = SECONDS

    def send(self, code: int, text: str, content_type: str) -> None:
        body = text.encode()
        self.send_response(code)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def version_string(self) -> str:
        return "mlops-tui"

    def log_message(self, format: str, *values: object) -> None:
        """Whatever is to be said of a request, its handler says."""


def listening(name: str, host: str, port: int, answer: type[Answer], say: Say) -> Listening:
    """Answer there from now on; BadInput, which names the key `name` of mlops.yaml, where the address is taken."""

    class Server(ThreadingHTTPServer):
        """Goes on after what it could not answer, and says in the log what kind of error that was."""

        def handle_error(self, request: object, client_address: object) -> None:
            kind, _, _ = sys.exc_info()
            say(f"■ {name}: {kind.__name__ if kind else 'error'}")

    try:
        server = Server((host, port), answer)
    except OSError as problem:
        raise BadInput(f"Nothing can listen at {host}:{port}: {problem.strerror}.", where=f"mlops.yaml, {name}",
                       next="Declare another port.") from problem
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, name=name, daemon=True)
    thread.start()
    return Listening(server, thread)
