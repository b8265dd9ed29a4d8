"""A folder that one process works in alone: gone afterwards, and swept by the next one where its process was killed."""

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO
from uuid import uuid4


@contextmanager
def room(parent: Path) -> Iterator[Path]:
    """A folder in `parent` for as long as it is needed; those of processes that were killed go first."""
    parent.mkdir(parents=True, exist_ok=True)
    sweep(parent)
    folder, lock = _locked(parent)
    with lock:
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _locked(parent: Path) -> tuple[Path, IO[bytes]]:
    """A new folder, and its lock, which is held as long as the process lives, however it ends."""
    while True:
        folder = parent / uuid4().hex
        folder.mkdir(mode=0o700)
        try:
            lock = (folder / "alive").open("wb")
        except FileNotFoundError:  # swept before it was locked
            continue
        with suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if (folder / "alive").exists():  # else somebody took it for a dead one's before it was locked
                return folder, lock
        lock.close()


def sweep(parent: Path) -> None:
    """Remove the folders whose processes are gone."""
    for left in parent.iterdir() if parent.is_dir() else ():
        _swept(left)


def _swept(folder: Path) -> None:
    try:
        with (folder / "alive").open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    except OSError:
        with suppress(OSError):
            folder.rmdir()  # empty: whoever is about to lock it makes another
        if (folder / "alive").exists():
            return
    shutil.rmtree(folder, ignore_errors=True)
