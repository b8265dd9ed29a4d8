"""What a runbook is about before it begins: its subject, its incident, and the values that it asks for."""

from collections.abc import Mapping, Sequence

from mlops_tui import folds
from mlops_tui.errors import BadInput
from mlops_tui.response import _params, _running, _steps
from mlops_tui.response._params import Param
from mlops_tui.response._steps import Runbook
from mlops_tui.session import Session


def start(name: str, incident: str, about: str) -> tuple[str, ...]:
    return ("runbook", "run", name, *(("--incident", incident) if incident else ()),
            *(("--about", about) if about else ()))


def values(session: Session, book: Runbook, about: str, incident: str,
            said: Mapping[str, str]) -> tuple[dict[str, str], tuple[Param, ...]]:
    """What a runbook's placeholders stand for, and the parameters that a person still has to say."""
    known = _running.values(session, about, incident)
    case = folds.incidents(session.ledger.entries("incident")).get(incident)
    params, asked = _params.resolved(book.params, said, {**known, **_running.around(session, case)},
                                     session.declared())
    return {**known, **params}, asked


def said(session: Session, name: str, incident: str, about: str,
          words: Sequence[str]) -> tuple[Runbook, str, str, dict[str, str]]:
    """A runbook with everything it needs to begin: its text, its subject, its incident and its values."""
    book = _steps.read(session.declared().one("runbook", name))
    subject, case_of = meant(session, incident, about)
    found, asked = values(session, book, subject, case_of, _params.given(book.params, words))
    if asked:
        lines = " ".join(f"--set {each.name}={_params.stand_in(each)}" for each in asked)
        what = f"It needs to know {', '.join(each.help or each.name for each in asked)}."
        raise BadInput(what, where=f"runbook {name}", next=f"Add: {lines}")
    _running.resolvable(book, found)
    return book, subject, case_of, found


def meant(session: Session, incident: str, about: str) -> tuple[str, str]:
    """The subject and the incident of a run; the incident says what it is about where nobody else does."""
    found = folds.known(folds.incidents(session.ledger.entries("incident")), incident, "incident") if incident else None
    subject = str(session.declared().subject(about)) if about else found.about if found else ""
    return subject, found.id if found else ""
