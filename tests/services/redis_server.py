"""A Redis of one's own on a free port: started, killed, started again with what it wrote, and stopped."""

import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import redis

SKIPPED = "redis-server is not on PATH; install it (Debian: apt-get install redis-server)"


@dataclass
class RedisServer:
    """`keeping`: it writes every change to disk before it answers."""

    folder: Path
    keeping: bool = True
    port: int = 0
    process: subprocess.Popen[bytes] | None = field(default=None)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def client(self) -> redis.Redis:
        return redis.Redis.from_url(self.url)

    def start(self) -> None:
        """Start it, on the port it had."""
        self.port = self.port or _free_port()
        disk = ["--appendonly", "yes", "--appendfsync", "always"] if self.keeping else ["--appendonly", "no"]
        self.process = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder), "--save", "",
             *disk],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with self.client() as client:
            for _ in range(200):
                try:
                    client.ping()
                    return
                except redis.ConnectionError:
                    time.sleep(0.05)
        raise AssertionError("redis-server does not answer")

    def kill(self) -> None:
        """Take its process away, as a power cut would."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def redis_server(folder: Path, *, keeping: bool = True) -> Iterator[RedisServer]:
    """A running Redis, gone afterwards; skipped where the machine has none."""
    if shutil.which("redis-server") is None:
        pytest.skip(SKIPPED)
    folder.mkdir(parents=True, exist_ok=True)
    server = RedisServer(folder, keeping)
    server.start()
    try:
        yield server
    finally:
        server.kill()
