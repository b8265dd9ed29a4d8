"""Which commands somebody may run: what the shape asks for, and what is declared besides."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from mlops_tui.access.policy import Policy, Request, Rule, decide
from mlops_tui.access.resources import Pattern, Resource
from mlops_tui.access.seeing import Bounds
from mlops_tui.errors import Denied
from mlops_tui.roles import BOUND, NARROWED, Actor, Shape, allowed_roles, bound_to

PURPOSES = {"train": "training", "tune": "training", "evaluate": "evaluation", "compare": "evaluation",
            "drift": "monitoring", "health": "monitoring", "performance": "monitoring", "calibration": "monitoring",
            "stability": "monitoring", "bias": "audit", "audit": "audit"}
USUAL = "analysis"


def purpose_of(command: str, outer: str = USUAL) -> str:
    """What a command uses data for: the words say it, not who types them. One that another runs serves its purpose,
    unless it has one of its own."""
    return PURPOSES.get(command.split(" ")[0], outer)


def standing(command: str, shape: Shape) -> Rule:
    """The rule that the table of roles is for a command."""
    return Rule("allow", frozenset(allowed_roles(command, shape)), "run", _named(command), where="roles",
                said=f"allowed to every {' or '.join(allowed_roles(command, shape))}")


def _named(command: str) -> Pattern:
    return Pattern("command", command.replace(" ", "/"))


def check(policy: Policy, actor: Actor, command: str, shape: Shape, now: datetime) -> None:
    """Refuse an actor who holds none of the roles that may run the command and to whom it is not granted, or to whom it
    is denied."""
    wanted = Resource("command", command.replace(" ", "/"))
    decision = decide(policy, Request(actor, "run", wanted, now, purpose_of(command)), (standing(command, shape),))
    if decision.allowed:
        return
    held = ", ".join(sorted(actor.roles)) or "no role"
    if decision.by is not None:
        raise Denied(f"{actor.name} ({held}) may not run '{command}': {decision.why}", where=decision.by.where,
                     next=f"Try: mlops-tui access can {actor.name} run {wanted}")
    raise Denied(f"{actor.name} ({held}) may not run '{command}'", where="roles",
                 next=f"Ask somebody who is {' or '.join(allowed_roles(command, shape))}.")


def keep_within(actor: Actor, command: str, only: Mapping[str, Sequence[str]], bounds: Bounds) -> None:
    """Refuse a command that shows or changes what is made of what the actor may not see."""
    if command in BOUND:
        return
    if only:
        raise Denied(f"{actor.name} is bound to {bound_to(only)}; '{command}' shows or changes what is made of all.",
                     where="team.yaml, only", next=f"These keep to it: {', '.join(sorted(BOUND))}.")
    noun = command.split(" ")[0]
    if bounds.parts or (bounds and noun not in NARROWED and command not in NARROWED):
        kept = BOUND if bounds.parts else BOUND | NARROWED
        what = "parts of data" if bounds.parts else _some(bounds)
        raise Denied(f"{actor.name} may not see {what}; '{command}' shows or changes what is made of all.",
                     where="access/", next=f"These keep to it: {', '.join(sorted(kept))}.")


def _some(bounds: Bounds) -> str:
    names = sorted((*bounds.columns, *bounds.datasets))
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
