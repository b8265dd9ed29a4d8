"""Model cards: a version told from its runs and its history, for people and for the tools that read cards."""

from pathlib import Path

import click

from mlops_tui.capability import TargetPath, look, measure, noun
from mlops_tui.governance._cardforms import FORMATS, written
from mlops_tui.governance._cardmade import made
from mlops_tui.governance._cardrecord import Card
from mlops_tui.governance._cardview import document
from mlops_tui.oversight.watching import watching
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Facts, Status, Text, View, counted
from store.facts import CardPublished, Finding
from store.written import whole

card = noun("card", __doc__ or "", subject="show", package=__package__ or "")
CHECK = "card"


@look(of=card)
@click.argument("model", metavar="MODEL[@VERSION]")
@click.option("--format", "form", type=click.Choice(FORMATS), default=None, help="As a document of this kind.")
@click.option("--out", type=TargetPath(), default=None, help="Write it into this file.")
def show(session: Session, model: str, form: str | None, out: Path | None) -> View:
    """The card of MODEL, the champion by default: figures from its runs, words from its declarations.

    \b
    Example: mlops-tui card flights-delay
    Example: mlops-tui card show flights-delay@6 --format huggingface --out README.md
    """
    found = made(session, model)
    view = document(found)
    steps = (Action("Publish it", ("card", "publish", f"{found.name}@{found.version}")),
             Action("Is the published one still right?", ("card", "check", f"{found.name}@{found.version}")))
    if form is None and out is None:
        return View(view.title, view.status, view.parts, steps)
    text = written(found, form or "markdown", session.declared().zone)
    if out is not None:
        with whole(out) as staged:
            staged.write_text(text, encoding="utf-8")
        facts: dict[str, Cell] = {"file": str(out), "format": form or "markdown", "bytes": len(text.encode()),
                                  "digest": found.digest, "gaps": found.gaps}
        return View(f"{out.name} is the card of {found.title}", Status.DONE, (Facts(facts), *view.parts), steps)
    return View(view.title, view.status, (Text(text, "code"),), steps)


@measure(of=card)
@click.argument("model", metavar="MODEL[@VERSION]")
@click.option("--monitor", default=None, help="Judge as this declared monitor does.")
def check(session: Session, model: str, monitor: str | None) -> View:
    """Fail where the published card of MODEL no longer says what its runs and declarations say.

    \b
    Example: mlops-tui card check flights-delay
    """
    found = made(session, model)
    if monitor is not None:
        watching(session, "card", found.name, monitor)
    last = published(session, found)
    title, status = stands(found, last)
    session.ledger.append(finding(session, found, title, status, monitor or ""))
    facts: dict[str, Cell] = {"model": found.name, "version": found.version, "digest": found.digest,
                              "published": last.digest if last else None, "gaps": found.gaps}
    return View(title, status, (Facts(facts),), (
        Action("Publish it as it is now", ("card", "publish", f"{found.name}@{found.version}")),
        Action("Read it", ("card", "show", f"{found.name}@{found.version}"))))


def published(session: Session, found: Card) -> CardPublished | None:
    """The newest published card of the version."""
    return next((entry.fact for entry in reversed(session.ledger.entries("card", subject=found.name))
                 if isinstance(entry.fact, CardPublished) and entry.fact.version == found.version), None)


def stands(found: Card, last: CardPublished | None) -> tuple[str, Status]:
    """Whether the published card is this one; what it cannot say only warns."""
    if last is None:
        return f"No card of {found.title} is published", Status.UNKNOWN
    if last.digest != found.digest:
        return f"The published card of {found.title} is stale: something it tells has changed", Status.FAIL
    return f"The card of {found.title} is published" + (
        f", {counted(len(found.gaps), 'thing')} in it unknown" if found.gaps else ""), \
        Status.WARN if found.gaps else Status.PASS


def finding(session: Session, found: Card, title: str, status: Status, monitor: str = "") -> Finding:
    """The judgement as an entry, with the digest of what was judged."""
    project = session.declared()
    typed = project.fingerprint("impact", found.name) if found.name in project.names("impact") else ""
    return Finding(check=CHECK, subject=found.name, version=found.version, status=status.value, title=title,
                   value=float(len(found.gaps)), unit="gaps", declaration=session.declaration("model", found.name),
                   monitor=monitor, detail={"digest": found.digest, "gaps": list(found.gaps), "impact": typed})
