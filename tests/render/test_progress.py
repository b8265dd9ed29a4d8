"""One line that says how far long work has come."""

import io

import pytest

from mlops_tui.render.progress import bar, eta, log


@pytest.mark.parametrize(("done", "total", "seconds", "said"), [
    (0, 10, 5, "no estimate yet"), (5, 0, 5, "no estimate yet"), (5, 10, 60, "ETA 1:00"), (1, 4, 1.5, "ETA 0:04"),
    (10, 10, 60, "ETA 0:00"), (12, 10, 60, "ETA 0:00"), (1, 121, 30, "ETA 1:00:00")])
def test_the_rest_is_told_at_the_pace_so_far(done: int, total: int, seconds: float, said: str) -> None:
    assert eta(done, total, seconds) == said


def test_a_terminal_has_one_line_that_is_gone_at_the_end() -> None:
    stream = io.StringIO()
    show = bar(stream)
    for done in range(5):
        show(done, 4, "Reading " + "x" * 99)
    *lines, last = stream.getvalue().split("\r\x1b[K")[1:]
    assert "\n" not in stream.getvalue()
    assert [line.split()[3] for line in lines] == ["0%", "25%", "50%", "75%"]
    assert all(len(line) < 90 for line in lines)
    assert last == ""


class Ticking:
    """A clock that stands until somebody moves it."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_a_log_has_one_line_for_each_stage() -> None:
    stream, clock = io.StringIO(), Ticking()
    show = log(stream, clock)
    for stage in ("Replay: 1 June", "Replay: 2 June", "Train", "Replay: 3 June"):
        show(1, 3, stage)
        clock.seconds += 2
    assert stream.getvalue() == "◌ Replay\n◌ Train\n"


def test_a_hundred_short_stages_are_few_lines_and_a_long_one_is_told() -> None:
    stream, clock = io.StringIO(), Ticking()
    show = log(stream, clock)
    for step in range(100):
        show(step, 101, f"step {step}")
        clock.seconds += 0.0625
    assert stream.getvalue() == "◌ step 0\n◌ step 32\n◌ step 64\n◌ step 96\n"
    for _ in range(3):
        show(100, 101, "slow: reading")
        clock.seconds += 1
    assert stream.getvalue().splitlines()[4:] == ["◌ slow"]
