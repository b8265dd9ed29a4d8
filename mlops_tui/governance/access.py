"""Who may do what with which data, models, endpoints and commands, why, and until when."""

from collections.abc import Iterator, Sequence

import click

from mlops_tui import folds
from mlops_tui.access import Decision, Policy, Request, Rule, decide, doors
from mlops_tui.access.grants import Grant, grants
from mlops_tui.access.resources import Resource, resource
from mlops_tui.access.seeing import bounds
from mlops_tui.capability import look, noun
from mlops_tui.declarations.accessrules import ACTIONS, Action
from mlops_tui.declarations.declare import place_of
from mlops_tui.errors import BadInput, NotDeclared, nearest
from mlops_tui.roles import ROLES, Actor, Shape, bound_to
from mlops_tui.session import Session
from mlops_tui.view import Action as Step
from mlops_tui.view import Cell, Column, Facts, Part, Row, Status, Table, Text, View, counted

access = noun("access", __doc__ or "", bare="show", package="mlops_tui.governance")
FITS = 5  # people beside each other in 80 columns
NOTHING, SOME, EVERYTHING = "–", "some", "all"
SINGLE = "Nobody has a login of his own: roles are advisory, and whoever uses this machine has all of them."
FILES = "Whoever can read the project's files reads the lake without asking: this binds who comes through a command."


@look(of=access)
@click.argument("who")
@click.argument("action", type=click.Choice([each for each in ACTIONS if each != "*"]))
@click.argument("resource", metavar="RESOURCE")
@click.option("--purpose", default="", help="What for; the command says it where there is one.")
def can(session: Session, who: str, action: Action, resource: str, purpose: str) -> View:
    """Whether WHO, a person or a role, may do it, and which line of which file says so.

    RESOURCE is dataset/NAME[/partition/KEY=VALUE][/column/NAME], model/NAME, endpoint/NAME or command/NOUN[/VERB].

    \b
    Example: mlops-tui access can vera read dataset/flights/column/late
             mlops-tui access can engineer run command/promote
    """
    session.declared()
    of = declared(session, resource)
    purpose = purpose or doors.purpose_of(of.name.replace("/", " ") if of.kind == "command" else "")
    asked = Request(person(session, who), action, of, session.clock(), purpose)
    besides = _by_role(session, of) if action == "run" else ()
    policy = session.policy()
    decision = decide(policy, asked, besides)
    rows: list[Row] = [told(session, rule, asked, decision) for rule in (*besides, *policy.about(action, of))
                       if rule.holds_for(asked.actor) and _touches(rule, of)]
    facts: dict[str, Cell] = {"who": who, "roles": tuple(sorted(asked.actor.roles)), "action": action,
                              "resource": str(of), "purpose": purpose, "allowed": decision.allowed,
                              "why": decision.why, "where": place(session, decision.by) if decision.by else None}
    parts: tuple[Part, ...] = (Facts(facts), Table.of("rules", rows, "counts", "effect", "who", "resource", "where",
                                                      "until", "reason"))
    said = "may" if decision.allowed else "may see no values of" if decision.masked else "may not"
    title = f"{who} {said} {'' if decision.masked else f'{action} '}{of}"
    part = _in_part(session, asked) if decision.allowed and of.kind == "dataset" and of.column is None else ""
    notes = [Text(each) for each in (part, SINGLE if session.single_user else "") if each]
    return View(f"{title}{', in part' if part else ''}", Status.PASS if decision.allowed else Status.FAIL,
                (*parts, *notes), _steps(session, asked, decision))


def _steps(session: Session, asked: Request, decision: Decision) -> tuple[Step, ...]:
    show = Step(f"What {asked.actor.name} may besides", ("access", "show", asked.actor.name))
    stays = decision.by is not None  # what a rule denies or masks stays so, whatever is granted
    if decision.allowed or stays or not session.declared().access:
        return (show,)
    words = ("access", "grant", asked.actor.name, asked.action, str(asked.resource))
    return Step("Grant it for a time", words, asks=("until", "reason")), show


def _touches(rule: Rule, of: Resource) -> bool:
    """Whether a rule is about the thing that is asked for, or a part of it."""
    whole = Resource(of.kind, of.name, of.column, of.partition, of.derived)
    return rule.pattern.covers(whole, sure=True) or rule.pattern.covers(whole, sure=False)


