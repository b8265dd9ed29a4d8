"""The dashboard in a browser: for whoever has the address, by himself, without a trace, and gone when he is."""

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import psutil
import pytest

from mlops_tui.commands import perform
from mlops_tui.core._visits import size, understood
from mlops_tui.opening import open_project
from mlops_tui.tui.hangup import watch
from store.facts import Proposal
from tests.browser import page


@pytest.fixture
def served(project: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`mlops-tui web` at work, and its address."""
    with subprocess.Popen([sys.executable, "-P", "-m", "mlops_tui", "web"], cwd=project, stderr=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        found = re.search(r"http://127\.0\.0\.1:\d+/[\w-]{30,}/$", server.stderr.readline().strip())
        assert found is not None
        yield server, found[0]
        server.kill()


def visitors(server: subprocess.Popen[str]) -> list[psutil.Process]:
    return psutil.Process(server.pid).children()


async def until_seen(line: aiohttp.ClientWebSocketResponse, *words: str) -> None:
    """Until all the words were written, what steers the terminal taken out."""
    text, end = "", time.monotonic() + 30
    while not all(word in text for word in words):
        assert time.monotonic() < end, text
        message = await line.receive(30)
        assert message.type is aiohttp.WSMsgType.BINARY, text
        text += re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", message.data.decode())


def test_a_visitor_sees_the_dashboard_changes_nothing_and_is_gone_with_his_process(
        served: tuple[subprocess.Popen[str], str], project: Path) -> None:
    (server, address), session = served, open_project(project, person="ana")
    session.ledger.append(Proposal(subject="P-1", event="proposed", path="x.yaml", content="x", why="whole"))
    before = session.ledger.head_seq()

    async def story() -> None:
        async with aiohttp.ClientSession() as client:
            async with client.ws_connect(f"{address}line?width=90&height=30") as line:
                await until_seen(line, "flights-delay", "read-only")
                [visitor] = visitors(server)
                await line.send_json({"type": "resize", "width": 70, "height": 16})
                await line.send_json({"type": "stdin", "data": ":adopt write P-1\r"})
                await until_seen(line, "This session is read-only.")
            gone = await asyncio.to_thread(psutil.wait_procs, [visitor], 10)
            assert gone[1] == [], "closing the page ended it"
            async with client.ws_connect(f"{address}line", origin=address.rsplit("/", 2)[0]) as line:
                await until_seen(line, "Needs you")
                [visitor] = visitors(server)
                server.send_signal(signal.SIGINT)
                assert (await line.receive()).type is not None
                assert await asyncio.to_thread(server.wait, 20) == 0
            assert not visitor.is_running()

    asyncio.run(story())
    assert session.ledger.head_seq() == before
    assert server.stdout is not None
    assert "visits  2" in server.stdout.read()


def test_nothing_is_there_for_whoever_has_not_the_address(served: tuple[subprocess.Popen[str], str]) -> None:
    server, address = served
    parts = urlsplit(address)
    base = f"http://{parts.netloc}"

    async def story() -> None:
        async with aiohttp.ClientSession() as client:
            async def code(url: str, **headers: str) -> int:
                async with client.get(url, headers=headers) as answer:
                    return answer.status

            assert await code(address) == 200
            assert await code(f"{address}terminal.js") == 200
            assert await code(address[:-1]) == 200, "copied without its last stroke"
            assert await code(address[:-1], Host="evil.example") == 404
            assert await code(f"{address}report.css") == 404, "only what the page is made of"
            for path in ("/", "/x/", "/x/line", f"{parts.path[:-2]}/", f"/{parts.path[1:-1].upper()}/"):
                assert await code(base + path) == 404
            assert await code(address, Host="evil.example") == 404, "a name that leads here from elsewhere"
            with pytest.raises(aiohttp.WSServerHandshakeError, match="403"):
                await client.ws_connect(f"{address}line", origin="http://evil.example")
            async with client.get(address) as answer:
                assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
                assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert visitors(server) == []

    asyncio.run(story())
    addresses = {each.laddr.ip for each in psutil.Process(server.pid).net_connections() if each.status == "LISTEN"}
    assert addresses == {"127.0.0.1"}


@pytest.mark.parametrize(("said", "packet"), [
    ('{"type": "stdin", "data": "é"}', b"D\x00\x00\x00\x02\xc3\xa9"),
    ('{"type": "resize", "width": 80, "height": 24}', b'M\x00\x00\x00-{"type": "resize", "width": 80, "height": 24}'),
    ('{"type": "resize", "width": -1, "height": 24}', b""), ('{"type": "resize", "width": 1e9, "height": 2}', b""),
    ('{"type": "quit"}', b""), ('{"type": "stdin", "data": 7}', b""), ("[", b""), ("7", b"")])
def test_only_keys_and_sizes_reach_the_process(said: str, packet: bytes) -> None:
    assert understood(said) == packet


def test_a_size_is_one_that_a_terminal_can_have() -> None:
    assert size("80", "24") == (80, 24)
    assert [size(*each) for each in (("0", "24"), ("80", None), ("x", "1"), (True, 5), ("99999", "24"))] == [None] * 5


def test_it_is_begun_in_a_terminal_only_and_writes_where_that_may_be(project: Path) -> None:
    assert perform(open_project(project, source="slack"), ["web"]).exit == 4
    assert perform(open_project(project, read_only=True), ["web", "--write"]).exit == 2


def test_a_port_that_somebody_has_is_said_to_be_in_use(project: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        view = perform(open_project(project), ["web", "--port", str(port)]).view
    assert view.title == f"It cannot listen on 127.0.0.1:{port}: Address already in use."


def test_who_was_served_ends_with_the_process_that_served_him(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = os.pipe()
    ended: list[int] = []
    with os.fdopen(ours, encoding="utf-8") as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        watching = watch(ended.append, piped=True)
        assert watching is not None
        time.sleep(0.05)
        assert ended == []
        os.close(theirs)
        watching.join(10)
    assert ended == [129]


@pytest.mark.slow
def test_a_browser_draws_it_and_its_keys_reach_it(served: tuple[subprocess.Popen[str], str], tmp_path: Path) -> None:
    async def story() -> None:
        async with page(served[1], tmp_path / "browser") as seen:
            text = "document.querySelector('pre').textContent"
            home = await seen.expect(text, lambda shown: "Needs you" in shown and "read-only" in shown)
            lines = home.splitlines()[1:-1]
            assert {len(line) for line in lines} == {len(lines[0])}, "each edge is in its place"
            drawn = ("new Set(new Uint32Array(document.querySelector('canvas').getContext('2d').getImageData(0, 0, 600,"
                     "400).data.buffer)).size")
            assert await seen.value(drawn) > 20, "letters in several colours"
            await seen.press("6")
            await seen.expect(text, lambda shown: "Incidents and alerts" in shown)
            await seen.press(":", *"status", "Enter")
            await seen.expect(text, lambda shown: "▸ status" in shown)
            await seen.press("Escape")
            await seen.expect(text, lambda shown: "▸ status" not in shown)
            await seen.press("q")
            await seen.expect(text, lambda shown: "Reload the page" in shown)
            assert seen.problems == []

    asyncio.run(story())
