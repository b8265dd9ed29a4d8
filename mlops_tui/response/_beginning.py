"""What a runbook is about before it begins: its subject, its incident, and the values that it asks for."""

from collections.abc import Mapping, Sequence
from functools import partial

from mlops_tui import folds
from mlops_tui.capability import Field
from mlops_tui.errors import BadInput, Refusal
from mlops_tui.incidents.merging import itself
from mlops_tui.project import Project
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
        lines = ", ".join(f"{each.help or each.name} (--set {each.name}={_params.stand_in(each)})" for each in asked)
        shown = " ".join(("runbook", "show", *start(name, incident, about)[2:]))
        raise BadInput(f"It needs to know: {lines}.", where=f"runbook {name}", next=f"Try: mlops-tui {shown}")
    _running.resolvable(book, found)
    return book, subject, case_of, found


def meant(session: Session, incident: str, about: str) -> tuple[str, str]:
    """The subject and the incident of a run; the incident says what it is about where nobody else does."""
    found = itself(folds.incidents(session.ledger.entries("incident")), incident) if incident else None
    subject = str(session.declared().subject(about)) if about else found.about if found else ""
    return subject, found.id if found else ""


def fields(project: Project, given: Mapping[str, object]) -> list[Field]:
    """What a form asks for before a runbook begins, of what its text asks for and nobody has said yet."""
    document = project.runbooks.get(str(given.get("name") or ""))
    if document is None:
        return []
    words = given.get("given")
    said = {str(word).partition("=")[0] for word in words} if isinstance(words, (list, tuple)) else set()
    return [Field("set", each.name, each.help, each.default or "", each.of,
                  each.default is None and not each.source and each.type not in ("model", "dataset"),
                  partial(_wrong, project, each))
            for each in _steps.look_through(document)[0].params if each.name not in said]


def _wrong(project: Project, param: Param, value: str) -> str:
    try:
        _params.checked(param, value, project)
    except Refusal as problem:
        return str(problem)
    return ""
