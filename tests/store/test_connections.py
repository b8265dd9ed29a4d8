"""A new file opened by several processes at once is opened by all of them."""

import subprocess
import sys
from pathlib import Path

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
