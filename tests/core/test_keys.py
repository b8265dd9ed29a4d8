"""What the keys of the dashboard are, from a terminal; and what is wrong with one's own, from doctor too."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mlops_tui.session import Session
from mlops_tui.view import Status

Opened = Callable[..., Session]


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One's own file of keys, which is not there yet."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    (tmp_path / "config" / "mlops-tui").mkdir(parents=True)
    return tmp_path / "config" / "mlops-tui" / "keys.yaml"


def test_keys_are_found_by_what_they_do_and_by_themselves(session: Opened, own: Path) -> None:
    every = session().perform(("keys",)).view
    assert every.status is Status.DONE
    assert "not there" in str(every.facts()["file"])
    assert len(every.table("keys").rows) > 50
    [row] = session().perform(("keys", "?")).view.table("keys").rows
    assert (row["id"], row["keys"], row["where"]) == ("app.help", ("?",), "everywhere")
    assert {row["id"] for row in session().perform(("keys", "filter")).view.table("keys").rows} >= {"framed.filter"}
    assert session().perform(("keys", "frobnicate")).view.table("keys").rows == ()


def test_ones_own_keys_are_told_beside_the_shipped_ones(session: Opened, own: Path) -> None:
    own.write_text('set: vim\nkeys:\n  app.refresh: [f5, "!"]\n', encoding="utf-8")
    [row] = session().perform(("keys", "app.refresh")).view.table("keys").rows
    assert (row["keys"], row["shipped"]) == (("f5", "!"), ("r",))
    rows = {row["check"]: row for row in session().perform(("doctor",)).view.table("checks").rows}
    assert rows["keys"]["status"] is Status.PASS
    assert "set vim" in str(rows["keys"]["detail"])


def test_everything_that_is_wrong_with_them_is_told_with_its_line(session: Opened, own: Path) -> None:
    own.write_text("keys:\n  app.quitt: f1\n  app.copy: ctrl+ooo\n", encoding="utf-8")
    outcome = session().perform(("keys",))
    assert outcome.exit == 1
    told = {str(row["where"]).rpartition(":")[2]: (row["what"], row["next"])
            for row in outcome.view.table("mistakes").rows}
    assert "'app.quitt' is nothing that a key does." in told["2"]
    assert "Did you mean 'app.quit'?" in told["2"]
    assert told["3"][0].startswith("'ctrl+ooo' is no key.")
    rows = [row for row in session().perform(("doctor",)).view.table("checks").rows if row["check"] == "keys"]
    assert [row["status"] for row in rows] == [Status.FAIL, Status.FAIL]


def test_what_lies_in_its_place_is_told_and_not_taken_for_nothing(session: Opened, own: Path) -> None:
    own.mkdir()
    view = session().perform(("keys",)).view
    assert view.status is Status.FAIL
    [row] = view.table("mistakes").rows
    assert row["what"] == "It is not a file."
