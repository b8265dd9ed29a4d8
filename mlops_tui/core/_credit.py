"""The demo of a model that decides about people: 1,000 real loans, and what must be shown before it may serve."""

from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

from mlops_tui import folds
from mlops_tui.core._cast import Cast
from mlops_tui.core._replay import set_clock
from mlops_tui.view import Action, Cell, Facts, Status, Steps, View

MODEL = "credit-risk"
AFTER = datetime(1975, 10, 1, 6, tzinfo=UTC)  # the day after the last place in the list of loans


def work(cast: Cast, target: Path, began: float) -> View:
    """Take the loans in, train, audit, and put the model before its gate; a rerun goes on where it was cut short."""
    set_clock(cast, AFTER)
    if cast.session.current("credit") is None:
        cast.stage("Ingest the loans", "machine", "ingest", "credit", "--file", str(target / "files" / "credit.csv"))
    if not _versions(cast):
        cast.stage("Train baselines and candidates", "ana", "train", MODEL)
    return _told(cast, target, began)


def _versions(cast: Cast) -> tuple[str, ...]:
    return tuple(folds.model_state(cast.session.ledger.entries("trained", "promotion"), MODEL).versions)


def _told(cast: Cast, target: Path, began: float) -> View:
    """The story, with its figures read back from the ledger."""
    entries = cast.session.ledger.entries()
    state = folds.model_state(entries, MODEL)
    facts: dict[str, Cell] = {
        "folder": str(target), "champion": f"{MODEL}@{state.champion}" if state.champion else None,
        "versions": len(state.versions), "findings": len(folds.findings_of(entries)), "entries": len(entries),
        "seconds": round(perf_counter() - began, 1)}
    return View("The credit model was worked from its data to its gate", Status.DONE,
                (Steps(tuple(cast.steps)), Facts(facts)),
                (Action("Look around", ("status", "--project", str(target))),))
