"""Who is behind a request, kept beside the history until it is answered for, and nowhere else in clear."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_tui.errors import Conflict
from store.written import whole

if TYPE_CHECKING:
    from mlops_tui.session import Session


def folder(session: "Session") -> Path:
    """Where it lies: only its owner reads it."""
    made = session.declared().root / ".mlops" / "optout"
    made.mkdir(parents=True, exist_ok=True, mode=0o700)
    return made


def keep(session: "Session", name: str, person: str) -> None:
    """Keep who it is under the number of a request or of a link."""
    with whole(folder(session) / name) as staged:
        staged.touch(mode=0o600)
        staged.write_bytes(person.encode())


def known(session: "Session", name: str) -> str:
    """Who it is; empty where nobody knows any more."""
    path = folder(session) / name
    return path.read_bytes().decode() if path.is_file() else ""


def forget(session: "Session", name: str) -> None:
    """Nobody knows from now on."""
    for path in (folder(session) / name, *folder(session).glob(f".{name}.*")):  # of whoever was killed over it, too
        path.unlink(missing_ok=True)


LINK = "link-"


def link(until: int, number: str) -> str:
    """The name under which it is kept whom a link was made for, until that second."""
    return f"{LINK}{until}-{number}"


def let_go(session: "Session", now: float, person: str = "") -> None:
    """Nobody knows from now on whom those links were made for that are too old, or that were made for this person."""
    for path in folder(session).glob(f"{LINK}*-*"):
        if int(path.name.split("-")[1]) < now or (person and known(session, path.name) == person):
            path.unlink(missing_ok=True)


@contextmanager
def alone(session: "Session") -> Iterator[None]:
    """Only one erases at a time; whoever dies lets go. Conflict where somebody else is at it."""
    with (folder(session) / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as problem:
            raise Conflict("Somebody else erases just now.", where=str(folder(session)),
                           next="Try again when that is over.") from problem
        yield
