"""Which versions of models nobody needs any more, and which must be kept whatever: told from the history alone."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from mlops_tui import folds
from store.facts import Archived, Hold, Promotion, Trained

if TYPE_CHECKING:
    from store.ledger import Entry

EVERY = "every"  # in place of a version: all of them
FORMER = "was a champion"


@dataclass(frozen=True)
class Version:
    """A version with why nobody needs it (nothing: somebody does), and why it must be kept (nothing: it need not)."""

    model: str
    version: str
    artifact: str
    made: datetime
    last_seen: date | None
    stale: tuple[str, ...]
    kept: tuple[str, ...]
    archived: str = ""
    begun: str = ""

    @property
    def name(self) -> str:
        return f"{self.model}@{self.version}"


def versions(entries: "Sequence[Entry]", seen: Mapping[tuple[str, str], date], expires: Mapping[str, date],
             now: datetime, idle: timedelta) -> list[Version]:
    """Every version that was trained, oldest first.

    `seen` is the last day on which each (model, version) answered, `expires` the declared day from which a model's
    versions are no longer to be used; `idle` so long without an answer, a version is not used.
    """
    models = dict.fromkeys(entry.subject for entry in entries if isinstance(entry.fact, Trained))
    found = []
    for model in models:
        state = folds.model_state(entries, model)
        for number, entry in state.versions.items():
            fact = entry.fact
            assert isinstance(fact, Trained)
            last = seen.get((model, number))
            why = tuple(_stale(state, number, entry.recorded_at, last, expires.get(model), now, idle))
            packed, begun = _packed(entries, model, number)
            found.append(Version(model, number, fact.artifact, entry.recorded_at, last, why,
                                 tuple(kept(entries, model, number, now)), packed, begun))
    return found


def _stale(state: folds.ModelState, number: str, made: datetime, last: date | None, expires: date | None,
           now: datetime, idle: timedelta) -> Iterator[str]:
    days = idle.days
    if expires is not None and now.date() >= expires:
        yield f"expired on {expires:%-d %b %Y}"
    if state.champion and number not in (state.champion, state.challenger):
        yield f"superseded by {state.champion}"
    if last is not None and now.date() - last > idle:
        yield f"no answer for {(now.date() - last).days} days"
    elif last is None and now - made > idle:
        yield f"no answer in the {(now - made).days} days of its life" if days else "no answer"


def kept(entries: "Sequence[Entry]", model: str, number: str, now: datetime) -> Iterator[str]:
    """Why a version must be kept, the strongest reason first."""
    state = folds.model_state(entries, model)
    if {number, EVERY} & set(held(entries, model)):
        yield "legal hold"
    if number == state.champion:
        yield "the champion"
    if number == state.previous:
        yield "what one falls back to"
    if number == state.challenger:
        yield "the challenger"
    for approval in folds.approvals(entries, now).values():
        if approval.state in ("open", "met") and f"{model}@{number}" in (word.rpartition("/")[2]
                                                                         for word in approval.argv):
            yield f"{approval.id} is about it"
    for incident in folds.incidents(entries).values():
        if incident.open and incident.about == model:
            yield f"{incident.id} is open"
    if number != state.champion and any(isinstance(entry.fact, Promotion) and entry.subject == model
                                        and entry.fact.version == number for entry in entries):
        yield FORMER


def held(entries: "Sequence[Entry]", model: str) -> dict[str, "Entry"]:
    """The versions of a model under legal hold, with the entry that says so; `every` stands for all of them."""
    found: dict[str, Entry] = {}
    for entry in entries:
        if isinstance(entry.fact, Hold) and entry.subject == model and entry.fact.version:
            if entry.fact.event == "held":
                found[entry.fact.version] = entry
            else:
                found.pop(entry.fact.version, None)
    return found


def _packed(entries: "Sequence[Entry]", model: str, number: str) -> tuple[str, str]:
    """The archive that a version lies in, and the one that was begun and not finished; empty where there is none."""
    packed = begun = ""
    for entry in entries:
        if isinstance(entry.fact, Archived) and entry.subject == model and entry.fact.version == number:
            match entry.fact.event:
                case "began":
                    begun = entry.fact.archive
                case "taken":
                    packed, begun = entry.fact.archive, ""
                case "restored":
                    packed = begun = ""
    return packed, begun


def archive_of(entries: "Sequence[Entry]", model: str, number: str) -> Archived | None:
    """The newest archive that was made of a version, whether or not its files were given back since."""
    return next((entry.fact for entry in reversed(entries) if isinstance(entry.fact, Archived)
                 and entry.subject == model and entry.fact.version == number and entry.fact.event == "began"), None)
