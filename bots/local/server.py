"""The port on loopback: Web API, sockets and response hooks, on a thread and a loop of their own."""

import asyncio
import contextlib
import json
import secrets
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

import aiohttp
from aiohttp import WSMsgType, web

from bots.local import hooks, methods, payloads
from bots.local.faults import Fault, Faults
from bots.local.limits import Limits
from bots.local.state import Call, Json, Refused, State
from bots.local.wire import SOCKETS, TICK, Socket, Wire, hang_up

HOST = "127.0.0.1"
STRUCTURED = ("blocks", "attachments", "view", "metadata")
T = TypeVar("T")


@dataclass(frozen=True)
class Tokens:
    """The made-up secrets of a local workspace, what the bot's token allows, and the events it subscribed to."""

    bot: str
    app: str
    scopes: frozenset[str]
    events: frozenset[str] | None = None  # None: all of which the scopes allow to know
    app_scopes: frozenset[str] = frozenset({"connections:write"})

    def hears(self, event: Json) -> bool:
        """Whether the app is told of an event."""
        return (payloads.scope_of(event) <= self.scopes
                and (self.events is None or payloads.subscribed(event) in self.events))


class Server:
    """Listens on 127.0.0.1 until stopped."""

    def __init__(self, state: State, faults: Faults, limits: Limits, wire: Wire, tokens: Tokens, port: int) -> None:
        self.state, self.faults, self.limits, self.wire, self.tokens = state, faults, limits, wire, tokens
        self.port = port
        self.tickets: set[str] = set()
        self.overdue: list[tuple[float, str, str, Json]] = []  # calls whose line went dead, to be done then
        self.loop = asyncio.new_event_loop()
        self.ready = threading.Event()
        self.failed: OSError | None = None
        self.halt = asyncio.Event()
        self.runner: web.AppRunner | None = None
        self.site: web.TCPSite | None = None
        self.changed: Callable[[], None] = lambda: None
        self.thread = threading.Thread(target=self.run, name="local-slack", daemon=True)

    def start(self) -> None:
        self.thread.start()
        self.ready.wait()
        if self.failed:
            self.thread.join()
            raise self.failed

    def stop(self) -> None:
        if self.thread.is_alive():
            self.loop.call_soon_threadsafe(self.halt.set)
            self.thread.join()

    def run(self) -> None:
        try:
            self.loop.run_until_complete(self.live())
        finally:
            self.loop.close()

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """Run something on the server's loop from another thread, and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result()

    def later(self, work: Coroutine[Any, Any, Any]) -> None:
        self.loop.call_soon_threadsafe(self.wire.begin, work)

    async def live(self) -> None:
        """Open the port, deliver what is due until told to stop, and leave nothing behind."""
        app = web.Application(client_max_size=8 * 1024 * 1024)
        app.add_routes([web.post("/api/{method}", self.api), web.get("/link/", self.link),
                        web.post("/hooks/{hook}", self.hook)])
        self.runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handle_signals=False)
        await self.runner.setup()
        try:
            await self.listen()
        except OSError as error:
            self.failed = error
            await self.runner.cleanup()
            return
        finally:
            self.ready.set()
        async with aiohttp.ClientSession() as self.wire.session:
            await self.attend()
            await self.wire.close(self.wire.sockets)
            for task in list(self.wire.tasks):
                task.cancel()
            await asyncio.gather(*self.wire.tasks, return_exceptions=True)
        await self.runner.cleanup()

    async def listen(self) -> None:
        assert self.runner is not None
        self.site = web.TCPSite(self.runner, HOST, self.port)
        await self.site.start()
        self.port = self.runner.addresses[0][1]

    async def attend(self) -> None:
        while not self.halt.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.halt.wait(), TICK)
            if self.faults.dark_until is not None and not self.faults.dark:
                self.faults.dark_until = None
                self.faults.tell("Slack is back")
                await self.come_back()
                self.changed()
            self.catch_up()
            if self.wire.retries and not self.faults.dark:
                self.wire.begin(self.wire.due())

    def catch_up(self) -> None:
        """Do what was asked for long enough ago, though nobody waits for the answer any more."""
        now = self.state.now()
        ready = [each for each in self.overdue if each[0] <= now]
        self.overdue = [each for each in self.overdue if each[0] > now]
        for _, name, token, asked in ready:
            answer, status = self.answered(name, token, asked)
            self.record(Call(now, name, asked, answer, status, lost=True))

    async def done_late(self) -> None:
        self.catch_up()

    async def go_dark(self) -> None:
        leaving = list(self.wire.sockets)
        if self.faults.refusing and self.site:
            await self.site.stop()
            self.site = None
        for each in leaving:
            each.retiring = True
        await self.wire.close(leaving)

    async def come_back(self) -> None:
        if self.site is None:
            await self.listen()

    def announce(self) -> None:
        """Deliver the events of what just happened; only those the app may see."""
        with self.state.lock:
            events, self.state.happened = self.state.snapshot(self.state.happened), []
        for event in events:
            if self.tokens.hears(event):
                self.later(self.wire.event(payloads.event(self.state, event)))
        self.changed()

    async def api(self, request: web.Request) -> web.StreamResponse:
        """One call of the Web API, with the mishaps that were arranged for it."""
        name = request.match_info["method"]
        self.catch_up()
        if self.faults.dark:
            return unavailable(request, self.faults.refusing)
        try:
            asked = await read(request)
        except ValueError:
            return web.json_response({"ok": False, "error": "invalid_json"})
        token = request.headers.get("Authorization", "").removeprefix("Bearer ") or str(asked.pop("token", ""))
        asked.pop("token", None)
        met = self.faults.of_call(name)
        for each in met:
            if each.kind == "slow":
                await asyncio.sleep(each.seconds)
        kinds = {each.kind for each in met}
        if "lose_request" in kinds:
            return cut(request)
        for each in met:
            if each.kind == "late":
                self.overdue.append((self.state.now() + each.seconds, name, token, asked))
                return cut(request)
        answer, status = self.spoiled(met) or self.answered(name, token, asked)
        lost = "lose_answer" in kinds
        self.record(Call(self.state.now(), name, asked, answer, status, lost))
        if lost:
            return cut(request)
        headers = {"Retry-After": str(answer.pop("retry_after"))} if status == 429 else {}
        return web.json_response(answer, status=status, headers=headers | self.scopes_told(name, token, asked))

    def scopes_told(self, name: str, token: str, asked: Json) -> dict[str, str]:
        """What the token may, and what this method takes: nothing of it to whoever shows no token of ours."""
        if token not in (self.tokens.bot, self.tokens.app):
            return {}
        may = self.tokens.scopes if token == self.tokens.bot else self.tokens.app_scopes
        takes = methods.scope_of(self.state, methods.METHODS[name], asked) if name in methods.METHODS else ""
        return {"X-OAuth-Scopes": ",".join(sorted(may)), **({"X-Accepted-OAuth-Scopes": takes} if takes else {})}

    def record(self, call: Call) -> None:
        with self.state.lock:
            self.state.calls.append(self.state.snapshot(call))
        self.announce()

    def spoiled(self, met: list[Fault]) -> tuple[Json, int] | None:
        for each in met:
            if each.kind == "limit":
                return {"ok": False, "error": "ratelimited", "retry_after": int(each.seconds)}, 429
            if each.kind == "error":
                return {"ok": False, "error": each.code}, each.status
        return None

    def answered(self, name: str, token: str, asked: Json) -> tuple[Json, int]:
        method = methods.METHODS.get(name)
        if method is None:
            return {"ok": False, "error": "unknown_method", "req_method": name}, 200
        with self.state.lock:
            refusal = self.refused(method, token, asked)
            if refusal:
                return {"ok": False, **refusal}, 200
            seconds = self.limits.wait(name, method.tier, self.channel_of(asked), self.state.now())
            if seconds:
                return {"ok": False, "error": "ratelimited", "retry_after": seconds}, 429
            answer = methods.answer(self.state, name, asked)
        if name == "apps.connections.open":
            ticket = secrets.token_urlsafe(12)
            self.tickets.add(ticket)
            answer["url"] = f"ws://{HOST}:{self.port}/link/?ticket={ticket}&app_id={self.state.app_id}"
        return answer, 200

    def channel_of(self, asked: Json) -> str:
        try:
            return self.state.channel(str(asked.get("channel") or "")).id
        except Refused:
            return ""

    def refused(self, method: methods.Method, token: str, asked: Json) -> Json | None:
        """Why this token may not call this method."""
        if not token:
            return {"error": "not_authed"}
        if token not in (self.tokens.bot, self.tokens.app):
            return {"error": "invalid_auth"}
        if method.app_token != (token == self.tokens.app):
            return {"error": "not_allowed_token_type"}
        scope = methods.scope_of(self.state, method, asked)
        if scope and not method.app_token and scope not in self.tokens.scopes:
            return {"error": "missing_scope", "needed": scope, "provided": ",".join(sorted(self.tokens.scopes))}
        return None

    async def link(self, request: web.Request) -> web.StreamResponse:
        """A socket of the app: hello, then envelopes out and acknowledgements in."""
        ticket = request.query.get("ticket", "")
        if self.faults.dark:
            return unavailable(request, self.faults.refusing)
        if ticket not in self.tickets:
            return web.Response(status=404, text="no such ticket")
        self.tickets.discard(ticket)
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        if len([each for each in self.wire.sockets if not each.retiring]) >= SOCKETS:
            await hang_up(ws, "too_many_websockets")
            await ws.close()
            return ws
        mine = Socket(ws)
        self.wire.sockets.append(mine)
        try:
            await ws.send_json({"type": "hello", "num_connections": len(self.wire.sockets),
                                "debug_info": {"host": "local", "approximate_connection_time": 18060},
                                "connection_info": {"app_id": self.state.app_id}})
            async for message in ws:
                if message.type == WSMsgType.TEXT:
                    self.heard(message.data)
        finally:
            self.wire.sockets.remove(mine)
        return ws

    def heard(self, text: str) -> None:
        try:
            found = json.loads(text)
        except ValueError:
            return  # Slack says nothing either
        if isinstance(found, dict):
            self.wire.acknowledged(found)

    async def hook(self, request: web.Request) -> web.StreamResponse:
        """A response_url: the app answers where it was asked."""
        if self.faults.dark:
            return unavailable(request, self.faults.refusing)
        met = self.faults.of_call("response_url")
        if any(each.kind == "lose_request" for each in met):
            return cut(request)
        try:
            asked = json.loads(await request.text())
        except ValueError:
            asked = None
        with self.state.lock:
            answer, status = self.spoiled(met) or hooks.answered(self.state, request.match_info["hook"], asked)
        lost = any(each.kind == "lose_answer" for each in met)
        given = asked if isinstance(asked, dict) else {}
        self.record(Call(self.state.now(), "response_url", given, answer, status, lost))
        if lost:
            return cut(request)
        if answer["ok"]:
            return web.Response(text="ok")
        headers = {"Retry-After": str(answer.pop("retry_after"))} if status == 429 else {}
        return web.json_response(answer, status=status, headers=headers)


async def read(request: web.Request) -> Json:
    """The arguments of a call, from JSON or a form, in which structures are JSON of their own."""
    if request.content_type == "application/json":
        found = json.loads(await request.text() or "{}")
        if not isinstance(found, dict):
            raise ValueError
    else:
        found = {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
    for name in STRUCTURED:
        if isinstance(found.get(name), str) and found[name]:
            found[name] = json.loads(found[name])
    return found


def cut(request: web.Request) -> web.StreamResponse:
    """The line goes dead: the caller never hears what became of its request."""
    if request.transport:
        request.transport.abort()
    return web.Response()


def unavailable(request: web.Request, refuse: bool) -> web.StreamResponse:
    return cut(request) if refuse else web.Response(status=503, text="upstream connect error")
