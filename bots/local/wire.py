"""How Slack reaches the app: one of its sockets, or a signed request to its URL; and again when nobody acknowledged."""

import asyncio
import hashlib
import hmac
import json
import time
import uuid
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import aiohttp
from aiohttp import web

from bots.local.faults import Faults
from bots.local.state import Clock, Json

SOCKETS = 10
RETRIES = (0.0, 60.0, 300.0)  # seconds after a failed delivery of an event: at once, a minute, five
GRACE = 0.1                   # a socket that was asked to refresh stays this long
TICK = 0.02


@dataclass(frozen=True)
class Ack:
    """What came back for an envelope: how long it took, the body, or why there is none."""

    seconds: float
    body: Json | None = None
    error: str = ""
    again: bool = True  # False: the app asked not to be tried again


@dataclass
class Socket:
    """One open connection of the app."""

    ws: web.WebSocketResponse
    retiring: bool = False


@dataclass(frozen=True)
class Retry:
    """An event to be delivered again."""

    due: float
    payload: Json
    attempt: int
    reason: str


@dataclass
class Wire:
    """The lines to the app; everything here runs on the server's loop."""

    clock: Clock
    faults: Faults
    signing_secret: str
    patience: float = 3.0
    url: str = ""
    sockets: list[Socket] = field(default_factory=list)
    waiting: dict[str, asyncio.Future[Json]] = field(default_factory=dict)
    retries: list[Retry] = field(default_factory=list)
    tasks: set[asyncio.Task[Any]] = field(default_factory=set)
    envelopes: list[Json] = field(default_factory=list)  # as sent: the transcript of the other direction
    session: aiohttp.ClientSession | None = None

    def begin(self, work: Any) -> None:
        """Run something beside what goes on; stop() waits for no one."""
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    @property
    def busy(self) -> bool:
        return bool(self.tasks or self.waiting)

    async def deliver(self, kind: str, payload: Json, attempt: int = 0, reason: str = "") -> Ack:
        """Give an envelope to the app and wait for its acknowledgement, three seconds at most."""
        times = 2 if self.faults.twice(kind) else 1
        if self.url:
            return await self.post(kind, payload, attempt, reason, times)
        return await self.send(kind, payload, attempt, reason, times)

    async def event(self, payload: Json, attempt: int = 0, reason: str = "") -> Ack:
        """Deliver an event; one that is not acknowledged comes again, three times."""
        ack = await self.deliver("events_api", payload, attempt, reason)
        if ack.error and ack.again and attempt < len(RETRIES):
            self.retries.append(Retry(self.clock() + RETRIES[attempt], payload, attempt + 1, ack.error))
        return ack

    async def due(self) -> list[Ack]:
        """Deliver again what is due now."""
        now = self.clock()
        ready = [each for each in self.retries if each.due <= now]
        self.retries = [each for each in self.retries if each.due > now]
        return list(await asyncio.gather(*(self.event(each.payload, each.attempt, each.reason) for each in ready)))

    def next_socket(self) -> Socket | None:
        open_ = [each for each in self.sockets if not each.retiring and not each.ws.closed]
        if not open_:
            return None
        self.sockets.remove(open_[0])
        self.sockets.append(open_[0])  # the next one has its turn
        return open_[0]

    async def send(self, kind: str, payload: Json, attempt: int, reason: str, times: int) -> Ack:
        started = time.monotonic()
        envelope: Json = {"envelope_id": str(uuid.uuid4()), "payload": payload, "type": kind,
                          "accepts_response_payload": kind != "events_api"}
        if kind == "events_api":
            envelope |= {"retry_attempt": attempt, "retry_reason": reason}
        answer = asyncio.get_running_loop().create_future()
        self.waiting[envelope["envelope_id"]] = answer
        try:
            for _ in range(times):
                socket = self.next_socket()
                if socket is None:
                    return Ack(0.0, error="connection_failed")
                self.envelopes.append(envelope)
                await socket.ws.send_json(envelope)
            body = await asyncio.wait_for(self.in_time(answer), self.patience)
        except (TimeoutError, ConnectionError):
            return Ack(time.monotonic() - started, error="timeout")
        finally:
            self.waiting.pop(envelope["envelope_id"], None)
        return Ack(time.monotonic() - started, body or None)

    async def in_time(self, answer: "asyncio.Future[Any]") -> Any:
        """The answer, unless the workspace's own clock has moved on by more than three seconds."""
        limit = self.clock() + 3.0
        while not answer.done():
            await asyncio.wait([answer], timeout=TICK)
            if self.clock() > limit and not answer.done():
                raise TimeoutError
        return answer.result()

    def acknowledged(self, message: Json) -> None:
        answer = self.waiting.get(str(message.get("envelope_id")))
        if answer and not answer.done():
            body = message.get("payload")
            answer.set_result(body if isinstance(body, dict) else {})

    async def rotate(self) -> None:
        """Ask every socket to refresh, and close it a moment later."""
        leaving = [each for each in self.sockets if not each.retiring]
        for each in leaving:
            each.retiring = True
            await hang_up(each.ws, "refresh_requested")
        self.begin(self.close(leaving, GRACE))

    async def close(self, leaving: list[Socket], after: float = 0.0) -> None:
        await asyncio.sleep(after)
        for each in leaving:
            await each.ws.close(code=1000)

    def signed(self, body: str) -> dict[str, str]:
        at = str(int(self.clock()))
        digest = hmac.new(self.signing_secret.encode(), f"v0:{at}:{body}".encode(), hashlib.sha256).hexdigest()
        return {"X-Slack-Request-Timestamp": at, "X-Slack-Signature": f"v0={digest}"}

    async def post(self, kind: str, payload: Json, attempt: int, reason: str, times: int) -> Ack:
        """A signed request, as Slack makes it: a command as a form, a click as `payload=`, an event as JSON."""
        if kind == "events_api":
            body, content = json.dumps(payload), "application/json"
        else:
            form = payload if kind == "slash_commands" else {"payload": json.dumps(payload)}
            body, content = urlencode(form), "application/x-www-form-urlencoded"
        headers = {"Content-Type": content, "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
                   **self.signed(body)}
        if attempt:
            named = {"timeout": "http_timeout"}.get(reason, reason)
            headers |= {"X-Slack-Retry-Num": str(attempt), "X-Slack-Retry-Reason": named}
        self.envelopes += [{"type": kind, "payload": payload, "retry_attempt": attempt}] * times
        acks = await asyncio.gather(*(self.request(body, headers) for _ in range(times)))
        return acks[0]

    async def request(self, body: str, headers: dict[str, str]) -> Ack:
        assert self.session is not None
        started = time.monotonic()
        try:
            async with self.session.post(self.url, data=body.encode(), headers=headers,
                                         timeout=aiohttp.ClientTimeout(self.patience)) as answer:
                text, status = await answer.text(), answer.status
                again = answer.headers.get("X-Slack-No-Retry") != "1"
        except TimeoutError:
            return Ack(time.monotonic() - started, error="timeout")
        except aiohttp.ClientError:
            return Ack(time.monotonic() - started, error="connection_failed")
        seconds = time.monotonic() - started
        if not 200 <= status < 300:
            return Ack(seconds, error="http_error", again=again)
        return Ack(seconds, read(text))


def read(text: str) -> Json | None:
    """The body of an acknowledgement: JSON, or plain text for the one who typed the command."""
    if not text.strip():
        return None
    try:
        found = json.loads(text)
    except ValueError:
        return {"text": text}
    return found if isinstance(found, dict) else {"text": text}


async def hang_up(ws: web.WebSocketResponse, reason: str) -> None:
    if not ws.closed:
        await ws.send_json({"type": "disconnect", "reason": reason, "debug_info": {"host": "local"}})
