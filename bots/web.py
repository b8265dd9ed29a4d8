"""Slack over signed HTTP: one address, on this machine; what is not signed by Slack is refused and recorded."""

import asyncio
import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import TYPE_CHECKING

from aiohttp import web
from slack_bolt import App, BoltRequest
from slack_sdk.signature import SignatureVerifier

from bots.identity import SOURCE
from mlops_tui.daemon import Say
from mlops_tui.errors import Refusal
from store.facts import Command
from store.ledger import Ledger

if TYPE_CHECKING:
    from bots.surface import Settings

PATH = "/slack/events"
STAMP = re.compile(r"[0-9]{1,12}")  # seconds
EARS = 32           # requests that are taken at once: one that opens a form waits for Slack
LARGEST = 1 << 20   # bytes of one request
FRESH = 300        # seconds that a signature holds, before and after
RECORDED = 60.0     # seconds between two entries for requests refused for the same reason


class Web:
    """Serves on loopback; a proxy with TLS stands before it."""

    def __init__(self, app: App, ledger: Ledger, settings: "Settings", say: Say,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self._app, self._say, self._clock = app, say, clock
        self._ledger, self._port = ledger.acting_as("somebody at the door"), settings.port or 0
        self._verifier = SignatureVerifier(settings.signing_secret)
        self._recorded: dict[str, float] = {}
        self._taken: dict[str, float] = {}
        self.port = 0

    def serve(self, stop: Event) -> None:
        """Until `stop`; OSError where the port cannot be had."""
        asyncio.run(self._serve(stop))

    async def _serve(self, stop: Event) -> None:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(EARS, thread_name_prefix="slack-ear"))
        server = web.Application(client_max_size=LARGEST)
        server.router.add_post(PATH, self._receive)
        runner = web.AppRunner(server, access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", self._port).start()
            self.port = runner.addresses[0][1]
            self._say(f"Slack: listening on 127.0.0.1:{self.port}{PATH}")
            while not stop.is_set():
                await asyncio.sleep(0.1)
        finally:
            await runner.cleanup()

    async def _receive(self, request: web.Request) -> web.Response:
        body, headers = (await request.read()).decode("utf-8", "replace"), dict(request.headers)
        if why := self._refused(body, headers):
            await self._record(why)
            return web.Response(status=401, text=why)
        try:
            said = BoltRequest(body=body, headers={name.lower(): value for name, value in headers.items()})
        except (ValueError, AttributeError):  # Bolt takes for granted that it is JSON, and an object
            return web.Response(status=400, text="not a request of Slack's")
        answer = await asyncio.to_thread(self._app.dispatch, said)
        content = answer.headers.get("content-type", ["text/plain;charset=utf-8"])[0]
        return web.Response(status=answer.status, body=answer.body.encode(), headers={"content-type": content})

    def _refused(self, body: str, headers: dict[str, str]) -> str:
        """Why the request is not taken; empty where Slack signed it less than five minutes ago."""
        given = {name.lower(): value for name, value in headers.items()}
        stamp, signature = given.get("x-slack-request-timestamp", ""), given.get("x-slack-signature", "")
        if not signature or not STAMP.fullmatch(stamp):
            return "not signed"
        if abs(time.time() - int(stamp)) > FRESH:
            return "too late"
        if not (signature.isascii() and self._verifier.is_valid(body, stamp, signature)):
            return "not signed by Slack"
        before, tried_again = self._came_before(signature), "x-slack-retry-num" in given
        return "replayed" if before and not tried_again else ""

    def _came_before(self, signature: str) -> bool:
        """Whether this very request came before. What Slack tries again says so; the inbox knows it all the same."""
        now = time.time()
        self._taken = {name: at for name, at in self._taken.items() if now - at <= 2 * FRESH}
        before = signature in self._taken
        self._taken[signature] = now
        return before

    async def _record(self, why: str) -> None:
        """One entry, and not more than one a minute: who knocks all day must not fill the history."""
        if self._clock() - self._recorded.get(why, -RECORDED) < RECORDED:
            return
        self._recorded[why] = self._clock()
        fact = Command(subject="slack", argv=(), shape="", phase="refused", status="denied", source=SOURCE, error=why)
        try:
            await asyncio.to_thread(self._ledger.append, fact)
        except Refusal as problem:
            self._say(f"■ Slack: a request was refused ({why}), and that could not be recorded: {problem}")
