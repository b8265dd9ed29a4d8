"""What the law asks to be told: what data are for, what is held of a person, what was erased, why it was decided."""

from pathlib import Path

import click

from mlops_tui.capability import Said, TargetPath, measure
from mlops_tui.errors import BadInput
from mlops_tui.governance import _decidedfor, _heldabout, _records
from mlops_tui.governance.provenance import provenance
from mlops_tui.provenance import answers
from mlops_tui.provenance.known import known
from mlops_tui.render.html import as_html
from mlops_tui.render.markdown import as_markdown
from mlops_tui.session import Session
from mlops_tui.view import View
from store.written import whole

LAWS = ("gdpr-30", "gdpr-15", "gdpr-17", "gdpr-22", "ccpa")


@measure(of=provenance)
@click.argument("subject", required=False)
@click.option("--law", type=click.Choice(LAWS), required=True, help="Which report.")
@click.option("--person", type=Said(), default=None, help="gdpr-15: the person's id; it is kept nowhere.")
@click.option("--out", type=TargetPath(), default=None, help="Write it to this file: .md or .html.")
@click.option("--rows", "rows_to", type=TargetPath(), default=None, help="gdpr-15: write the rows to this JSON file.")
def report(session: Session, subject: str | None, law: str, person: str | None, out: Path | None,
           rows_to: Path | None) -> View:
    """What the law asks to be told of the project, of SUBJECT (a model, a request, a prediction), or of a person.

    \b
    gdpr-30  the record of processing, of all or of a model
    gdpr-15  what is held of a person, what for, and the logic of what answers about them (--person)
    gdpr-17  what was erased on request, of all or of one (OO-1)
    gdpr-22  one decision explained (prediction/ID)
    ccpa     what is collected, from whom, who gets it, whether it is sold, and how requests were answered

    \b
    What only people know is declared in mlops.yaml under organisation; what is not said there is unknown.

    \b
    Example: mlops-tui provenance report --law gdpr-30 --out record.html
             mlops-tui provenance report prediction/2013-09-14-UA-15-EWR --law gdpr-22
    """
    session.declared()
    if (person is not None or rows_to is not None) and law != "gdpr-15":
        raise BadInput(f"--{'person' if person is not None else 'rows'} is for gdpr-15.")
    if out is not None and out.suffix not in (".md", ".html"):
        raise BadInput(f"'{out.name}' ends in neither .md nor .html.")
    view = _report(session, subject or "", law, person, rows_to)
    if out is not None:
        zone = session.declared().zone
        made = f"{session.now().astimezone(zone):%Y-%m-%d %H:%M %Z}"
        text = as_html(view, zone=zone, made=made, anchor=session.ledger.head()) if out.suffix == ".html" else \
            as_markdown(view, zone=zone)
        with whole(out) as staged:
            staged.touch(mode=0o600)
            staged.write_text(text, encoding="utf-8")
    return view


def _report(session: Session, subject: str, law: str, person: str | None, rows_to: Path | None) -> View:
    if law == "gdpr-15":
        if not person:
            raise BadInput("Of whom?", next="Give --person ID.")
        return _heldabout.access(session, known(session), person, rows_to)
    if law == "gdpr-17":
        return _heldabout.erased(session, subject)
    if law == "gdpr-22":
        if not subject:
            raise BadInput("Which decision?", next="Say prediction/ID.")
        return _decidedfor.explained(session, answers.answer(session, subject.removeprefix("prediction/")))
    name = session.declared().subject(subject, "model").name if subject else ""
    return _records.sale(session, name) if law == "ccpa" else _records.record(session, name)
