"""A change of a model's file, as a proposal: the text is edited in one place, and read again."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace

import yaml

from mlops_tui import folds
from mlops_tui.declare import parse
from mlops_tui.errors import Unreadable
from mlops_tui.kinds import Model
from mlops_tui.session import Session
from store.facts import Fact, Proposal
from store.ledger import Entry


def with_threshold(text: str, threshold: float, path: str) -> str:
    """The model's file with another threshold and nothing else changed; Unreadable where that cannot be done."""
    before = parse(Model, text, path)
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    pairs = root.value if isinstance(root, yaml.MappingNode) else []
    node = next((value for name, value in pairs if name.value == "threshold"), None)
    if node is not None:
        new = text[:node.start_mark.index] + f"{threshold:g}" + text[node.end_mark.index:]
    else:
        new = f"{text.rstrip()}\nthreshold: {threshold:g}\n"
    try:
        same = parse(Model, new, path) == replace(before, threshold=float(f"{threshold:g}"))
    except Unreadable:
        same = False
    if not same:
        raise Unreadable("The file cannot be edited without disturbing it.", where=path,
                         next=f"Write `threshold: {threshold:g}` there by hand.")
    return new


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
