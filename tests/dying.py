"""A child that is killed at one of its steps on the disk, as a machine may be at any of them."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

STEPS = ("open", "os.rename", "os.link", "os.remove", "os.mkdir", "os.rmdir", "os.fsync")


def killed(at: int, root: Path, work: Callable[[], object]) -> bool:
    """Whether a child that did the work was killed at its `at`-th step on the disk below `root`: a file opened for
    writing, renamed, linked, removed, or made to last. Fails where the work itself does."""
    child = os.fork()
    if child == 0:
        left, really = [at], os.fsync

        def step(event: str, arguments: tuple[object, ...]) -> None:
            writes = event != "open" or (isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR))
            if event in STEPS and writes and (event == "os.fsync" or str(root) in str(arguments[0])):
                left[0] -= 1
                if left[0] < 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        def fsync(handle: int) -> None:
            sys.audit("os.fsync")
            really(handle)

        os.fsync = fsync
        sys.addaudithook(step)
        try:
            work()
        except BaseException:  # the parent is told
            os._exit(1)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, -signal.SIGKILL), "the work failed by itself"
    return code != 0
