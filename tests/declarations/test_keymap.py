"""One's own keys: which are keys, which would do two things at once, and what comes of a set."""

import pytest

from mlops_tui.declarations.declare import parse
from mlops_tui.declarations.keymap import SETS, Keymap, clashes, shipped
from mlops_tui.declarations.keynames import canonical, shown
from mlops_tui.errors import Unreadable


def told(text: str) -> list[str]:
    """What is wrong with a file of keys."""
    try:
        parse(Keymap, text, "keys.yaml")
    except Unreadable as problem:
        return [f"{each.where} {each.what} {each.next}" for each in (problem, *problem.also)]
    return []


@pytest.mark.parametrize("text", [
    "set: vim", "set: plain", "keys: {app.quit: f10}", "keys: {app.quit: [f10, ctrl+q], rows.up: [up, z]}",
    'keys: {app.help: ["?", f1]}', "keys: {home.back: ctrl+w, section.turn: ctrl+w}",
    "keys: {rows.down: ctrl+n, rows.up: j}", "keys: {app.quit: r, app.refresh: q}"])
def test_what_can_be_told_apart_is_taken(text: str) -> None:
    assert told(text) == []


@pytest.mark.parametrize(("text", "said"), [
    ("keys: {app.quitt: f1}", "Did you mean 'app.quit'?"), ("set: vmi", "Did you mean 'vim'?"),
    ("keys: {app.quit: contrl+q}", "no key"), ("keys: {app.quit: pagedwon}", "Did you mean 'pagedown'?"),
    ("keys: {app.quit: []}", "left without a key"), ("keys: {app.quit: ''}", "no key"),
    ("keys: {app.quit: r}", "Give app.refresh another key"), ("keys: {rows.up: j}", "Give rows.down another key"),
    ("keys: {section.turn: r}", "Give app.refresh another key"), ("keys: {framed.log: j}", "Give"),
    ("keys: {app.refresh: '?'}", "Give app.help another key"), ("keys: [app.quit]", "should be a mapping"),
    ("keys: {app.quit: ]}", "Not YAML")])
def test_what_cannot_be_is_told_with_what_would_be_right(text: str, said: str) -> None:
    [first, *_] = told(text)
    assert said in first
    assert first.startswith("keys.yaml:1")


@pytest.mark.parametrize("name", SETS)
def test_in_no_set_does_a_key_do_two_things(name: str) -> None:
    own = Keymap(name)  # type: ignore[arg-type]
    assert list(clashes(own.bound())) == []
    assert set(SETS[name]) <= set(shipped())


@pytest.mark.parametrize("key", ["?", "/", ":", "[", "@", "!", ".", ",", ";", "<", ">", "ctrl+/", "+", "-", "_", "A",
                                 "f5", "ctrl+o"])
def test_a_key_is_shown_as_it_is_written(key: str) -> None:
    assert shown(canonical(key)) == key
