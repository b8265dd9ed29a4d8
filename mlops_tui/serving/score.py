"""Predictions of a batch of rows, logged so that drift and performance can be judged."""

import click
import pyarrow.compute as pc

from mlops_tui import pointintime
from mlops_tui.capability import measure
from mlops_tui.errors import BadInput
from mlops_tui.moments import moment
from mlops_tui.predicting import predicted, version_of
from mlops_tui.session import Session
from mlops_tui.view import Action, Facts, Status, View


@measure
@click.argument("model")
@click.option("--day", required=True, help="The local day whose rows are scored, such as 2013-06-01.")
def score(session: Session, model: str, day: str) -> View:
    """Score a day's rows of MODEL[@VERSION] (the champion) and log the predictions.

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
