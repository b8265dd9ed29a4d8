"""A PostgreSQL of the tests' own: a fresh cluster on a free port of the loopback, gone afterwards."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

PASSWORD = "s3cret of the tests"


@dataclass(frozen=True)
class Postgres:
    """Where it listens, and who may ask."""

    port: int
    host: str = "127.0.0.1"
    user: str = "tester"
    database: str = "postgres"

    def connect(self) -> psycopg.Connection:
        return psycopg.connect(host=self.host, port=self.port, user=self.user, password=PASSWORD,
                               dbname=self.database, autocommit=True)

    def execute(self, *statements: str) -> None:
        with self.connect() as connection:
            for statement in statements:
                connection.execute(statement)  # type: ignore[arg-type]


def binaries() -> Path:
    """The newest PostgreSQL of this machine; the test is skipped where there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda each: int(each.parts[-3]))
    on_path = shutil.which("initdb")
    if not found and not on_path:
        pytest.skip("PostgreSQL is missing: apt-get install postgresql")
    return found[-1].parent if found else Path(str(on_path)).parent


@contextmanager
def running() -> Iterator[Postgres]:
    """A server with a superuser `tester`, who needs a password; it runs as `postgres` where we are root."""
    tools, folder = binaries(), Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    who: dict[str, object] = {}
    if os.getuid() == 0:
        who = {"user": "postgres", "group": pwd.getpwnam("postgres").pw_gid, "extra_groups": []}
        shutil.chown(folder, "postgres")
    secret = folder / "password"
    secret.write_text(PASSWORD)
    secret.chmod(0o644)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    def run(*words: str) -> None:
        said = subprocess.DEVNULL
        subprocess.run(words, check=True, cwd=folder, stdout=said, stderr=said, **who)  # type: ignore[call-overload]

    data = folder / "data"
    try:
        run(str(tools / "initdb"), "-D", str(data), "-U", "tester", "--auth=scram-sha-256", f"--pwfile={secret}",
            "--no-sync", "-E", "UTF8", "--locale=C")
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"
        run(str(tools / "pg_ctl"), "-D", str(data), "-w", "-o", options, "-l", str(folder / "log"), "start")
        try:
            yield Postgres(port)
        finally:
            run(str(tools / "pg_ctl"), "-D", str(data), "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    """One server for the tests of a module."""
    with running() as server:
        yield server
