"""A real browser without a window, spoken to in its own protocol: what a page shows, and keys pressed on it."""

import asyncio
import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

SKIPPED = "There is no Chromium here; Debian has it in the package chromium."
ARGV = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
        "--disable-background-networking", "--disable-component-update", "--remote-debugging-port=0",
        "--window-size=1200,860")


class Page:
    """The one page of a browser."""

    def __init__(self, line: aiohttp.ClientWebSocketResponse) -> None:
        self._line, self._number = line, 0
        self.problems: list[Any] = []

    async def call(self, method: str, **params: Any) -> Any:
        self._number += 1
        await self._line.send_json({"id": self._number, "method": method, "params": params})
        while (answer := await self._line.receive_json()).get("id") != self._number:
            if answer["method"] in ("Log.entryAdded", "Runtime.exceptionThrown"):
                self.problems.append(answer["params"])
        return answer["result"]

    async def value(self, expression: str) -> Any:
        return (await self.call("Runtime.evaluate", expression=expression))["result"].get("value")

    async def press(self, *keys: str) -> None:
        for key in keys:
            for kind in ("keyDown", "keyUp"):
                await self.call("Input.dispatchKeyEvent", type=kind, key=key)

    async def expect(self, expression: str, seen: Callable[[Any], bool]) -> Any:
        for _ in range(300):
            if seen(value := await self.value(expression)):
                return value
            await asyncio.sleep(0.1)
        pytest.fail(f"never seen: {value}")


@asynccontextmanager
async def page(address: str, folder: Path) -> AsyncIterator[Page]:
    """That address in a browser of its own, gone afterwards; skipped where the machine has none."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip(SKIPPED)
    child = await asyncio.create_subprocess_exec(chromium, *ARGV, f"--user-data-dir={folder}", address,
                                                 stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        assert child.stderr is not None
        while (found := re.search(rb"ws://(127\.0\.0\.1:\d+)/", await child.stderr.readline())) is None:
            assert child.returncode is None
        async with aiohttp.ClientSession() as session:
            while not (pages := [each for each in await _listed(session, found[1].decode()) if each["type"] == "page"]):
                await asyncio.sleep(0.05)
            async with session.ws_connect(pages[0]["webSocketDebuggerUrl"], max_msg_size=0) as line:
                opened = Page(line)
                await opened.call("Runtime.enable")
                await opened.call("Log.enable")
                yield opened
    finally:
        child.terminate()
        await child.communicate()


async def _listed(session: aiohttp.ClientSession, host: str) -> Any:
    async with session.get(f"http://{host}/json") as answer:
        return await answer.json()
