"""Which monitor a measurement judges as."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from mlops_tui.declarations.kinds import Monitor
from mlops_tui.errors import BadInput, NotDeclared
from mlops_tui.oversight.watching import span, watching
from mlops_tui.session import Session

Opened = Callable[..., Session]


def declare(project: Path, name: str, check: str, window: str) -> None:
    (project / "monitors" / f"{name}.yaml").write_text(
        f"check: {check}\nsubject: flights-delay\nwindow: {window}\n", encoding="utf-8")


def test_the_only_one_of_that_check_and_subject_is_meant(session: Opened, project: Path) -> None:
    declare(project, "drift", "drift", "3d")
    (project / "monitors" / "flights-drift.yaml").unlink()
    declare(project, "calibration", "calibration", "5d")
    assert watching(session(), "drift", "flights-delay").window == timedelta(days=3)
    assert watching(session(), "calibration", "flights-delay").window == timedelta(days=5)


@pytest.mark.parametrize("subject", ["flights-delay", "flights"])
def test_where_it_is_not_plain_the_defaults_hold(session: Opened, project: Path, subject: str) -> None:
    declare(project, "second", "drift", "3d")
    assert watching(session(), "drift", subject) == Monitor(check="drift", subject=subject)


def test_one_is_named_and_its_window_overridden(session: Opened, project: Path) -> None:
    declare(project, "second", "drift", "3d")
    found = watching(session(), "drift", "flights-delay", "second")
    assert found.window == timedelta(days=3)
    assert watching(session(), "drift", "flights-delay", "second", "36h").window == timedelta(hours=36)
    assert watching(session(), "drift", "flights-delay", length="36h").window == timedelta(hours=36)


def test_one_of_another_check_or_subject_is_refused(session: Opened) -> None:
    for check, subject in (("performance", "flights-delay"), ("drift", "flights")):
        with pytest.raises(BadInput, match=f"not {check} of {subject}"):
            watching(session(), check, subject, "flights-drift")  # type: ignore[arg-type]
    with pytest.raises(NotDeclared, match="Did you mean 'flights-drift'"):
        watching(session(), "drift", "flights-delay", "flight-drift")


@pytest.mark.parametrize("text", ["", "7", "a week", "-7d", "99999999999999w"])
def test_a_window_that_is_none_says_how_one_is_written(text: str) -> None:
    with pytest.raises(BadInput, match="Write 12h, 7d or 4w"):
        span(text)
