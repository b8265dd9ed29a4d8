"""The other side on loopback: PagerDuty, Alertmanager, a webhook, a mail server, as documented, with faults."""

import base64
import hashlib
import hmac
import json
import socketserver
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

Answer = tuple[int, str]


class Http:
    """A server whose next answers may be faults: a status (with headers), or `lost`: done, and never answered."""

    def __init__(self, port: int = 0) -> None:
        self.faults: list[int | str | tuple[int, dict[str, str]]] = []
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        self.port = port
        self._server: ThreadingHTTPServer | None = None
        self.up()

    def up(self) -> None:
        if self._server is not None:
            return
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), _handler(self))
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def down(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()
            self._server = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.down()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def take(self, path: str, headers: dict[str, str], body: bytes) -> Answer:
        """What a request does, and the answer."""
        return 200, ""


def _handler(double: Http) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): text for name, text in self.headers.items()}
            double.requests.append((self.command, self.path, headers, body))
            fault = double.faults.pop(0) if double.faults else None
            if isinstance(fault, int | tuple):
                code, more = fault if isinstance(fault, tuple) else (fault, {})
                self._send(code, '{"status": "fault"}', more)
                return
            code, text = double.take(self.path, headers, body)
            if fault == "lost":
                self.close_connection = True
                return
            self._send(code, text, {})

        def do_GET(self) -> None:
            self.do_POST()

        def _send(self, code: int, text: str, headers: dict[str, str]) -> None:
            self.send_response(code)
            for name, value in {"Content-Length": str(len(text.encode())), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *values: object) -> None:
            pass

    return Handler


KEY = "R0123456789abcdef0123456789abcde"


@dataclass
class Incident:
    key: str
    summary: str
    severity: str
    status: str = "triggered"
    log: list[str] = field(default_factory=list)

    @property
    def about(self) -> str:
        """What its key says without the turn of the alert."""
        return self.key.rpartition("/")[0]


class PagerDuty(Http):
    """POST /v2/enqueue: 202 where the event is whole and the key is right, else 400 with what is wrong."""

    def __init__(self) -> None:
        self.incidents: list[Incident] = []
        super().__init__()

    def take(self, path: str, headers: dict[str, str], body: bytes) -> Answer:
        event = json.loads(body)
        wrong = list(self._wrong(path, event))
        if wrong:
            return 400, json.dumps({"status": "invalid event", "message": "Event object is invalid", "errors": wrong})
        key = event["dedup_key"]
        going = next((each for each in self.incidents if each.key == key and each.status != "resolved"), None)
        match event["event_action"], going:
            case "trigger", None:
                payload = event["payload"]
                self.incidents.append(Incident(key, payload["summary"], payload["severity"]))
            case "trigger", Incident():
                going.log.append(event["payload"]["summary"])
            case "acknowledge", Incident():
                going.status = "acknowledged"
            case "resolve", Incident():
                going.status = "resolved"
        return 202, json.dumps({"status": "success", "message": "Event processed", "dedup_key": key})

    @staticmethod
    def _wrong(path: str, event: dict[str, Any]) -> Any:
        if path != "/v2/enqueue":
            yield f"no {path}"
        if event.get("routing_key") != KEY:
            yield "Invalid routing key"
        if event.get("event_action") not in ("trigger", "acknowledge", "resolve"):
            yield "event_action"
        if not 0 < len(event.get("dedup_key", "")) <= 255:
            yield "dedup_key"
        payload = event.get("payload", {})
        if event.get("event_action") == "trigger" and not (
                0 < len(payload.get("summary", "")) <= 1024 and payload.get("source")
                and payload.get("severity") in ("critical", "error", "warning", "info")):
            yield "payload"

    @property
    def open(self) -> list[Incident]:
        return [each for each in self.incidents if each.status != "resolved"]

    def webhook(self, event: str, key: str, secret: str = "s3cret", user: str = "PXPGF42",
                agent: str = "user_reference") -> tuple[bytes, dict[str, str]]:
        """What PagerDuty's webhook of version 3 would send, signed."""
        data = {"id": "PT4KHLK", "type": "incident", "incident_key": key, "number": 7, "title": "it drifts",
                "status": event.rpartition(".")[2]}
        by = {"id": user, "type": agent, "summary": "Earline"} if agent else None
        body = json.dumps({"event": {"id": "01FFE2", "event_type": event, "resource_type": "incident",
                                     "occurred_at": "2026-11-26T13:00:00Z", "data": data, "agent": by}}).encode()
        return body, {"x-pagerduty-signature": f"v1={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"}


