"""Predictions of a batch of rows, logged so that drift and performance can be judged."""

import click
import pyarrow.compute as pc

from mlops_tui import folds
from mlops_tui.capability import measure
from mlops_tui.errors import BadInput
from mlops_tui.inputs.moments import moment
from mlops_tui.models.predicting import predicted, version_of
from mlops_tui.session import Session
from mlops_tui.tracing import pointintime
from mlops_tui.view import Action, Facts, Status, View


def _served_by(session: Session, name: str, version: str, day: str) -> None:
    """Refuse what would rewrite the record of what was answered: another version's scores, or another version's day."""
    champion = folds.model_state(session.ledger.entries("promotion"), name).champion
    if version != champion:
        raise BadInput(f"{name}@{version} does not serve, and only answers of the champion are logged.",
                       next=f"Judge it instead: mlops-tui performance {name}@{version}")
    log = session.current(f"{name}.predictions")
    files = log.within(day=(day, day)) if log is not None else None
    if files is None or not files.files:
        return
    lake = session.data()
    there = lake.connect().execute(f"SELECT DISTINCT version FROM {lake.scan(files)}").fetchall()
    if (other := next((row[0] for row in there if row[0] != version), None)) is not None:
        raise BadInput(f"The rows of {day} were answered by {name}@{other}; that record stays.",
                       next=f"Judge the champion on them: mlops-tui performance {name}@{version}")


@measure
@click.argument("model")
@click.option("--day", required=True, help="The local day whose rows are scored, such as 2013-06-01.")
def score(session: Session, model: str, day: str) -> View:
    """Score a day's rows of MODEL with its champion and log the predictions.

    \b
    Example: mlops-tui score flights-delay --day 2013-06-01
    """
    project, lake = session.declared(), session.data()
    subject = project.subject(model, "model")
    declared = project.model(subject.name)
    trained = version_of(session, subject.name, subject.version)
    local_day = f"{moment(day, project.zone):%Y-%m-%d}"
    rows = session.snapshot(f"{subject.name}.features").within(day=(local_day, local_day))
    if not rows.files:
        raise BadInput(f"There are no features for {local_day}.",
                       next=f"Try: mlops-tui windows {subject.name} --day {local_day}")
    _served_by(session, subject.name, trained.version, local_day)
    scored = predicted(session, trained, rows)
    connection = lake.connect()
    connection.register("scored", scored)
    key = pointintime.key_columns(declared, project.dataset(declared.label.dataset))
    written = lake.write(f"{subject.name}.predictions", "SELECT * FROM scored", sort=(declared.split.time, *key),
                         partition_by=("day",), connection=connection)
    _, changed = session.commit(written, source=f"score {subject.name}@{trained.version}")
    facts = Facts({"rows": written.rows, "version": trained.version, "day": local_day,
                   "logged": "now" if changed else "already there", "mean_score": pc.mean(scored["score"]).as_py()})
    return View(f"{written.rows:,} predictions of {subject.name}@{trained.version}", Status.DONE, (facts,),
                (Action("How well?", ("performance", subject.name)),))
