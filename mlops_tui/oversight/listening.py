"""The small HTTP servers by which a project at work is spoken to: slow and many callers do no harm."""

import sys
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedReader, RawIOBase
from socket import socket
from threading import BoundedSemaphore, Thread
from typing import Any

from mlops_tui.daemon import Say
from mlops_tui.errors import BadInput

SECONDS = 10.0  # in which a request has to be said
EARS = 64       # requests that are taken at once


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


class _Timely(RawIOBase):
    """What comes in until a moment, however slowly it is said."""

    def __init__(self, line: socket, seconds: float) -> None:
        super().__init__()
        self.line, self.until = line, time.monotonic() + seconds

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any) -> int:
        left = self.until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self.line.settimeout(left)
        return self.line.recv_into(into)


class Answer(BaseHTTPRequestHandler):
    """What such a server answers; requests are no news, and its version is nobody's business."""

    def setup(self) -> None:
        super().setup()
        self.rfile.close()
        self.rfile = BufferedReader(_Timely(self.connection, SECONDS))

    def send(self, code: int, text: str, content_type: str) -> None:
        body = text.encode()
        self.connection.settimeout(SECONDS)
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
    free = BoundedSemaphore(EARS)

    class Server(ThreadingHTTPServer):
        """Goes on after what it could not answer, and says in the log what kind of error that was."""

        def handle_error(self, request: object, client_address: object) -> None:
            kind, _, _ = sys.exc_info()
            say(f"■ {name}: {kind.__name__ if kind else 'error'}")

        def verify_request(self, request: object, client_address: object) -> bool:
            """Whether there is an ear left; whoever is not heard says it again."""
            return free.acquire(blocking=False)

        def process_request_thread(self, request: Any, client_address: Any) -> None:
            try:
                super().process_request_thread(request, client_address)
            finally:
                free.release()

    try:
        server = Server((host, port), answer)
    except OSError as problem:
        raise BadInput(f"Nothing can listen at {host}:{port}: {problem.strerror}.", where=f"mlops.yaml, {name}",
                       next="Declare another port.") from problem
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, name=name, daemon=True)
    thread.start()
    return Listening(server, thread)
