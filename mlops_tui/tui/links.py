"""A place of the dashboard as one writes it down: `flights:INC-3#runbook@2013-09-14T06:00`, and what it leads to."""

import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from mlops_tui.tui.places import PLACES
from mlops_tui.tui.standing import MODES
from mlops_tui.view import Row

KINDS = {"pipeline": "pipelines", "model": "models", "monitor": "monitoring", "approval": "governance",
         "case": "governance", "version": "governance", "incident": "incidents", "alert": "incidents",
         "dataset": "data", "feature": "data"}  # the mode whose rows are of that kind
COMMANDS = {"job": ("job", "log"), "run": PLACES["RUN"], "runbook": ("runbook", "show"),
            "checklist": ("checklist", "show")}  # what is shown by a command and is no row of a mode
IDS = {"INC": "incidents", "AL": "incidents", "AP": "governance"}
_PROJECT = re.compile(r"([\w.-]+):(.*)", re.DOTALL)
_MOMENT = re.compile(r"@(\d{4}-\d\d-\d\d[^@#]*)")
_MOMENT_OF_ALL = re.compile(r"@(\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d))$")  # as we write it: words hold much
_SIDE = re.compile(r"#([^@#]+)")


@dataclass(frozen=True)
class Link:
    """`words`: a place in one word, or a command line; of a place also the side of the row, and as of when."""

    words: tuple[str, ...] = ()
    project: str = ""
    side: str = ""
    at: str = ""

    def __str__(self) -> str:
        """As it follows `mlops-tui open`."""
        first, *rest = self.words or ("home",)
        more = (f"#{slug(self.side)}" if self.side else "") + (f"@{self.at}" if self.at else "")
        return shlex.join((f"{self.project}:{first}" if self.project else first, *rest)) + more


HERE = Link()  # nowhere in particular


@dataclass(frozen=True)
class Spot:
    """A row of a mode; no key: the mode as it was left."""

    mode: str
    key: str = ""


def read(words: Sequence[str]) -> Link:
    """The link that these words are, `open` in front or not. What leads nowhere is found out where one goes."""
    project, rest = "", tuple(words[1:] if words[:1] in (["open"], ("open",)) else words)
    if len(rest) == 1 and rest[0].startswith("@"):  # a project alone, as the list of them finds it
        return Link((), rest[0][1:])
    if rest and (found := _PROJECT.fullmatch(rest[0])):
        project, rest = found[1], tuple(filter(None, (found[2], *rest[1:])))
    if len(rest) != 1:
        moment = _MOMENT_OF_ALL.search(rest[-1]) if rest else None
        return Link((*rest[:-1], rest[-1][:moment.start()]), project, at=moment[1]) if moment else Link(rest, project)
    moment, side = _MOMENT.search(rest[0]), _SIDE.search(rest[0])
    place = _SIDE.sub("", _MOMENT.sub("", rest[0]))
    return Link((place,) if place else (), project, side[1] if side else "", moment[1] if moment else "")


def spot(link: Link) -> Spot | None:
    """The row of a mode that is meant; None where it is a command."""
    if len(link.words) != 1:
        return None if link.words else Spot("home")
    [place] = link.words
    kind, slash, name = place.partition("/")
    if kind in {mode.id for mode in MODES}:
        return Spot(kind, name)
    if slash and name and kind in KINDS:
        kept = KINDS[kind] in ("governance", "data")  # their keys say of what kind a row is
        return Spot(KINDS[kind], place if kept else name)
    head, dash, number = place.upper().partition("-")
    if dash and number.isdecimal() and head in IDS:
        return Spot(IDS[head], f"approval/{head}-{number}" if head == "AP" else f"{head}-{number}")
    return None


def command(words: Sequence[str]) -> tuple[str, ...]:
    """The command that shows what is no row: a job, a run, a runbook, or any command line."""
    kind, slash, name = words[0].partition("/")
    if len(words) == 1 and slash and name and kind in COMMANDS:
        return (*COMMANDS[kind], name)
    head, dash, number = words[0].upper().partition("-")
    return (*PLACES[head], f"{head}-{number}") if len(words) == 1 and dash and head in PLACES else tuple(words)


def shown_by(words: tuple[str, ...]) -> tuple[str, ...]:
    """The place that a command shows, where it has a name of its own; else the command."""
    return words[2:] if len(words) == 3 and words[:2] in PLACES.values() and command(words[2:]) == words else words


def row_place(mode: str, key: str) -> str:
    """How a row of a mode is written down: the shortest that `spot` takes back to it."""
    if not key:
        return mode
    kind = next((kind for kind, of in KINDS.items() if of == mode), mode)
    key = key.removesuffix("@None")  # a model that was never trained
    places = (key.removeprefix("approval/"), key, f"{kind}/{key}")
    return next((place for place in places if spot(Link((place,))) == Spot(mode, key)), f"{mode}/{key}")


def nearest(rows: Iterable[Row], wanted: str) -> tuple[str, bool]:
    """The key of the row that is meant, or else of the one whose name is nearest; and whether it is the one meant.

    A model without a version means the version that serves. Nothing where nothing is near.
    """
    rows, low = list(rows), wanted.lower()
    for row in rows:
        if low in (str(row["key"]).lower(), str(row.get("name")).lower()):
            return str(row["key"]), True
    of = [row for row in rows if low == str(row.get("model")).lower() and str(row["key"]).startswith(str(row["model"]))]
    if of:
        return str(next((row for row in of if row.get("role") == "champion"), of[0])["key"]), True
    keys = {str(row["key"]).lower(): str(row["key"]) for row in rows}
    close = get_close_matches(low, keys, n=1, cutoff=0.5)
    return (keys[close[0]] if close else ""), False


def slug(title: str) -> str:
    """The name of a side in a link: `Like it` is `like-it`."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
