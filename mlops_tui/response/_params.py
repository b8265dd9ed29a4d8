"""What a runbook asks before it begins: typed values, from the incident where it knows them, checked before use."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from mlops_tui.declarations.declare import duration
from mlops_tui.errors import BadInput, nearest
from mlops_tui.project import Project

Type = Literal["model", "dataset", "feature", "number", "duration", "choice", "text"]
TYPES: tuple[Type, ...] = get_args(Type)
KEYS = ("type", "default", "min", "max", "of", "from", "help")
SOURCES = ("incident.id", "incident.about", "incident.severity", "alert.id", "alert.about", "alert.check",
           "alert.monitor", "alert.severity")
NAME = re.compile(r"[a-z][a-z0-9_]*")
LONGEST = 300
STAND_INS: Mapping[str, str] = {"model": "m", "dataset": "d", "feature": "f", "number": "1", "duration": "1d",
                                "text": "a text"}
_NAMED = re.compile(r"[\w@./:][\w@./: -]*")


@dataclass(frozen=True)
class Param:
    """One value that a runbook needs: its type, what it is without being asked, and between which ends it lies."""

    name: str
    type: Type = "text"
    default: str | None = None
    least: str = ""
    most: str = ""
    of: tuple[str, ...] = ()
    source: str = ""
    help: str = ""

    @property
    def asked(self) -> bool:
        """Whether a person has to say it where nothing else does."""
        return self.default is None


def declared(values: Any, wrong: Callable[[str, str, str], None]) -> tuple[Param, ...]:
    """The `params:` of a front matter; `wrong` is told the key, the mistake and what to do about each that is none."""
    if not isinstance(values, Mapping):
        wrong("params", "params is a mapping of names.", "Write: params: {window: {type: duration, default: 24h}}")
        return ()
    found = [_param(str(name), given, wrong) for name, given in values.items()]
    return tuple(each for each in found if each is not None)


def _param(name: str, given: Any, wrong: Callable[[str, str, str], None]) -> Param | None:
    if not NAME.fullmatch(name):
        wrong(name, f"'{name}' cannot be a parameter's name.", "Small letters, digits and _.")
        return None
    if not isinstance(given, Mapping) or given.get("type") not in TYPES:
        said = str(given.get("type", "")) if isinstance(given, Mapping) else str(given)
        wrong(name, f"Parameter '{name}' has the type '{said}'.", nearest(said, TYPES) or f"Types: {', '.join(TYPES)}.")
        return None
    for key in given:
        if key not in KEYS:
            wrong(name, f"Unknown key '{key}' of parameter '{name}'.", nearest(str(key), KEYS) or
                  f"Known here: {', '.join(KEYS)}.")
    made = Param(name, given["type"], None if given.get("default") is None else str(given["default"]),
                 _end(given.get("min")), _end(given.get("max")), tuple(map(str, given.get("of") or ())),
                 str(given.get("from") or ""), str(given.get("help") or ""))
    for what, next_ in _senseless(made):
        wrong(name, what, next_)
    return made


def _end(value: Any) -> str:
    return "" if value is None else str(value)


def _senseless(param: Param) -> Iterable[tuple[str, str]]:
    """What about a parameter could never be right."""
    if param.source and param.source not in SOURCES:
        yield f"'{param.source}' tells no parameter.", nearest(param.source, SOURCES) or f"From: {', '.join(SOURCES)}."
    if (param.type == "choice") != bool(param.of):
        yield f"Parameter '{param.name}': a choice, and nothing else, says of what.", "Write: of: [one, other]"
    if (param.least or param.most) and param.type not in ("number", "duration"):
        yield f"Parameter '{param.name}': a {param.type} has no ends.", "Leave out min and max."
        return
    for value in (param.least, param.most, param.default):
        try:
            if value and param.type in ("number", "duration", "choice", "text"):
                checked(param, value)
        except BadInput as problem:
            yield problem.what, problem.next


def checked(param: Param, value: str, project: Project | None = None) -> str:
    """The value as it is used; BadInput says what is wrong with it, and what would be right."""
    value = value.strip()
    if param.type in ("number", "duration"):
        _between(param, value)
    elif param.type == "choice" and value not in param.of:
        raise BadInput(f"'{value}' is none of the choices of {param.name}.",
                       next=nearest(value, param.of) or f"Choose: {', '.join(param.of)}.")
    elif param.type in ("model", "dataset", "feature") and project is not None:
        project.one(param.type, value.partition("@")[0])
    if not sound(value, anything=param.type == "text"):
        raise BadInput(f"'{value}' cannot stand for {{{param.name}}}.", next=LETTERS)
    return value


LETTERS = "It has letters, digits and @ . / : _ -, and does not begin with a hyphen."


def sound(value: str, *, anything: bool = False) -> bool:
    """Whether a value may stand in a command line: it stays one word, and is never an option. `anything`: it is a
    person's text, which may hold any letter that can be seen."""
    if anything:
        return value.isprintable() and 0 < len(value) <= LONGEST and value[0] != "-"
    return bool(_NAMED.fullmatch(value))


def _between(param: Param, value: str) -> None:
    """Refuse what is no number or duration, or lies beyond its ends."""
    measure: Callable[[str], Any] = float if param.type == "number" else duration
    try:
        size = measure(value)
    except ValueError as problem:
        example = "0.25" if param.type == "number" else "24h"
        raise BadInput(f"{param.name} is a {param.type}, and '{value}' is none.",
                       next=f"Write it as: --set {param.name}={example}") from problem
    fits = (not param.least or size >= measure(param.least)) and (not param.most or size <= measure(param.most))
    if not fits or value.lower() in ("nan", "inf", "-inf"):
        ends = [f"from {param.least}"] * bool(param.least) + [f"to {param.most}"] * bool(param.most)
        raise BadInput(f"{param.name} lies {' '.join(ends) or 'among the numbers'}, and {value} does not.")


def given(params: Sequence[Param], words: Sequence[str]) -> dict[str, str]:
    """What `--set name=value` says, by name; BadInput for a name that is not asked for."""
    found: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not value.strip():
            raise BadInput(f"'{word}' sets nothing.", next="Write it as: --set name=value")
        if name not in (known := [each.name for each in params]):
            raise BadInput(f"This runbook has no parameter '{name}'.",
                           next=nearest(name, known) or f"It has {', '.join(known) or 'none'}.")
        found[name] = value
    return found


def resolved(params: Sequence[Param], said: Mapping[str, str], around: Mapping[str, str],
             project: Project) -> tuple[dict[str, str], tuple[Param, ...]]:
    """The value of each parameter, and the ones that a person still has to say: what was said, what the incident knows,
    what is there by default, in that order. `around` holds model, dataset and the like, and `incident.about` etc."""
    found: dict[str, str] = {}
    for param in params:
        value = said.get(param.name) or around.get(param.source) or param.default or around.get(param.type) or ""
        if value:
            found[param.name] = checked(param, value, project)
    return found, tuple(param for param in params if param.name not in found)


def stand_in(param: Param) -> str:
    """Something that could be the parameter's value."""
    return param.default or param.least or (param.of[0] if param.of else STAND_INS[param.type])
