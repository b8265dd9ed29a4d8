"""Slack over signed HTTP: one address, on this machine; what is not signed by Slack is refused and recorded."""

import asyncio
import time
from collections.abc import Callable
from threading import Event
from typing import TYPE_CHECKING

from aiohttp import web
from slack_bolt import App, BoltRequest
from slack_sdk.signature import SignatureVerifier

from bots.identity import SOURCE
from store.facts import Command
from store.ledger import Ledger

if TYPE_CHECKING:
    from bots.surface import Settings

PATH = "/slack/events"
LARGEST = 1 << 20   # bytes of one request
RECORDED = 60.0     # seconds between two entries for requests refused for the same reason


class Web:
    """Serves on loopback; a proxy with TLS stands before it."""

    def __init__(self, app: App, ledger: Ledger, settings: "Settings") -> None:
        self._app, self._ledger, self._port = app, ledger.acting_as("somebody at the door"), settings.port or 0
        self._verifier = SignatureVerifier(settings.signing_secret)
        self._recorded: dict[str, float] = {}
        self.port = 0

    def serve(self, stop: Event, say: Callable[[str], None]) -> None:
        """Until `stop`."""
        asyncio.run(self._serve(stop, say))

    async def _serve(self, stop: Event, say: Callable[[str], None]) -> None:
        server = web.Application(client_max_size=LARGEST)
        server.router.add_post(PATH, self._receive)
        runner = web.AppRunner(server, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", self._port)
        await site.start()
        self.port = runner.addresses[0][1]
        say(f"Slack: listening on 127.0.0.1:{self.port}{PATH}")
        try:
            while not stop.is_set():
                await asyncio.sleep(0.1)
        finally:
            await runner.cleanup()

    async def _receive(self, request: web.Request) -> web.Response:
        body, headers = (await request.read()).decode("utf-8", "replace"), dict(request.headers)
        if why := self._refused(body, headers):
            await asyncio.to_thread(self._record, why)
            return web.Response(status=401, text=why)
        said = BoltRequest(body=body, headers={name.lower(): value for name, value in headers.items()})
        answer = await asyncio.to_thread(self._app.dispatch, said)
        content = answer.headers.get("content-type", ["text/plain;charset=utf-8"])[0]
        return web.Response(status=answer.status, body=answer.body.encode(), headers={"content-type": content})

    def _refused(self, body: str, headers: dict[str, str]) -> str:
        """Why the request is not taken; empty where Slack signed it less than five minutes ago."""
        given = {name.lower(): value for name, value in headers.items()}
        stamp, signature = given.get("x-slack-request-timestamp", ""), given.get("x-slack-signature", "")
        if not signature or not stamp.isdecimal():
            return "not signed"
        if abs(time.time() - int(stamp)) > 300:
            return "too late"
        return "" if self._verifier.is_valid(body, stamp, signature) else "not signed by Slack"

    def _record(self, why: str) -> None:
        """One entry, and not more than one a minute: who knocks all day must not fill the history."""
        if time.monotonic() - self._recorded.get(why, -RECORDED) >= RECORDED:
            self._recorded[why] = time.monotonic()
            self._ledger.append(Command(subject="slack", argv=(), shape="", phase="refused", status="denied",
                                        source=SOURCE, error=why))
