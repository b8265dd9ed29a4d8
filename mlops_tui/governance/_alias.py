"""The registry's alias of the version that serves: it follows the history, and is repaired where it could not."""

from mlops_tui.assurance.deployments import seen_at
from mlops_tui.errors import Refusal
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Facts, Status, Text, View
from store.facts import Deployment

ALIAS = "champion"


def followed(session: Session, name: str, version: str, title: str) -> View:
    """Let the registry's alias follow the history; where it cannot, the promotion stands and a rerun repairs it."""
    facts: dict[str, Cell] = {"model": name, "champion": version, "alias": ALIAS}
    try:
        session.tracking().alias(name, ALIAS, version)
        if seen_at(session.ledger.entries("deployment", subject=name), name) != version:
            session.ledger.append(Deployment(subject=name, event="followed", version=version))
    except Refusal as problem:
        said = Text(f"The alias '{ALIAS}' in the registry does not follow yet: {problem.what} Promote it again, once "
                    "the registry answers; nothing else will be repeated.")
        return View(title, Status.WARN, (Facts({**facts, "alias_set": False}), said),
                    (Action("Set the alias", ("promote", f"{name}@{version}")),))
    return View(title, Status.DONE, (Facts({**facts, "alias_set": True}),),
                (Action("Watch it", ("status",)), Action("Go back", ("promote", "--rollback", name))))
