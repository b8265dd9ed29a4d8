"""Put on PYTHONPATH by tests: the process ends itself by SIGKILL when it comes to its MORTAL_AT-th write."""

import itertools
import os
import signal
import sqlite3

from tests.bots.mortal import mortal

LAST, writes = int(os.environ.get("MORTAL_AT", "0")), itertools.count(1)


def die(word: str) -> None:
    if next(writes) == LAST:
        os.kill(os.getpid(), signal.SIGKILL)


sqlite3.connect = sqlite3.dbapi2.connect = mortal(die)  # type: ignore[assignment]
