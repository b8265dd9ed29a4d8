"""What is spent of a dataset's privacy budget, kept in the history and decided under its lock, before any noise."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from mlops_tui.analysis.privacy import summed
from mlops_tui.declarations.datasetkeys import Budget
from mlops_tui.errors import Denied
from mlops_tui.roles import Actor
from mlops_tui.session import Session
from store.facts import Fact, Released, Spent

if TYPE_CHECKING:
    from store.ledger import Entry


@dataclass(frozen=True)
class Ask:
    """A private question as the budget sees it: what it costs whom, and the key of its answer."""

    dataset: str
    role: str
    epsilon: float
    delta: float
    query: str
    key: str
    snapshot: str


@dataclass(frozen=True)
class Standing:
    """What was spent so far: of the dataset, and by each role."""

    epsilon: Decimal = Decimal(0)
    delta: Decimal = Decimal(0)
    by_role: Mapping[str, Decimal] = field(default_factory=dict)


def role_of(actor: Actor, budget: Budget, dataset: str) -> str:
    """Whose budget a question costs: of the roles that have one and that the actor holds, the one with the most.

    Empty where the budget is not divided by roles; Denied where none of the actor's has a share.
    """
    held = {role: limit for role, limit in budget.per_role.items() if actor.has(role)}
    if budget.per_role and not held:
        raise Denied(f"{actor.name} has no privacy budget of '{dataset}'.", where="privacy.budget.per_role",
                     next=f"It is for {' and '.join(budget.per_role)}.")
    return max(held, key=lambda role: held[role], default="")


def spent(entries: "Iterable[Entry]", dataset: str, budget: Budget, now: datetime) -> Standing:
    """What counts of the spending entries: all of it, or what lies within the period."""
    counted = [entry.fact for entry in entries if isinstance(entry.fact, Spent) and entry.subject == dataset
               and (budget.period is None or entry.recorded_at > now - budget.period)]
    fresh = [fact for fact in counted if fact.fresh]
    roles = {role: summed(fact.epsilon for fact in counted if fact.role == role)
             for role in dict.fromkeys(fact.role for fact in counted)}
    return Standing(summed(fact.epsilon for fact in fresh), summed(fact.delta for fact in fresh), roles)


def refused(standing: Standing, budget: Budget, ask: Ask, *, fresh: bool) -> str:
    """Why the budget does not allow it, with the arithmetic; nothing where it does."""
    epsilon, delta = summed([ask.epsilon]), summed([ask.delta])
    if fresh and standing.epsilon + epsilon > summed([budget.epsilon]):
        return (f"ε {standing.epsilon:f} of {budget.epsilon:g} is spent on '{ask.dataset}'; {epsilon:f} more would "
                f"make {standing.epsilon + epsilon:f}")
    if fresh and standing.delta + delta > summed([budget.delta]):
        return (f"δ {float(standing.delta):g} of {budget.delta:g} is spent on '{ask.dataset}'; {ask.delta:g} more "
                f"would make {float(standing.delta + delta):g}")
    own = standing.by_role.get(ask.role, Decimal(0))
    if ask.role and own + epsilon > summed([budget.per_role[ask.role]]):
        return (f"ε {own:f} of the {budget.per_role[ask.role]:g} of {ask.role} is spent on '{ask.dataset}'; "
                f"{epsilon:f} more would make {own + epsilon:f}")
    return ""


@dataclass(frozen=True)
class Grant:
    """What came of asking the budget: a reason why not, an answer that exists already, or the right to draw noise."""

    why_not: str = ""
    answer: str = ""
    cost: float = 0.0


def granted(session: Session, ask: Ask, budget: Budget) -> Grant:
    """Check and spend in one transaction. A crash after it has spent for nothing, which is the safe way round.

    The answer that exists to the same question of the same snapshot is told again: whoever's role paid for it once
    pays nothing; another role pays of its own share, the dataset does not.
    """
    found: list[Grant] = []

    def decide(entries: "Sequence[Entry]") -> Iterable[Fact]:
        mine = [entry for entry in entries if entry.kind in ("spent", "released") and entry.subject == ask.dataset]
        answer = next((each.fact.answer for each in mine
                       if isinstance(each.fact, Released) and each.fact.key == ask.key), "")
        paid = any(isinstance(each.fact, Spent) and each.fact.key == ask.key and each.fact.role == ask.role
                   for each in mine)
        if answer and (paid or not ask.role):
            found[:] = [Grant(answer=answer)]
            return ()
        why = refused(spent(mine, ask.dataset, budget, session.now()), budget, ask, fresh=not answer)
        found[:] = [Grant(why_not=why) if why else Grant(answer=answer, cost=ask.epsilon)]
        return () if why else (Spent(subject=ask.dataset, role=ask.role, epsilon=ask.epsilon, query=ask.query,
                                     delta=0.0 if answer else ask.delta, key=ask.key, snapshot=ask.snapshot,
                                     fresh=not answer),)

    session.ledger.transact(decide)
    return found[0]


def released(session: Session, ask: Ask, answer: Mapping[str, Any]) -> None:
    """Keep an answer, so that the same question costs nothing more."""
    digest = session.data().put_object(json.dumps(answer, sort_keys=True).encode())
    session.ledger.append(Released(subject=ask.dataset, key=ask.key, answer=digest))
