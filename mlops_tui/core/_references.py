"""Names in declarations that lead nowhere, and times that never come: a monitor without its subject, or its route."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_tui.access.resources import pattern
from mlops_tui.declarations.datasetkeys import LOG_KEYS
from mlops_tui.declarations.declare import part as part_of
from mlops_tui.declarations.declare import place_of
from mlops_tui.errors import BadInput, Unreadable, nearest
from mlops_tui.privacy.subjects import column_of
from mlops_tui.project import Project
from mlops_tui.roles import ROLES, Actor
from mlops_tui.running.cronlines import cron

Declared = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Reference:
    """What is wrong with a name: whose declaration it is, what, where it is written, and the nearest right word."""

    of: str
    what: str
    where: str
    next: str = ""


@dataclass(frozen=True)
class _Written:
    """A declaration and its file, to say where in it something is."""

    project: Project
    kind: str
    name: str

    def wrong(self, what: str, next: str, *keys: str | int) -> Reference:
        return Reference(f"{self.kind} {self.name}", what, place_of(self.project.path_of(self.kind, self.name), *keys),
                         next)

    def known(self, what: str, name: str, known: Iterable[str], *keys: str | int) -> Iterator[Reference]:
        if name not in (found := list(known)):
            yield self.wrong(f"names the {what} '{name}', which is not declared", nearest(name, found), *keys)


def dangling(project: Project, declared: Declared) -> Iterator[Reference]:
    """What is named and not declared; `declared` is what could be read. A file that could not is declared as well."""
    names = {kind: project.names(kind) for kind in ("dataset", "feature", "model", "checklist", "runbook", "endpoint",
                                                    "rotation", "board", "guideline")}
    names["route"] = project.names("route") - {name for name, route in declared["route"].items()
                                               if not route.speaks}
    for name, contract in declared["dataset"].items():
        yield from _logged(_Written(project, "dataset", name), contract, names["model"])
        yield from _whose(_Written(project, "dataset", name), contract)
    yield from _told(project, declared, names)
    for name, model in declared["model"].items():
        yield from _model(_Written(project, "model", name), model, names)
        looked_at = {each.check for each in declared["monitor"].values() if each.subject.partition("@")[0] == name}
        yield from _watch(_Written(project, "model", name), model, looked_at)
    for name, monitor in declared["monitor"].items():
        yield from _monitor(_Written(project, "monitor", name), monitor, names)
    for name, pipeline in declared["pipeline"].items():
        yield from _time(_Written(project, "pipeline", name), pipeline.every)
    for name, endpoint in declared["endpoint"].items():
        yield from _Written(project, "endpoint", name).known("model", endpoint.model.partition("@")[0], names["model"],
                                                             "model")
    for name in declared["impact"]:
        yield from _Written(project, "impact", name).known("model", name, names["model"])
    for name, checklist in declared["checklist"].items():
        yield from _checklist(_Written(project, "checklist", name), checklist)
    for name, board in declared["board"].items():
        yield from _board(_Written(project, "board", name), board, names["guideline"])
    yield from (each for name, policy in declared["access"].items() for number, rule in enumerate(policy.rules)
                for each in _access(_Written(project, "access", name), rule, names, number))
    yield from _team(project)
    yield from _purposes(project, names)


def _purposes(project: Project, names: Mapping[str, set[str]]) -> Iterator[Reference]:
    """What data are processed for names models and datasets."""
    for number, each in enumerate(project.settings.organisation.processing):
        for kind, listed in (("model", each.models), ("dataset", each.datasets)):
            for place, name in enumerate(listed):
                if name not in names[kind]:
                    where = place_of(project.root / "mlops.yaml", "organisation", "processing", number, f"{kind}s",
                                     place)
                    yield Reference("mlops.yaml", f"names the {kind} '{name}', which is not declared", where,
                                    nearest(name, names[kind]))


def _access(written: _Written, rule: Any, names: Mapping[str, set[str]], number: int) -> Iterator[Reference]:
    """Who is nobody, and resources that are nothing: a denial that is misspelt denies nothing."""
    project = written.project
    for place, who in enumerate(rule.who):
        yield from written.known("person or role", who, ("*", *ROLES, *project.team.people), "rules", number, "who",
                                 place)
    nouns = {path.stem.rstrip("_").replace("_", "-") for path in Path(__file__).parent.parent.glob("*/[!_]*.py")}
    known = {**names, "dataset": names["dataset"] | names["model"] | names["feature"] | project.names("pipeline"),
             "command": nouns}
    for place, text in enumerate(rule.resources):
        of = pattern(text)
        stem = re.split(r"[./]", of.name)[0]
        if "*" in of.name:
            continue
        yield from written.known(of.kind, stem if of.kind in ("dataset", "command") else of.name, known[of.kind],
                                 "rules", number, "resources", place)
        contract = project.datasets.get(of.name) if of.kind == "dataset" else None
        if contract is not None and of.column and "*" not in of.column:
            columns = [*(item.name for item in contract.properties), *contract.partition_by]
            yield from written.known("column", of.column, columns, "rules", number, "resources", place)


def _told(project: Project, declared: Declared, names: Mapping[str, set[str]]) -> Iterator[Reference]:
    """What rotations and routes name."""
    for name, rotation in declared["rotation"].items():
        yield from _rotation(_Written(project, "rotation", name), rotation)
    for name, route in declared["route"].items():
        yield from _mailed(_Written(project, "route", name), route, _reached(project, names["rotation"]))


def _rotation(written: _Written, rotation: Any) -> Iterator[Reference]:
    """People that the team lacks; a calendar that is not there."""
    for number, person in enumerate(rotation.people):
        yield from written.known("person", person, written.project.team.people, "people", number)
    beside = written.project.path_of("rotation", written.name).with_name(rotation.calendar or "none")
    if rotation.calendar and not beside.is_file():
        yield written.wrong(f"names the calendar {beside.name}, which is not there",
                            f"Export it to oncall/{beside.name}.", "calendar")


def _board(written: _Written, board: Any, guidelines: set[str]) -> Iterator[Reference]:
    """Members and their delegates who are not in the team, or lack the role; guidelines that are not there."""
    people = written.project.team.people
    for name, member in board.members.items():
        for who, keys in ((name, (name,)), (member.delegate, (name, "delegate"))):
            if who and who not in people:
                yield from written.known("person", who, people, "members", *keys)
            elif who and not Actor(who, frozenset(people[who].roles)).has(member.role):
                yield written.wrong(f"has {who}, who does not hold the role '{member.role}'",
                                    f"Give the role in team.yaml to {who}, or name somebody else.", "members", *keys)
    if board.guidelines:
        yield from written.known("guidelines", board.guidelines, guidelines, "guidelines")


def _mailed(written: _Written, route: Any, reached: Iterable[str]) -> Iterator[Reference]:
    """Who is mailed by name, and can be."""
    for number, word in enumerate(route.to):
        if "@" not in word:
            yield from written.known("person, role or rotation", word, reached, "to", number)


def _reached(project: Project, *besides: Iterable[str]) -> list[str]:
    """Who can be told: roles, people, and what else has a name."""
    return [*ROLES, *project.team.people, *(name for names in besides for name in names)]


def _logged(written: _Written, contract: Any, models: set[str]) -> Iterator[Reference]:
    """The keys of a prediction log, which is of a declared model."""
    path = written.project.path_of("dataset", written.name)
    for place, item in enumerate(contract.customProperties):
        if item.property not in LOG_KEYS:
            continue
        model, _, part = written.name.rpartition(".")
        if part != "predictions":
            yield written.wrong(f"declares {item.property}, which is of the log of a model",
                                "Call the file MODEL.predictions.yaml.", "customProperties", place)
        elif model not in models:
            yield written.wrong(f"is the log of '{model}', which is not declared", nearest(model, models),
                                "customProperties", place)
        try:
            part_of(LOG_KEYS[item.property], path, "customProperties", place, "value")
        except Unreadable as problem:
            yield from (Reference(f"dataset {written.name}", each.what, each.where, each.next)
                        for each in (problem, *problem.also))


def _whose(written: _Written, contract: Any) -> Iterator[Reference]:
    """The column that names the person a row is about: one of the contract's own."""
    column, known = column_of(contract), [item.name for item in contract.properties]
    if column is not None and column not in known:
        place = [item.property for item in contract.customProperties].index("dataSubject")
        yield written.wrong(f"names the dataSubject '{column}', which is none of its columns", nearest(column, known),
                            "customProperties", place)


