"""Which process is about to act, as the history names it, and whether it still lives."""

import os
import socket
from datetime import datetime, timedelta

import psutil

STRANGE = timedelta(hours=1)  # for so long a process of another machine counts as alive


def this_process() -> str:
    """Who is about to act: host, process, and when that was born, since numbers come again."""
    return f"{socket.gethostname()}:{os.getpid()}:{psutil.Process().create_time():.0f}"


def lives(holder: str, since: datetime, now: datetime) -> bool:
    """Whether the process that began an act still lives, and is another one; of another machine, for an hour."""
    host, _, rest = holder.rpartition(":")[0].partition(":")
    if not holder or host != socket.gethostname():
        return bool(holder) and now - since < STRANGE
    try:
        born = psutil.Process(int(rest)).create_time()
    except (psutil.NoSuchProcess, ValueError):
        return False
    return int(rest) != os.getpid() and abs(born - float(holder.rpartition(":")[2])) < 2
