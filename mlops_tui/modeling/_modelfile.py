"""Parameters or a threshold written into a model's file: the text is edited in one place, and read again."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from mlops_tui import folds
from mlops_tui.declarations import yamltext
from mlops_tui.declarations.declare import parse
from mlops_tui.declarations.kinds import FitStep, Model
from mlops_tui.declarations.searchspace import pointed, step_of
from mlops_tui.errors import Unreadable
from mlops_tui.session import Session
from store.facts import Fact, Proposal
from store.ledger import Entry


def with_params(text: str, candidate: str, point: Mapping[str, Any], path: str) -> str:
    """The model's file with these parameters of a candidate; all else stays as it was, comments too.

    Unreadable where that cannot be done by editing the text.
    """
    before = parse(Model, text, path)
    declared = before.candidates[candidate]
    places: list[tuple[str | int, ...]] = [("candidates", candidate)]
    new = text
    for name, value in point.items():
        if declared.steps:
            step, name = step_of(len(declared.steps), name)  # noqa: PLW2901 - the step's own name of it
            places = [("candidates", candidate, "steps", step)]
        new = yamltext.changed(new, places[0], name, value)
    made = pointed(asdict(declared), point)
    wanted = replace(declared, params=made["params"], steps=tuple(FitStep(**each) for each in made["steps"]))
    return _checked(new, replace(before, candidates={**before.candidates, candidate: wanted}), path,
                    f"params: {yamltext.flow(dict(point))}")


def with_threshold(text: str, threshold: float, path: str) -> str:
    """The model's file with another threshold and nothing else changed; Unreadable where that cannot be done."""
    before, written = parse(Model, text, path), f"{threshold:g}"
    node = yamltext.value_of(yamltext.root(text), "threshold")
    new = f"{text.rstrip()}\nthreshold: {written}\n" if node is None else \
        text[:node.start_mark.index] + written + text[node.end_mark.index:]
    return _checked(new, replace(before, threshold=float(written)), path, f"threshold: {written}")


def _checked(text: str, wanted: Model, path: str, change: str) -> str:
    """The edited text, if it says what is wanted and nothing else."""
    try:
        same = parse(Model, text, path) == wanted
    except Unreadable:
        same = False
    if not same:
        raise Unreadable("The file cannot be edited without disturbing it.", where=path,
                         next=f"Write `{change}` there by hand.")
    return text


# -- a proposal -----------------------------------------------------------------------------------------------------


def proposed(session: Session, model: str, edited: Callable[[str, str], str], why: str, origin: str) -> Proposal:
    """Append a proposal of the model's file as `edited` (its text, its path) makes it, or find the open one that says
    the same; an open one of the same origin is declined, for this one is newer."""
    path = session.declared().path_of("model", model)
    name, content = f"models/{path.name}", path.read_bytes()
    text, before = edited(content.decode("utf-8"), name), hashlib.sha256(content).hexdigest()
    same = [each for each in folds.proposals(session.ledger.entries("proposal")).values()
            if each.state == "open" and (each.path, each.content, each.before) == (name, text, before)]
    if same:
        return Proposal(subject=same[0].id, event="proposed", path=name, content=text, before=before, why=same[0].why)

    def decided(entries: Sequence[Entry]) -> list[Fact]:
        known = folds.proposals(entries)
        number = folds.next_id("P", known)
        old = [Proposal(subject=each.id, event="declined", reason=f"{number} is newer") for each in known.values()
               if each.state == "open" and each.origin == origin]
        return [*old, Proposal(subject=number, event="proposed", path=name, content=text, before=before, why=why,
                               origin=origin)]

    fact = session.ledger.transact(decided)[-1].fact
    assert isinstance(fact, Proposal)
    return fact