def _model(written: _Written, model: Any, names: Mapping[str, set[str]]) -> Iterator[Reference]:
    yield from written.known("dataset", model.label.dataset, names["dataset"], "label", "dataset")
    for number, feature in enumerate(model.features):
        yield from written.known("feature", feature, names["feature"], "features", number)
    if model.board:
        yield from written.known("board", model.board, names["board"], "board")
    if "checklist" in model.gate:
        yield from written.known("checklist", model.checklist, names["checklist"], "checklist")


def _watch(written: _Written, model: Any, looked_at: set[str]) -> Iterator[Reference]:
    """Checks that a watch waits for and that no monitor of the model makes."""
    for check in model.watch.rollback_if if model.watch is not None else ():
        made = "traffic" if check == "errors" else check
        if made not in looked_at:
            yield written.wrong(f"is watched by {check}, which no monitor looks at: it stays unknown", "Declare a "
                                f"monitor with check: {made} and this subject.", "watch", "rollback_if", check)


def _monitor(written: _Written, monitor: Any, names: Mapping[str, set[str]]) -> Iterator[Reference]:
    what, of = ("model or endpoint", names["model"] | names["endpoint"]) if monitor.check == "traffic" else (
        "model or dataset", names["model"] | names["dataset"])
    yield from written.known(what, monitor.subject, of, "subject")
    yield from _time(written, monitor.every)
    if monitor.alert is None:
        return
    if monitor.alert.runbook:
        yield from written.known("runbook", monitor.alert.runbook, names["runbook"], "alert", "runbook")
    reached, what = _reached(written.project, names["rotation"], names["route"]), "person, role, rotation or route"
    if monitor.alert.route:
        yield from written.known(what, monitor.alert.route, reached, "alert", "route")
    for number, step in enumerate(monitor.alert.escalate):
        yield from written.known(what, step.to, reached, "alert", "escalate", number, "to")


