"""MLflow's own server on a free port of loopback with SQLite behind it: what `mlflow server` starts, in one process."""

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

SERVER = ("import sys; from mlflow.server import app; from werkzeug.serving import make_server; "
          "make_server('127.0.0.1', int(sys.argv[1]), app, threaded=True).serve_forever()")
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
    settings = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true", "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
                "_MLFLOW_SERVER_FILE_STORE": f"sqlite:///{folder / 'mlflow.db'}",
                "_MLFLOW_SERVER_ARTIFACT_ROOT": "mlflow-artifacts:/",
                "_MLFLOW_SERVER_ARTIFACT_DESTINATION": str(folder / "artifacts")}
    command = ["timeout", str(MOST), sys.executable, "-W", "ignore", "-c", SERVER, str(port)]
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(command, cwd=folder, env={**os.environ, **settings}, stdout=log, stderr=log,
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
