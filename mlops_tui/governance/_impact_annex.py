"""The technical documentation that Annex IV of the EU AI Act asks for, filled from evidence."""

from pathlib import Path

import click

from mlops_tui.capability import TargetPath, look
from mlops_tui.governance import _papers
from mlops_tui.governance.impact import impact
from mlops_tui.render.html import as_html
from mlops_tui.render.markdown import as_markdown
from mlops_tui.session import Session
from mlops_tui.view import Action, Facts, Status, View
from store.written import whole


@look(of=impact)
@click.argument("model", metavar="MODEL[@VERSION]")
@click.option("--out", type=TargetPath(), default=None, help="Write it into this file: .html as a page, else Markdown.")
def annex(session: Session, model: str, out: Path | None) -> View:
    """The Annex IV file of MODEL, filled from its records and from `annex:` of impact/MODEL.yaml; the rest is unknown.

    \b
    Example: mlops-tui impact annex flights-delay@6
    Example: mlops-tui impact annex flights-delay --out annex-iv.html
    """
    known = _papers.known_of(session, model)
    empty = _papers.form("annex-iv")
    items = _papers.filled(empty, known, known.said.annex)
    view = _papers.view(empty, known, items)
    steps = (Action("Its model card", ("card", "show", f"{known.name}@{known.card.version}")),
             Action("Its impact", ("impact", "assess", f"{known.name}@{known.card.version}")))
    if out is None:
        return View(view.title, view.status, view.parts, steps)
    zone = session.declared().zone
    text = as_html(view, zone=zone) if out.suffix in (".html", ".htm") else as_markdown(view, zone=zone)
    with whole(out) as staged:
        staged.write_text(text, encoding="utf-8")
    return View(f"{out.name} is written: {_papers.missing(items)}", Status.DONE,
                (Facts({"file": str(out), "bytes": len(text.encode())}), *view.parts), steps)
