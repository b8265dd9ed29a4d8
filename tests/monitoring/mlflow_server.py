"""A real `mlflow server` on a free port of loopback with SQLite behind it, and models registered through its client."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

MOST = 420  # seconds after which it ends by itself, whatever becomes of the test


@dataclass(frozen=True)
class Served:
    url: str
    folder: Path

    @property
    def database(self) -> Path:
        return self.folder / "mlflow.db"


@contextmanager
def serving(folder: Path) -> Iterator[Served]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    command = ["timeout", str(MOST), sys.executable, "-W", "ignore", "-m", "mlflow", "server", "--workers", "1",
               "--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}", "--artifacts-destination",
               str(folder / "artifacts"), "--host", "127.0.0.1", "--port", str(port)]
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(command, cwd=folder, env={**os.environ, **quiet}, stdout=log, stderr=log,
                                  start_new_session=True)
    try:
        _wait(f"http://127.0.0.1:{port}/health", server, folder)
        yield Served(f"http://127.0.0.1:{port}", folder)
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(30)


def _wait(url: str, server: "subprocess.Popen[bytes]", folder: Path) -> None:
    until = time.monotonic() + 240
    while time.monotonic() < until:
        assert server.poll() is None, (folder / "server.log").read_text()
        try:
            with urlopen(url, timeout=5) as answer:
                assert answer.status == 200
                return
        except (URLError, OSError):
            time.sleep(0.1)
    raise AssertionError((folder / "server.log").read_text())
