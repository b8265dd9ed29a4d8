"""Which key does what in the dashboard: as it is shipped, in two other sets, and as one's own file has it."""

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Literal

from mlops_tui.declarations.declare import Mistake, read
from mlops_tui.declarations.keynames import canonical, parted
from mlops_tui.declarations.known import is_there, settings
from mlops_tui.errors import nearest

SCREENS = Path(__file__).parent.parent / "tui"  # where the keys are bound
EVERYWHERE, WIDGETS = ("app", "framed"), ("rows", "body", "log")
# What takes every key while it is open, and the strip below a prompt, which is alone.
APART = ("ask", "sure", "why", "copy", "sorting", "command", "filter", "everything", "watch")
NAMED = ("up", "down", "left", "right", "home", "end", "pageup", "pagedown", "enter", "escape", "tab", "space",
         "backspace", "delete", "insert", *(f"f{number}" for number in range(1, 25)))

SETS: Mapping[str, Mapping[str, str]] = {
    "usual": {},
    "vim": {"rows.page-down": "pagedown,ctrl+f,ctrl+d", "rows.page-up": "pageup,ctrl+b,ctrl+u",
            "answer.down": "pagedown,space,ctrl+f,ctrl+d", "answer.up": "pageup,ctrl+b,ctrl+u",
            "section.back": "escape,backspace,h", "answer.back": "escape,backspace,h",
            "section.turn": "tab,ctrl+w", "home.next": "tab,ctrl+w"},
    "plain": {"rows.up": "up", "rows.down": "down", "rows.first": "home", "rows.last": "end",
              "body.up": "up", "body.down": "down", "body.first": "home", "body.last": "end",
              "app.help": "f1,question_mark", "app.refresh": "f5,r", "app.quit": "f10,ctrl+q",
              "framed.filter": "ctrl+f,slash"},
}


@dataclass(frozen=True)
class Bound:
    """What keys do: their id, which begins with where they work, the keys, and what they do in words."""

    id: str
    keys: tuple[str, ...]
    does: str

    @property
    def where(self) -> str:
        return self.id.partition(".")[0]


@dataclass(frozen=True)
class Keymap:
    """`set`: whose keys to begin with; `keys`: by id, one's own."""

    set: Literal["usual", "vim", "plain"] = "usual"
    keys: Mapping[str, tuple[str, ...] | str] = field(default_factory=dict)

    def changed(self) -> dict[str, tuple[str, ...]]:
        """The keys that are others than the shipped ones, by id."""
        given = {id: tuple(typed.split(",")) for id, typed in SETS[self.set].items()}
        given |= {id: (keys,) if isinstance(keys, str) else keys for id, keys in self.keys.items()}
        return {id: tuple(map(canonical, keys)) for id, keys in given.items()}

    def bound(self) -> dict[str, Bound]:
        """All keys, as they are with these."""
        changed = self.changed()
        return {id: Bound(id, changed.get(id, each.keys), each.does) for id, each in shipped().items()}

    def mistakes(self) -> Iterator[Mistake]:
        """What is no id, what is no key, and what one key is to do at once."""
        for id, given in self.keys.items():
            keys = (given,) if isinstance(given, str) else given
            if id not in shipped():
                yield Mistake(f"'{id}' is nothing that a key does.", ("keys", id),
                              nearest(id, shipped()) or "Try: mlops-tui keys")
            elif not keys:
                yield Mistake(f"'{id}' is left without a key.", ("keys", id), "Name one, such as f9.")
            for key in keys:
                if problem := _no_key(key):
                    yield Mistake(problem, ("keys", id), "A key is such as x, X, f5, ctrl+o, shift+tab or pagedown.")
        if not set(self.keys) - set(shipped()):
            yield from (Mistake(f"'{key}' would be {mine.does!r} ({mine.id}) and {other.does!r} ({other.id}).",
                                ("keys", mine.id), f"Give {other.id} another key, or choose another one.")
                        for mine, other, key in clashes(self.bound()) if mine.id in self.keys)


def place() -> Path:
    """The file of one's own."""
    return settings() / "keys.yaml"


def mine() -> Keymap:
    """The keys as one's own file has them; Unreadable with everything that is wrong with it."""
    path = place()
    return read(Keymap, path) if is_there(path) and path.stat().st_size else Keymap()


def clashes(bound: Mapping[str, Bound]) -> Iterator[tuple[Bound, Bound, str]]:
    """Keys of which one was changed, and which would do two things at once: the one changed first."""
    own = shipped()
    every = list(bound.values())
    for number, one in enumerate(every):
        for other in every[number + 1:]:
            if one.does == other.does or not _together(one.where, other.where):
                continue  # whichever has the focus does the same
            for key in set(one.keys) & set(other.keys):
                if key not in own[one.id].keys:
                    yield one, other, key
                elif key not in own[other.id].keys:
                    yield other, one, key


def _together(one: str, other: str) -> bool:
    """Whether keys of both places work at the same time."""
    if one == other:
        return True
    if {one, other} & {*APART}:
        return False
    return one in EVERYWHERE or other in EVERYWHERE or ((one in WIDGETS) is not (other in WIDGETS))


def _no_key(key: str) -> str:
    """Why it is no key; empty where it is one."""
    if not key.strip():
        return "Nothing is no key."
    name = parted(key)[1]
    if len(name) == 1 or name in NAMED or name in {each.rpartition("+")[2] for each in shipped_keys()}:
        return ""
    return f"'{key}' is no key. {nearest(name, NAMED)}".strip()


@cache
def shipped_keys() -> frozenset[str]:
    """Every key that is bound as shipped."""
    return frozenset(key for each in shipped().values() for key in each.keys)


# -- read off the files -----------------------------------------------------------------------------------------------


@cache
def shipped() -> dict[str, Bound]:
    """Every key of the dashboard by id, read off its files: nothing is imported, so that a terminal need not wait."""
    found = [each for path in sorted(SCREENS.rglob("*.py")) for each in _of(path.read_text(encoding="utf-8"))]
    return {each.id: each for each in sorted(found, key=lambda each: each.id)}


def _of(source: str) -> Iterator[Bound]:
    if "Binding(" not in source and "Mode(" not in source:
        return
    for node in ast.walk(ast.parse(source)):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
            continue
        words: Sequence[str] = [str(each.value) for each in node.args if isinstance(each, ast.Constant)]
        named = {each.arg: each.value.value for each in node.keywords if isinstance(each.value, ast.Constant)}
        if node.func.id == "Binding" and "id" in named and len(words) == len(node.args):
            yield Bound(str(named["id"]), tuple(words[0].split(",")), words[2])
        elif node.func.id == "Mode" and words:
            yield Bound(f"app.{words[1]}", (words[0],), words[2])
