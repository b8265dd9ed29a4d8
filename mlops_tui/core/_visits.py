"""The dashboard for visitors with a browser: a page, and for each of them a process of his own that ends with him."""

import asyncio
import hmac
import json
import os
import signal
from asyncio.subprocess import PIPE, Process
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from importlib.resources import files

from aiohttp import WSMsgType, web

VISITORS = 8             # at once
LARGEST = 1 << 20        # bytes of one message to or from a visitor
PATIENCE = 3.0           # seconds that a visitor's process has to end by itself
SIZES = range(1, 1000)   # columns and rows
DRIVER = "textual.drivers.web_driver:WebDriver"
BEGINS = b"__GANGLION__\n"  # what the driver writes before its first packet
KINDS = {"": ("terminal.html", "text/html"), "terminal.js": ("terminal.js", "text/javascript")}
SAFE = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Resource-Policy": "same-origin"}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Visits:
    """Serves on loopback whoever knows the token; `child` is the command line of a visitor's process."""

    def __init__(self, child: Sequence[str], token: str) -> None:
        self._child, self._token = child, token
        self._visits: set[asyncio.Task[None]] = set()
        self._hosts: tuple[str, ...] = ()
        self.count = 0

    async def serve(self, port: int, told: Callable[[str], None]) -> None:
        """Tell the address and serve until the process is asked to end; OSError where the port cannot be had."""
        app = web.Application(client_max_size=LARGEST, middlewares=[self._guarded])
        app.router.add_get("/{token}/line", self._visit)
        app.router.add_get("/{token}/{name:.*}", self._page)
        app.router.add_get("/{token}", self._whole)
        runner, stop, loop = web.AppRunner(app, access_log=None), asyncio.Event(), asyncio.get_running_loop()
        await runner.setup()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        try:
            await web.TCPSite(runner, "127.0.0.1", port).start()
            port = runner.addresses[0][1]
            self._hosts = (f"127.0.0.1:{port}", f"localhost:{port}")
            told(f"http://{self._hosts[0]}/{self._token}/")
            await stop.wait()
        finally:
            for visit in self._visits:
                visit.cancel()
            await asyncio.gather(*self._visits, return_exceptions=True)
            await runner.cleanup()

    @web.middleware
    async def _guarded(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Only by the names of this machine, with the token, and from our own page: else there is nothing here."""
        given = request.match_info.get("token", "")
        if request.host not in self._hosts or not hmac.compare_digest(given.encode(), self._token.encode()):
            raise web.HTTPNotFound
        if request.headers.get("Origin", f"http://{request.host}") != f"http://{request.host}":
            raise web.HTTPForbidden
        return await handler(request)

    async def _whole(self, request: web.Request) -> web.Response:
        """The address without its last stroke, as it is lost when somebody copies it."""
        raise web.HTTPPermanentRedirect(f"{request.path}/", headers=SAFE)

    async def _page(self, request: web.Request) -> web.Response:
        if request.match_info["name"] not in KINDS:
            raise web.HTTPNotFound
        name, kind = KINDS[request.match_info["name"]]
        policy = (f"default-src 'none'; script-src 'self'; connect-src ws://{request.host}; base-uri 'none'; "
                  "form-action 'none'; frame-ancestors 'none'")
        return web.Response(text=files("templates").joinpath(name).read_text(encoding="utf-8"), content_type=kind,
                            charset="utf-8", headers={**SAFE, "Content-Security-Policy": policy})

    async def _visit(self, request: web.Request) -> web.WebSocketResponse:
        """One visitor, from the page's first word to the end of its process, whichever of the two goes first."""
        line = web.WebSocketResponse(heartbeat=20, max_msg_size=LARGEST)
        await line.prepare(request)
        if len(self._visits) >= VISITORS:
            await line.close(message=f"{VISITORS} visitors are here already.".encode())
            return line
        visit = asyncio.create_task(self._attend(line, request.query))
        self._visits.add(visit)
        self.count += 1
        try:
            await visit
        finally:
            self._visits.discard(visit)
        return line

    async def _attend(self, line: web.WebSocketResponse, asked: Mapping[str, str]) -> None:
        width, height = size(asked.get("width"), asked.get("height")) or (120, 40)
        process = await asyncio.create_subprocess_exec(
            *self._child, stdin=PIPE, stdout=PIPE, start_new_session=True, limit=LARGEST,
            env={**os.environ, "TEXTUAL_DRIVER": DRIVER, "TEXTUAL_COLOR_SYSTEM": "truecolor", "TERM": "xterm-256color",
                 "COLUMNS": str(width), "ROWS": str(height), "LINES": str(height),
                 "COLORFGBG": "0;15" if asked.get("light") == "1" else "15;0"})
        sides = [asyncio.create_task(each) for each in (_shown(process, line), _typed(line, process))]
        try:
            await asyncio.wait(sides, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for side in sides:
                side.cancel()
            await asyncio.gather(*sides, return_exceptions=True)
            await _ended(process)
            await line.close()


async def _shown(process: Process, line: web.WebSocketResponse) -> None:
    """What the dashboard draws, packet by packet, until it ends or the visitor is gone."""
    assert process.stdout is not None
    with suppress(asyncio.IncompleteReadError, ConnectionError):
        await process.stdout.readuntil(BEGINS)
        while True:
            kind = await process.stdout.readexactly(1)
            content = await process.stdout.readexactly(int.from_bytes(await process.stdout.readexactly(4), "big"))
            if kind == b"D":
                await line.send_bytes(content)
            elif json.loads(content).get("type") == "exit":
                return


async def _typed(line: web.WebSocketResponse, process: Process) -> None:
    """What a visitor types, and the size of his page; what we do not understand is nothing."""
    assert process.stdin is not None
    async for message in line:
        packet = understood(message.data) if message.type is WSMsgType.TEXT else b""
        if packet:
            with suppress(ConnectionError):
                process.stdin.write(packet)
                await process.stdin.drain()


def understood(text: str) -> bytes:
    """A message of the page as a packet for the driver: keys, or a size; nothing where it is neither."""
    try:
        said = json.loads(text)
    except ValueError:
        return b""
    match said:
        case {"type": "stdin", "data": str(data)}:
            return _packet(b"D", data.encode("utf-8", "ignore"))
        case {"type": "resize", "width": width, "height": height} if size(width, height) is not None:
            wide, high = size(width, height) or (0, 0)
            return _packet(b"M", json.dumps({"type": "resize", "width": wide, "height": high}).encode())
    return b""


def size(width: object, height: object) -> tuple[int, int] | None:
    """Columns and rows that a terminal can have; None otherwise."""
    wide, high = (int(str(each)) if str(each).isdecimal() and len(str(each)) < 5 else 0 for each in (width, height))
    return (wide, high) if wide in SIZES and high in SIZES else None


def _packet(kind: bytes, content: bytes) -> bytes:
    return kind + len(content).to_bytes(4, "big") + content


async def _ended(process: Process) -> None:
    """Ask the process to leave; what does not is ended."""
    assert process.stdin is not None
    with suppress(ConnectionError):
        process.stdin.write(_packet(b"M", b'{"type": "quit"}'))
    try:
        await asyncio.wait_for(process.wait(), PATIENCE)
    except TimeoutError:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
