"""The terminal goes away under a running dashboard."""

import os
import time
from pathlib import Path

import pytest

from mlops_tui.session import Session
from mlops_tui.tui.hangup import GONE, watch
from tests.tui.test_home import read_until, started


@pytest.mark.slow
def test_a_dashboard_whose_terminal_is_gone_ends_within_seconds(told: Session) -> None:
    child, terminal = started(told.declared().root)
    assert b"INC-3" in read_until(terminal, b"INC-3")
    os.close(terminal)
    began = time.monotonic()
    assert child.wait(20) in (GONE, -1), "ended by us, or by the kernel's own hang-up"
    assert time.monotonic() - began < 15


def test_where_there_is_no_terminal_nothing_is_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    with Path(os.devnull).open(encoding="utf-8") as nothing:
        monkeypatch.setattr("sys.stdin", nothing)
        assert watch() is None