def told(session: Session, rule: Rule, asked: Request, decision: Decision) -> Row:
    """A rule as a row: what it says, where, and whether it is the one that counts."""
    pattern = rule.pattern
    unless = f" but {', '.join(f'{key}={chr(124).join(values)}' for key, values in pattern.unless)}" \
        if pattern.unless else ""
    parts = "".join(f"/partition/{key}={value}" for key, value in pattern.partition)
    column = f"/column/{pattern.column}" if pattern.column else ""
    counts = "counts" if rule is decision.by else "holds" if rule.holds(asked) else "not now"
    return {"counts": counts, "effect": rule.effect, "who": ", ".join(sorted(rule.who)),
            "resource": f"{pattern.kind}/{pattern.name}{parts}{column}{unless}", "where": place(session, rule),
            "until": rule.until, "reason": rule.reason,
            "purposes": tuple(sorted(rule.purposes))}


def place(session: Session, rule: Rule) -> str:
    """File and line of a rule, or where else it stands."""
    path = session.declared().root / rule.where
    return place_of(path, *rule.keys).replace(str(path), rule.where) if rule.keys and path.is_file() else rule.where


def _in_part(session: Session, asked: Request) -> str:
    """What is kept back of a dataset that somebody may read."""
    schema = {asked.resource.name: columns_of(session, asked.resource.name)}
    found = bounds(session.policy(), asked, schema)
    kept = [f"the values of {', '.join(sorted(found.columns))}"] if found.cells else []
    kept += ["some of its parts"] if found.parts else []
    return f"Kept back: {' and '.join(kept)}." if kept else ""


def columns_of(session: Session, dataset: str) -> tuple[str, ...]:
    """The columns of a declared dataset, those of its partitions with them."""
    contract = session.declared().datasets.get(dataset)
    return () if contract is None else tuple(dict.fromkeys(
        (*(item.name for item in contract.properties), *contract.partition_by)))


def person(session: Session, who: str) -> Actor:
    """A person of team.yaml, or anybody who holds just that role; NotDeclared says who there is."""
    people = session.declared().team.people
    if who in people:
        return Actor(who, frozenset(people[who].roles) & frozenset(ROLES), session.actor.source, people[who].simulated)
    if who in ROLES:
        return Actor(f"any {who}", frozenset({who}), session.actor.source)
    if who == session.actor.name:
        return session.actor
    raise NotDeclared(f"Nobody is called '{who}', and no role.", where="team.yaml",
                      next=nearest(who, (*people, *ROLES)) or f"People: {', '.join(people)}.")


def declared(session: Session, text: str) -> Resource:
    """The resource of that name, whose dataset, model or endpoint is declared; NotDeclared says the nearest name."""
    found, project = resource(text), session.declared()
    if found.kind == "dataset":
        if found.name.partition(".")[0] not in {*project.datasets, *project.models, *project.pipelines}:
            project.dataset(found.name)
        known = columns_of(session, found.name)
        if found.column is not None and known and found.column not in known:
            raise NotDeclared(f"'{found.name}' has no column '{found.column}'.", where=f"datasets/{found.name}.yaml",
                              next=nearest(found.column, known) or f"Columns: {', '.join(known)}.")
        return Resource("dataset", found.name, found.column, found.partition, found.name not in project.datasets)
    if found.kind in ("model", "endpoint"):
        project.one(found.kind, found.name)
    else:
        _shape(session, found)
    return found


def _shape(session: Session, of: Resource) -> Shape:
    outcome = session.perform(tuple(of.name.split("/")), parse_only=True)
    if outcome.error is not None:
        raise BadInput(outcome.error["what"], next=outcome.error["next"])
    return Shape(str(outcome.view.facts().get("shape") or Shape.LOOK))


def _by_role(session: Session, of: Resource) -> tuple[Rule, ...]:
    """What the table of roles says of a command."""
    return (doors.standing(of.name.replace("/", " "), _shape(session, of)),) if of.kind == "command" else ()


# -- the lattice ------------------------------------------------------------------------------------------------


@look(of=access)
@click.argument("who", required=False)
def show(session: Session, who: str | None) -> View:
    """Who may read, load and call what; with WHO, a person or a role, what is kept back, and what was granted.

    \b
    Example: mlops-tui access show
             mlops-tui access show vera
    """
    session.declared()
    return _of_one(session, who) if who is not None else _lattice(session)


