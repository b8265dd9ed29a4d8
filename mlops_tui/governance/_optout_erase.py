"""Rows of people erased for good: from every snapshot, cache, queue and text, with tombstones that say so."""

from collections.abc import Sequence
from functools import partial

import click

from mlops_tui.capability import Plan, Shut, act
from mlops_tui.errors import BadInput, Conflict
from mlops_tui.governance import _reach as reach
from mlops_tui.governance._erasing import erased, flagged, holds, people_of
from mlops_tui.governance.optout import optout, request_of
from mlops_tui.privacy import kept
from mlops_tui.privacy.requests import Request, requests
from mlops_tui.session import Session
from mlops_tui.view import Action, Column, Facts, Row, Status, Table, Text, View, counted
from store.facts import OptOut
from store.scrubbing import SHORTEST

READY = ("verified", "located", "held", "began", "actioned")  # what was missed is erased again


@act(of=optout)
@click.argument("request", nargs=-1, required=False)
@click.option("--all", "every", is_flag=True, help="All erasures that are verified, in one pass over the files.")
def erase(session: Session, request: tuple[str, ...], every: bool) -> Plan | Shut:
    """Erase the rows of whoever made REQUEST from every snapshot, whatever was made of them, and every text.

    Each file that has some is written anew without them; the old snapshots stay, read what is left, and say what was
    erased, when, and for which request. Kept results and profiles of these datasets go, and are worked out anew when
    somebody asks. Whoever is killed half-way says the same again. A legal hold on one of the datasets refuses it.

    \b
    Example: mlops-tui optout erase OO-1
    """
    asked = _asked(session, request, every)
    ids, people = [each.id for each in asked], people_of(session, asked)
    found = reach.found(session, reach.whole(session).connect(), people)
    if standing := holds(session, found.held):
        said = [f"{each.subject}{f'@{each.snapshot[:12]}' if each.snapshot else ''}: {each.reason}"
                for each in standing]
        why = f"kept by law: {'; '.join(said)}"
        view = View(f"{counted(len(ids), 'request')} refused for now: {counted(len(standing), 'legal hold')}",
                    Status.FAIL, (Facts({"requests": tuple(ids)}), Text(why), Text(
                        "Rows that must be kept are used for nothing else: they are trained on no more.")),
                    (Action("What is held", ("snapshot", "log", standing[0].subject)),))
        return Shut(view, tuple(OptOut(subject=id, event="held", reason=why) for id in ids))
    models = flagged(session, found)
    by_hand = sorted({path for paths in found.outside.values() for path in paths})
    rows: list[Row] = [{"dataset": name, "files": len(files), "rows": found.rows[name]}
                       for name, files in found.held.items()]
    short = [Text("An id of fewer than five characters is not looked for in texts: it is in too many words.")
             ] if any(len(person) < SHORTEST for person in people) else []
    whose = ids[0] if len(ids) == 1 else f"{len(ids)} requests"
    title = f"Erase {counted(sum(found.rows.values()), 'row')} of {whose} from every snapshot"
    plan = View(title, Status.CONFIRM, (
        Facts({"requests": tuple(ids[:20]), "models_trained_on_them": tuple(models), "by_hand": tuple(by_hand[:20])}),
        Table.of("located", rows, "dataset", Column("rows", "rows, in all files"), "files"), *short))
    return Plan(plan, partial(_applied, session, asked, people, models, found), idempotent=True)


def _asked(session: Session, ids: Sequence[str], every: bool) -> list[Request]:
    """The requests that are to be carried out; BadInput, Conflict where one cannot be."""
    if bool(ids) == every:
        raise BadInput("Which requests?", next="Give the ids, or --all.")
    known = requests(session.ledger.entries("optout"), session.declared().zone)
    if every:
        found = [each for each in known.values() if each.right == "erasure" and each.state in READY[:-1]]
        if not found:
            raise BadInput("No erasure waits to be carried out.", next="Try: mlops-tui optout list")
        return found
    found = [known.get(id) or request_of(session, id) for id in dict.fromkeys(ids)]
    for each in found:
        if each.right != "erasure":
            raise BadInput(f"{each.id} asks for {each.right}.", next=f"Try: mlops-tui optout answer {each.id}")
        if each.state not in READY:
            wanted = ": nobody has verified yet that it is the person" if each.state == "received" else ""
            raise Conflict(f"{each.id} is {each.state}{wanted}.", where="nothing was erased",
                           next=f"Try: mlops-tui optout show {each.id}")
    return found


def _applied(session: Session, asked: Sequence[Request], people: Sequence[str], models: Sequence[str],
             found: "reach.Found") -> View:
    """Write down that it begins, do it, write down that it is done."""
    ids = [each.id for each in asked]
    with kept.alone(session):
        _asked(session, ids, every=False)
        detail = {"datasets": list(found.held), "models": list(models), "together": len(ids)}
        session.ledger.append(*(OptOut(subject=id, event="began", detail=detail) for id in ids))
        before = {name for each in asked for name in each.detail.get("datasets", ())}
        done = erased(session, asked, people, [*before, *found.held], found)
        earlier = {name for each in asked for name in each.detail.get("models", ())}
        done = {**done, "models": list(dict.fromkeys([*models, *earlier, *done["models"]]))}
        session.ledger.append(*(OptOut(subject=id, event="actioned", detail=done) for id in ids))
    rows: list[Row] = [{"dataset": name, "rows": count} for name, count in done["rows"].items()]
    facts = Facts({"requests": tuple(ids[:20]), "models_to_train_again": tuple(done["models"]),
                   "by_hand": tuple(done["by_hand"][:20]), **done["texts"],
                   "online_entities": sum(done["online"].values())})
    actions = [Action(f"Train {name} again", ("train", name))
               for name in dict.fromkeys(each.partition("@")[0] for each in done["models"])]
    actions += [Action(f"Put {view} online anew", ("feature", "materialize", view)) for view in done["online"]]
    total = counted(sum(done["rows"].values()), "row")
    return View(f"{total} of {counted(len(people), 'person', 'people')} erased", Status.DONE,
                (facts, Table.of("erased", rows, "dataset", "rows")),
                (Action("Prove that it is gone", ("optout", "attest", ids[0])), *actions[:4]))