class Alertmanager(Http):
    """POST /api/v2/alerts: the same labels are the same alert, which fires until its endsAt."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.alerts: dict[str, dict[str, Any]] = {}
        self.fired = 0
        super().__init__()

    def take(self, path: str, headers: dict[str, str], body: bytes) -> Answer:
        told = json.loads(body)
        if path != "/api/v2/alerts" or not isinstance(told, list):
            return 404, ""
        if any(not each["labels"].get("alertname") or each["startsAt"] > each["endsAt"] for each in told):
            return 400, "start time must be before end time"
        before = self.firing
        for each in told:
            self.alerts[json.dumps(each["labels"], sort_keys=True)] = each
        self.fired += len(set(self.firing) - set(before))
        return 200, ""

    @property
    def firing(self) -> list[str]:
        return [name for name, each in self.alerts.items()
                if datetime.fromisoformat(each["endsAt"]).timestamp() > self.clock()]


class Hook(Http):
    """A receiver that follows Standard Webhooks: it checks the signature and its age, and counts each id once."""

    def __init__(self, key: bytes, clock: Callable[[], float]) -> None:
        self.key, self.clock = key, clock
        self.seen: dict[str, dict[str, Any]] = {}
        super().__init__()

    def take(self, path: str, headers: dict[str, str], body: bytes) -> Answer:
        id, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "0")
        signed = hmac.new(self.key, b".".join((id.encode(), stamp.encode(), body)), "sha256").digest()
        if f"v1,{base64.b64encode(signed).decode()}" != headers.get("webhook-signature"):
            return 401, "not signed"
        if abs(int(stamp) - self.clock()) > 300 or "." in id:
            return 400, "too old"
        self.seen.setdefault(id, json.loads(body))
        return 200, ""


class Mailbox:
    """An SMTP server with STARTTLS and AUTH PLAIN; `faults` are answers in place of its own, by command."""

    def __init__(self, certificate: tuple[str, str] | None = None, password: str = "") -> None:
        self.faults: dict[str, list[str]] = {}
        self.mails: list[EmailMessage] = []
        self.secure: list[bool] = []
        self.certificate, self.password = certificate, password
        self._server = _Smtp(("127.0.0.1", 0), _Talk)
        self._server.box = self
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def ids(self) -> list[str]:
        return list(dict.fromkeys(mail["Message-ID"] for mail in self.mails))


class _Smtp(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    box: Mailbox


class _Talk(socketserver.StreamRequestHandler):
    server: _Smtp
    timeout = 5

    def handle(self) -> None:
        with suppress(OSError):
            self._say("220 mail.example ESMTP")
            while (line := self.rfile.readline()) and self._answered(line.decode().strip()):
                pass
        self.rfile.close()
        with suppress(OSError):
            self.wfile.close()
        self.connection.close()

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())
        self.wfile.flush()

    def _answered(self, line: str) -> bool:
        box, word = self.server.box, line.split(" ")[0].upper()
        if box.faults.get(word):
            fault = box.faults[word].pop(0)
            if fault == "lost":
                return False
            self._say(fault)
            return True
        secure = isinstance(self.connection, ssl.SSLSocket)
        if word in ("EHLO", "HELO"):
            more = ["250-STARTTLS"] * (box.certificate is not None and not secure) + ["250-AUTH PLAIN"] * secure
            self._say("\r\n".join(["250-mail.example", *more, "250 8BITMIME"]))
        elif word == "STARTTLS" and box.certificate is not None:
            self._say("220 go")
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*box.certificate)
            self.connection = context.wrap_socket(self.connection, server_side=True, do_handshake_on_connect=False)
            self.connection.do_handshake()
            self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb")
        elif word == "AUTH":
            right = base64.b64encode(f"\0mlops\0{box.password}".encode()).decode()
            self._say("235 in" if line.split(" ")[-1] == right else "535 5.7.8 not known")
        elif word == "DATA":
            return self._letter(secure)
        elif word == "QUIT":
            self._say("221 bye")
            return False
        else:
            self._say("250 fine")
        return True

    def _letter(self, secure: bool) -> bool:
        self._say("354 go on")
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        box = self.server.box
        box.mails.append(message_from_bytes(b"".join(lines), policy=policy.default))  # type: ignore[arg-type]
        box.secure.append(secure)
        if box.faults.get("END"):
            fault = box.faults["END"].pop(0)
            if fault == "lost":
                return False
            self._say(fault)
            return True
        self._say("250 taken")
        return True