def _time(written: _Written, every: str) -> Iterator[Reference]:
    if every:
        try:
            cron(every, written.project.zone)
        except BadInput as problem:
            yield written.wrong(problem.what, problem.next, "every")


def _checklist(written: _Written, checklist: Any) -> Iterator[Reference]:
    seen: set[str] = set()
    for number, item in enumerate(checklist.items):
        if item.sign_off:
            yield from written.known("role", item.sign_off, ROLES, "items", number, "sign_off")
        if item.id in seen:
            yield written.wrong(f"has the item '{item.id}' twice", "Each id once.", "items", number, "id")
        seen.add(item.id)


def _bounds(project: Project, team: Path) -> Iterator[Reference]:
    """People who are bound to partitions that nothing has: they see nothing at all."""
    keys = {key for contract in project.datasets.values() for key in contract.partition_by}
    for name, person in project.team.people.items():
        for key in person.only:
            if key not in keys:
                yield Reference(f"team.yaml, {name}", f"is bound by '{key}', by which no dataset is partitioned",
                                place_of(team, "people", name, "only", key), nearest(key, keys))


def _team(project: Project) -> Iterator[Reference]:
    """Roles that are none, and one person under two names, who could vote twice."""
    people, team, settings = project.team.people, project.root / "team.yaml", project.root / "mlops.yaml"
    for name, person in people.items():
        for number, role in enumerate(person.roles):
            if role not in ROLES:
                yield Reference(f"team.yaml, {name}", f"names the role '{role}', which is not declared",
                                place_of(team, "people", name, "roles", number), nearest(role, ROLES))
    yield from _bounds(project, team)
    for key, what in (("login", "login"), ("slack", "Slack account"), ("email", "mail address"),
                      ("pagerduty", "PagerDuty user")):
        owners: dict[str, str] = {}
        for name, person in people.items():
            if (value := getattr(person, key)) and owners.setdefault(value, name) != name:
                yield Reference("team.yaml", f"has the {what} '{value}' twice", place_of(team, "people", name, key),
                                "Each id once.")
    rules = project.settings.approvals
    able = sum(rules.role in person.roles for person in people.values())
    if people and rules.quorum > able:
        said = f"asks for {rules.quorum} votes of role '{rules.role}', which {able} in team.yaml hold"
        yield Reference("mlops.yaml", said, place_of(settings, "approvals"),
                        "Name more people, or lower approvals: quorum.")
