"""Whether the version to go back to would answer: loaded, and asked for rows whose answers are recorded."""

import click

from mlops_tui import folds
from mlops_tui.capability import measure
from mlops_tui.errors import NotFound
from mlops_tui.models.rehearsing import NEAR, finding, rehearsal
from mlops_tui.session import Session
from mlops_tui.view import Action, Facts, Status, View


@measure
@click.argument("subject", metavar="MODEL[@VERSION]")
def rehearse(session: Session, subject: str) -> View:
    """Load the champion of MODEL, or the version named, and ask it for rows that it answered before.

    That is the rollback of the next promotion, rehearsed: where the champion does not answer as recorded there is
    nothing to go back to, and a gate with `rehearsed` stays shut.

    \b
    Example: mlops-tui rehearse flights-delay
    """
    asked = session.declared().subject(subject, "model")
    state = folds.model_state(session.ledger.entries("trained", "promotion"), asked.name)
    version = state.resolve(asked.version)
    trained = state.trained(version) if version else None
    if trained is None:
        raise NotFound(f"'{asked.name}' has no {f'version {version}' if version else asked.version or 'champion'}.",
                       where=f"versions: {', '.join(state.versions) or 'none'}",
                       next=f"Try: mlops-tui {'promote' if state.versions else 'train'} {asked.name}")
    found = rehearsal(session, trained)
    session.ledger.append(finding(session, trained, found))
    facts = Facts({"model": asked.name, "version": version, "serves": version == state.champion, "rows": found.n,
                   "largest_difference": found.largest, "limit": NEAR, "artifact": trained.artifact})
    way = (Action("Train it again", ("train", asked.name)),) if found.status is Status.FAIL else ()
    return View(found.said, found.status, (facts,), (*way, Action("How it stands", ("status",))))
