"""A new file opened by several processes at once is opened by all of them."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from store.connections import Connections
from store.refusal import Unreadable

OPENED = """
import sys, time
from store.connections import Connections
while time.time() < float(sys.argv[2]):
    pass
for _ in range(20):
    opened = Connections(f"sqlite:///{sys.argv[1]}", 20)
    with opened.one() as connection:
        connection.execute("SELECT * FROM sqlite_master").fetchall()
    opened.close()
"""


def test_nobody_is_turned_away_who_opens_a_file_at_the_same_moment(tmp_path: Path) -> None:
    """SQLite refuses one of two that turn on its write-ahead log at once, however patient they are."""
    begin = subprocess.run([sys.executable, "-c", "import time; print(time.time() + 1)"], capture_output=True,
                           text=True, check=True).stdout.strip()
    for number in range(3):
        at_once = [subprocess.Popen([sys.executable, "-c", OPENED, str(tmp_path / f"{number}.db"), begin],
                                    stderr=subprocess.PIPE, text=True) for _ in range(6)]
        assert [process.communicate()[1] for process in at_once] == [""] * 6


def test_nothing_is_written_into_a_file_that_was_deleted_or_replaced(tmp_path: Path) -> None:
    path = tmp_path / "x" / "ledger.db"
    opened = Connections(f"sqlite:///{path}")
    with opened.writing() as connection:
        connection.execute("CREATE TABLE said (word)")
    shutil.copy(path, tmp_path / "backup.db")
    for change in (lambda: shutil.rmtree(path.parent), path.parent.mkdir,
                   lambda: shutil.copy(tmp_path / "backup.db", path)):
        change()
        with pytest.raises(Unreadable, match="no longer there"), opened.writing() as connection:
            connection.execute("INSERT INTO said VALUES ('lost')")
    opened.close()
