"""The dashboard with keys of one's own; and that the list of them is the one that is bound."""

import importlib
import pkgutil
from pathlib import Path
from string import ascii_lowercase

import pytest
from textual.binding import Binding
from textual.dom import DOMNode

import mlops_tui.tui
from mlops_tui.declarations.keymap import APART, shipped
from mlops_tui.declarations.keynames import canonical
from mlops_tui.session import Session
from mlops_tui.tui.places import RESERVED
from mlops_tui.tui.widgets.keys import key_name
from tests.screens import dashboard, run

PATH = [f"{mlops_tui.tui.__name__}."]


def bound() -> dict[str, tuple[set[str], str]]:
    """Every key of every class of the dashboard by its id, as it is really bound."""
    for each in pkgutil.walk_packages(mlops_tui.tui.__path__, PATH[0]):
        importlib.import_module(each.name)
    found: dict[str, tuple[set[str], str]] = {}
    waiting: list[type] = [DOMNode]
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        if not kind.__module__.startswith(PATH[0]):
            continue
        for each in kind.__dict__.get("BINDINGS", ()):
            assert isinstance(each, Binding), kind
            assert each.id, (kind, each)
            assert each.description, (kind, each)
            found[each.id] = ({canonical(key) for key in each.key.split(",")}, each.description)
    return found


def test_the_list_of_keys_is_what_is_bound() -> None:
    assert bound() == {id: ({canonical(key) for key in each.keys}, each.does) for id, each in shipped().items()}


def test_no_next_step_has_a_letter_that_does_something_on_every_screen() -> None:
    general = {key for each in shipped().values() if each.where in ("app", "framed", "rows", "body")
               for key in each.keys}
    assert {key for key in general if key in ascii_lowercase} <= RESERVED
    assert {"ask", "copy"} <= set(APART)


def test_ones_own_keys_work_are_told_and_are_no_next_steps(told: Session, tmp_path: Path,
                                                           monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    own = tmp_path / "config" / "mlops-tui" / "keys.yaml"
    own.parent.mkdir(parents=True)
    own.write_text("keys: {app.help: f1, app.pause: z, rows.open: [enter, f3]}\n", encoding="utf-8")

    async def story() -> None:
        async with dashboard(told.declared().root) as terminal:
            assert "f1 all" in terminal.text.splitlines()[-1]
            assert "z" in terminal.app.reserved
            await terminal.press("z")
            assert "paused" in terminal.text.splitlines()[0]
            await terminal.press("question_mark")
            assert "Keys and commands" not in terminal.text
            await terminal.press("f1")
            assert "Keys and commands" in terminal.text
            await terminal.press("escape")
            own.write_text("keys: {app.help: f1, app.pause: q}\n", encoding="utf-8")
            await terminal.press("r")
            assert "keys.yaml:1" in [*terminal.app._notifications][-1].message
            await terminal.press("question_mark")
            assert "Keys and commands" in terminal.text.splitlines()[0], "as shipped"

    run(story())


@pytest.mark.parametrize(("key", "said"), [("semicolon", ";"), ("plus", "+"), ("question_mark", "?"), ("at", "@"),
                                           ("ctrl+o", "ctrl+o"), ("escape", "Esc"), ("up", "↑")])
def test_a_key_is_named_as_it_stands_on_a_keyboard(key: str, said: str) -> None:
    assert key_name(key) == said
