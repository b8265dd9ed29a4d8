"""Who may do what with which data, models, endpoints and commands: access/*.yaml."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal, get_args

from mlops_tui.declarations.declare import Mistake
from mlops_tui.errors import nearest

Action = Literal["read", "load", "call", "run", "*"]
Effect = Literal["allow", "mask", "deny"]
ACTIONS: tuple[str, ...] = get_args(Action)
KINDS = ("dataset", "model", "endpoint", "command")
PARTS = ("column", "partition")
FORMS = "dataset/NAME[/partition/KEY=VALUE][/column/NAME], model/NAME, endpoint/NAME, command/NOUN[/VERB]"


@dataclass(frozen=True)
class AccessRule:
    """One line of a policy. `who`: roles and people, or `*`. A `*` in a name stands for any characters.

    Denials override masks, which override what is allowed. `purposes`: it holds for those alone. `until`: the last day
    of it. An allowance holds for higher rungs of the ladder too, a denial for who holds the very role.
    """

    effect: Effect
    who: tuple[str, ...]
    actions: tuple[Action, ...]
    resources: tuple[str, ...]
    purposes: tuple[str, ...] = ()
    until: str = ""
    reason: str = ""

    def mistakes(self) -> Iterator[Mistake]:
        """Nobody, nothing, or no form of a resource; a day that is none; a mask of what has no columns."""
        for key in ("who", "actions", "resources"):
            if not getattr(self, key):
                yield Mistake(f"'{key}' names nothing.", (key,))
        for number, text in enumerate(self.resources):
            if wrong := wrong_resource(text):
                yield Mistake(f"'{text}' is no resource.", ("resources", number), wrong)
            elif self.effect == "mask" and "/column/" not in text:
                yield Mistake(f"'{text}' is no column, and only columns can be masked.", ("resources", number),
                              f"Write {text}/column/NAME.")
        if self.effect == "mask" and set(self.actions) != {"read"}:
            yield Mistake("A mask is of what is read.", ("actions",), "Write actions: [read].")
        try:
            _ = self.until and date.fromisoformat(self.until)
        except ValueError:
            yield Mistake(f"until is a day, not '{self.until}'.", ("until",), "Write 2027-01-31.")


def wrong_resource(text: str) -> str:
    """What would be right, where the text names no resource; else nothing."""
    kind, _, rest = text.partition("/")
    if kind not in KINDS:
        return f"{nearest(kind, KINDS)} Resources are {FORMS}.".strip()
    words = rest.split("/")
    if not all(words) or (kind in ("model", "endpoint") and len(words) > 1) or (kind == "command" and len(words) > 2):
        return f"Resources are {FORMS}."
    if kind == "dataset" and len(words) > 1:
        if words[1] not in PARTS:
            return f"{nearest(words[1], PARTS)} Resources are {FORMS}.".strip()
        if re.fullmatch(r"(/partition/[^/=]+=[^/]+)*(/column/.+)?", rest[len(words[0]):]) is None:
            return f"Resources are {FORMS}."
    return ""


@dataclass(frozen=True)
class AccessPolicy:
    """access/*.yaml. Where one is declared, what no rule of any of them allows is denied.

    `review`: so long a grant is used before somebody has to say again that it is needed.
    """

    rules: tuple[AccessRule, ...]
    review: timedelta = timedelta(days=90)
    description: str = ""

    def mistakes(self) -> Iterator[Mistake]:
        """A time in which nothing could be reviewed."""
        if self.review < timedelta(days=1):
            yield Mistake("A review is due after a day or more.", ("review",), "Write 90d.")
