"""The one evaluator: a policy and a request in, a decision with its reason out. Denials override, unknown is denied."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Literal

from mlops_tui.access.resources import Pattern, Resource
from mlops_tui.roles import LADDER, ROLES, Actor

Effect = Literal["allow", "mask", "deny", "glass"]
EVERYBODY = "*"
REMEMBERED = 512  # people whose rules are kept together


@dataclass(frozen=True)
class Rule:
    """Who may, or may not, do something with something.

    `glass` is an allowance that overrides denials, for which somebody answers; a `firm` denial or mask it does not.
    `since`, `until`: outside of these it says nothing. `elsewhere`: it is about who does not come through one of these
    doors. `where`: the file, or the entry, that says so; `keys` lead to the place in the file.
    """

    effect: Effect
    who: frozenset[str]
    action: str
    pattern: Pattern
    where: str = ""
    purposes: frozenset[str] = frozenset()
    until: datetime | None = None
    since: datetime | None = None
    elsewhere: frozenset[str] = frozenset()
    firm: bool = False
    reason: str = ""
    said: str = ""
    keys: tuple[str | int, ...] = ()

    def holds_for(self, actor: Actor) -> bool:
        """Whether the actor is meant: by name, or by role. What is allowed to a rung is allowed to the higher ones."""
        if EVERYBODY in self.who or (actor.name in self.who and actor.name not in ROLES):
            return True
        roles = reached(actor.roles) if self.effect in ("allow", "glass") else actor.roles
        return not roles.isdisjoint(self.who)

    def stands(self, asked: "Request") -> bool:
        """Whether it stands at the time of the request, for its purpose and through its door."""
        return ((self.until is None or asked.now < self.until) and (self.since is None or self.since <= asked.now)
                and (not self.purposes or asked.purpose in self.purposes) and asked.actor.source not in self.elsewhere)

    def holds(self, asked: "Request") -> bool:
        """Whether it says something of the request."""
        return self.holds_for(asked.actor) and self.stands(asked) and self.covers(asked.resource)

    def covers(self, asked: Resource) -> bool:
        """Whether it is about the resource: surely, where it allows something; else it is enough that it may be."""
        return self.pattern.covers(asked, sure=self.effect in ("allow", "glass"))


def reached(roles: frozenset[str]) -> frozenset[str]:
    """The roles with the lower rungs of the ladder that they hold.

    >>> sorted(reached(frozenset({"operator", "legal"})))
    ['legal', 'operator', 'viewer']
    """
    highest = max((LADDER.index(each) for each in roles if each in LADDER), default=-1)
    return roles | frozenset(LADDER[:highest + 1])


@dataclass(frozen=True)
class Request:
    """Who wants to do what with which resource, what for, and when.

    `author`: whose work it is, where somebody judges it: nobody judges his own.
    """

    actor: Actor
    action: str
    resource: Resource
    now: datetime
    purpose: str = ""
    author: str = ""


@dataclass(frozen=True)
class Decision:
    """Whether it is allowed, by which rule, and why in words. `masked`: the column is there, and its values are not."""

    allowed: bool
    by: Rule | None
    why: str
    masked: bool = False


@dataclass(frozen=True)
class Policy:
    """All rules at once, in the order they were declared. They are found by action and kind, and by name where it has
    no `*`."""

    rules: tuple[Rule, ...] = ()

    @cached_property
    def _by_name(self) -> Mapping[tuple[str, str, str], tuple[Rule, ...]]:
        found: dict[tuple[str, str, str], list[Rule]] = {}
        for rule in self.rules:
            first = "" if "*" in rule.pattern.name else _stem(rule.pattern.name)
            found.setdefault((rule.action, rule.pattern.kind, first), []).append(rule)
        return {key: tuple(rules) for key, rules in found.items()}

    @cached_property
    def _narrow(self) -> Mapping[tuple[str, str], tuple[Rule, ...]]:
        """Rules about parts, of any dataset: a dataset without a contract asks all of them."""
        found: dict[tuple[str, str], list[Rule]] = {}
        for rule in self.rules:
            if rule.pattern.narrow:
                found.setdefault((rule.action, rule.pattern.kind), []).append(rule)
        return {key: tuple(rules) for key, rules in found.items()}

    def beside(self, others: Iterable[Rule]) -> "Policy":
        """The same with other rules before its own."""
        first = tuple(others)
        return Policy((*first, *self.rules)) if first else self

    def of(self, actor: Actor) -> "Policy":
        """The rules that are for this actor; they are looked out once, since one person asks many times."""
        key = (actor.name, actor.roles)
        if key not in self._of:
            if len(self._of) >= REMEMBERED:
                self._of.clear()
            self._of[key] = Policy(tuple(rule for rule in self.rules if rule.holds_for(actor)))
        return self._of[key]

    @cached_property
    def _of(self) -> dict[tuple[str, frozenset[str]], "Policy"]:
        return {}

    def about(self, action: str, asked: Resource) -> Iterable[Rule]:
        """The rules that may say something of an action on a resource."""
        for each in (action, "*"):
            yield from self._by_name.get((each, asked.kind, _stem(asked.name)), ())
            yield from self._by_name.get((each, asked.kind, ""), ())
            if asked.derived:
                yield from self._narrow.get((each, asked.kind), ())


def _stem(name: str) -> str:
    """The first word of a name, by which rules are found: of `incident/resolve`, `incident`."""
    return name.replace("/", ".").partition(".")[0]


def decide(policy: Policy, asked: Request, besides: Iterable[Rule] = ()) -> Decision:
    """Whether the request is allowed.

    Nobody judges his own work. A denial overrides a mask, a mask an allowance; a broken glass overrides both, unless
    they are firm. What no rule allows is denied. `besides`: rules that are not of the policy, such as what the shape of
    a command says.
    """
    if asked.author and asked.author == asked.actor.name:
        return Decision(False, None, f"{asked.author} did it, and nobody judges his own work")
    found: dict[tuple[Effect, bool], Rule] = {}
    mine = policy.of(asked.actor).about(asked.action, asked.resource)
    for rule in (*(each for each in besides if each.holds_for(asked.actor)), *mine):
        if (rule.effect, rule.firm) not in found and rule.stands(asked) and rule.covers(asked.resource):
            found[rule.effect, rule.firm] = rule
    glass = found.get(("glass", False))
    allowed = glass or found.get(("allow", False))
    denied = found.get(("deny", True)) or (None if glass else found.get(("deny", False)))
    masked = found.get(("mask", True)) or (None if glass else found.get(("mask", False)))
    if denied is not None:
        return Decision(False, denied, explained(denied))
    if allowed is None:
        said = f"no rule allows {asked.actor.name} to {asked.action} {asked.resource}"
        wanted = sorted({each for rule in policy.about(asked.action, asked.resource) for each in rule.purposes
                         if rule.effect != "deny" and rule.holds(replace(asked, purpose=each))})
        return Decision(False, None, said + (f" but for {', '.join(wanted)}" if wanted else ""))
    by = masked or allowed
    return Decision(masked is None, by, explained(by), masked is not None)


def explained(rule: Rule) -> str:
    """What a rule says, and where."""
    verb = {"allow": "allowed", "glass": "allowed while the glass is broken", "mask": "masked", "deny": "denied"}
    said = rule.said or verb[rule.effect]
    return said + (f" by {rule.where}" if rule.where else "") + (f": {rule.reason}" if rule.reason else "")


def may_call(policy: Policy, actor: Actor, endpoint: str, now: datetime, purpose: str = "") -> Decision:
    """Whether the actor may ask an endpoint for predictions: what a server asks before it answers."""
    return decide(policy, Request(actor, "call", Resource("endpoint", endpoint), now, purpose))
