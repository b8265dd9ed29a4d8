"""What can go wrong, as a tree; every error says what, where, and what next.

Refusal (store.refusal)      expected; shown to the person, never a traceback
├── Unreadable               a file, YAML or value cannot be read            exit 2
├── NotFound                 nothing of that name                            exit 2
├── Conflict                 the state changed between look and step         exit 2
├── BadInput                 the call or its data are not usable             exit 2
├── NotDeclared              no project here, or the project lacks it        exit 2
├── MissingExtra             an optional part is not installed               exit 2
├── Cancelled                somebody asked the work to stop                 exit 130
└── Denied                   this person may not                             exit 4
"""

from importlib.util import find_spec

from store.refusal import Conflict, Forbidden, NotFound, Refusal, Unreadable, nearest

__all__ = ["BadInput", "Cancelled", "Conflict", "Denied", "Forbidden", "MissingExtra", "NotDeclared", "NotFound",
           "Refusal", "Unreadable", "need_extra", "nearest"]


class BadInput(Refusal):
    """The call or the data it names cannot be used."""

    code = "bad_input"


class NoCommand(BadInput):
    """The words name no command."""


class Misfit(BadInput):
    """A file has not the columns that its contract declares."""


class NotDeclared(Refusal):
    """There is no project here, or the project does not declare it."""

    code = "not_declared"


class MissingExtra(Refusal):
    """An optional part is not installed."""

    code = "missing_extra"


class Cancelled(Refusal):
    """Somebody asked the work to stop, and it stopped."""

    code = "cancelled"
    exit = 130


class Denied(Forbidden):
    """This person may not do this."""


def need_extra(module: str, extra: str) -> None:
    """Refuse with the install command where the library of an extra is missing."""
    if find_spec(module) is None:
        raise MissingExtra(f"needs the extra '{extra}'", next=f"pip install 'mlops-tui[{extra}]'")
