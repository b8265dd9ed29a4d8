"""How often the same test days were looked at: each version judged on them, and each further question, is a look."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from store.facts import Looked, Trained

if TYPE_CHECKING:
    from store.ledger import Entry


@dataclass(frozen=True)
class Holdout:
    """The rows that a model's version was judged on: all from `first` to `last`, of which none was fitted on."""

    model: str
    first: datetime
    last: datetime

    def shares(self, other: "Holdout") -> bool:
        """Whether a row may be in both."""
        return self.model == other.model and self.first <= other.last and other.first <= self.last


@dataclass(frozen=True)
class Look:
    """One question asked of test rows: a version, by a metric, against the champion or the rival that is named."""

    version: str
    question: str
    rival: str = ""


def holdout_of(trained: Trained) -> Holdout | None:
    """The days that a version was tested on; None where they were not kept.

    Versions from before the last row's time was kept were tested to the end of their window.
    """
    first, last = trained.detail.get("test_from"), trained.detail.get("test_to")
    if not first:
        return None
    end = _moment(str(last)) if last else _moment(trained.window[1]) - timedelta(microseconds=1)
    return Holdout(trained.subject, _moment(str(first)), max(end, _moment(str(first))))


def _moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def question(metric: str, threshold: float | None = None) -> str:
    """What a comparison asks: the metric, with the threshold of a decision."""
    return metric if threshold is None else f"{metric} at {threshold:g}"


def looks(entries: "Sequence[Entry]", rows: Holdout) -> tuple[Look, ...]:
    """Every look at rows of which some are among these, the first of each first.

    A version that was trained was judged by its own metric on its test rows: one look, and no other when it is
    evaluated or compared by that metric again. Another metric, another threshold, or a rival that does not serve is
    another one, for whoever asks often enough is told yes. Versions tested on later days alone look at fresh rows.
    """
    at: dict[str, Holdout] = {}
    found: dict[Look, None] = {}
    for entry in entries:
        fact = entry.fact
        if entry.subject != rows.model:
            continue
        if isinstance(fact, Trained):
            days = holdout_of(fact)
            if days is not None and days.shares(rows):
                at[fact.version] = days
                found[Look(fact.version, asked_in_training(fact))] = None
        elif isinstance(fact, Looked) and fact.version in at:
            found[Look(fact.version, fact.question, fact.rival)] = None
    return tuple(found)


def asked_in_training(trained: Trained) -> str:
    """The question that a version's training asked of its test rows; the threshold is the declared one."""
    return str(trained.detail.get("metric", "roc_auc"))


def told(found: Sequence[Look], rows: Holdout) -> str:
    """The looks in a sentence: of which days the rows are, how often they were looked at, and by what."""
    days = f"{rows.first:%Y-%m-%d} to {rows.last:%Y-%m-%d}"
    return f"The test days {days} have been looked at {_times(len(found))}: {_by(found)}."


def price(number: int, level: float) -> str:
    """What so many looks cost a verdict, in a sentence; nothing for the first look."""
    if number < 2:
        return ""
    return (f"Who asks {number} times is told yes by chance {number} times as easily: the verdict takes p × {number}, "
            f"and the margin from the {100 * level:.4g} % interval. Test days that nobody has looked at start anew.")


def _times(number: int) -> str:
    return {1: "once", 2: "twice"}.get(number, f"{number} times")


def _by(found: Sequence[Look]) -> str:
    """Which versions, question by question."""
    asked: dict[str, list[str]] = {}
    for look in found:
        name = f"{look.question} against {look.rival}" if look.rival else look.question
        asked.setdefault(name, []).append(look.version)
    return "; ".join(f"{'versions' if len(versions) > 1 else 'version'} {', '.join(versions)} by {name}"
                     for name, versions in asked.items())


def with_this(found: Sequence[Look], this: Look) -> tuple[Look, ...]:
    """The looks with this one among them, once."""
    return tuple(dict.fromkeys((*found, this)))