def _resources(session: Session) -> Iterator[tuple[str, Resource]]:
    project = session.declared()
    yield from (("read", Resource("dataset", name)) for name in project.datasets)
    yield from (("load", Resource("model", name)) for name in project.models)
    yield from (("call", Resource("endpoint", name)) for name in project.endpoints)


def _cell(session: Session, policy: Policy, actor: Actor, action: str, of: Resource) -> tuple[str, str]:
    """How much of a resource somebody may have, in a word, and what is kept back."""
    asked = Request(actor, action, of, session.clock(), doors.USUAL)
    if not decide(policy, asked).allowed:
        return NOTHING, decide(policy, asked).why
    kept = _in_part(session, asked) if of.kind == "dataset" else ""
    return (SOME, kept) if kept else (EVERYTHING, "")


def _lattice(session: Session) -> View:
    project, policy = session.declared(), session.policy()
    people = [person(session, name) for name in project.team.people] or [person(session, session.actor.name)]
    rows: list[Row] = []
    for action, of in _resources(session):
        cells = {actor.name: _cell(session, policy, actor, action, of)[0] for actor in people}
        rows.append({"resource": str(of), "action": action, **cells})
    shown = people[:FITS]
    table = Table.of("lattice", rows, "resource", "action", *(Column(actor.name) for actor in shown))
    closed = sum(value == NOTHING for row in rows for value in row.values())
    part = sum(value == SOME for row in rows for value in row.values())
    title = f"{closed} of {len(rows) * len(people)} ways to read, load or call are shut, {part} open in part" \
        if project.access else "No access policy is declared: whoever is let in may read everything"
    more = [f"Beside them: {', '.join(actor.name for actor in people[FITS:])}."] if len(people) > FITS else []
    given = [each for each in grants(session.ledger.rights()).values() if each.holds(session.clock())]
    notes = [*more, *([SINGLE] if session.single_user else []), FILES]
    return View(title, Status.DONE, (Facts({"policies": tuple(project.access), "people": len(people),
                                            "grants_open": len(given)}), table, *granted_table(session, given),
                                     *map(Text, notes)),
                tuple(Step(f"What {actor.name} may", ("access", "show", actor.name)) for actor in shown[:3]))


def given(session: Session, name: str) -> Grant:
    """The grant of that id; NotFound says which there are."""
    return folds.known(grants(session.ledger.rights()), name, "grant", "access review")


def granted_table(session: Session, given: Sequence[Grant]) -> tuple[Table, ...]:
    """Grants as a table; none where there is none."""
    rows: list[Row] = [{"grant": each.id, "state": each.state(session.clock()), "who": each.who, "action": each.action,
                        "resource": each.resource, "purpose": each.purpose or None, "until": each.ends, "by": each.by,
                        "reason": each.reason, "glass": each.glass, "entry": each.entry} for each in given]
    return (Table.of("grants", rows, "grant", "state", "who", "action", "resource", "until", "by", "reason",
                     title="Grants"),) if rows else ()


def _of_one(session: Session, who: str) -> View:
    actor, policy, project = person(session, who), session.policy(), session.declared()
    rows: list[Row] = []
    for action, of in _resources(session):
        much, why = _cell(session, policy, actor, action, of)
        rows.append({"resource": str(of), "action": action, "may": much, "kept_back": why})
    shut = sum(row["may"] == NOTHING for row in rows)
    part = sum(row["may"] == SOME for row in rows)
    given = [each for each in grants(session.ledger.rights()).values() if each.who in (who, *actor.roles)]
    only = project.team.people[who].only if who in project.team.people else {}
    facts: dict[str, Cell] = {"who": who, "roles": tuple(sorted(actor.roles)), "shut": shut, "in_part": part,
                              **({"bound_to": bound_to(only)} if only else {})}
    said = f"{who} may have all of {counted(len(rows), 'resource')}" if not shut + part else \
        f"{who} may have {len(rows) - shut - part} of {counted(len(rows), 'resource')} whole, {part} in part"
    notes = [Text(SINGLE)] if session.single_user else []
    return View(said, Status.DONE, (Facts(facts), Table.of("may", rows, "resource", "action", "may", "kept_back"),
                                    *granted_table(session, given), *notes),
                (Step("Why", ("access", "can", who, "read", str(rows[0]["resource"]))),) if rows else ())
