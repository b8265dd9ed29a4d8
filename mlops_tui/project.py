"""The project folder, read into frozen declarations; the file stem is the id."""

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property, partial
from importlib.resources import files
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import yaml

from mlops_tui.declarations import declare, kinds
from mlops_tui.declarations.accessrules import AccessPolicy
from mlops_tui.declarations.boards import Board, Guidelines
from mlops_tui.declarations.endpoints import Endpoint
from mlops_tui.declarations.impacts import Impact
from mlops_tui.declarations.marker import MARKER
from mlops_tui.declarations.odcs import Contract
from mlops_tui.declarations.rotations import Rotation
from mlops_tui.declarations.routes import Route
from mlops_tui.errors import BadInput, NotDeclared, Refusal, Unreadable, nearest
from mlops_tui.quality.partitions import as_it_lies

FOLDERS = {"dataset": "datasets", "feature": "features", "pipeline": "pipelines", "model": "models",
           "monitor": "monitors", "checklist": "checklists", "endpoint": "endpoints", "decision": "decisions",
           "runbook": "runbooks", "route": "routes", "rotation": "oncall", "board": "boards",
           "guideline": "guidelines", "impact": "impact", "access": "access"}
ABOUT = ("impact", "access")  # kinds that are named as what they are about, or are no subject of anything


@dataclass(frozen=True)
class Subject:
    """`[kind/]name[@version]`, resolved to what is declared."""

    kind: str
    name: str
    version: str = ""

    def __str__(self) -> str:
        return f"{self.name}@{self.version}" if self.version else self.name


class Project:
    """What a folder declares. Each kind is read when it is first asked for."""

    def __init__(self, root: Path) -> None:
        self.root = root
        if not (root / MARKER).is_file():
            raise NotDeclared(f"No project in {root}.", next="Try: mlops-tui init")

    @cached_property
    def settings(self) -> kinds.Settings:
        return declare.read(kinds.Settings, self.root / MARKER)

    @cached_property
    def zone(self) -> ZoneInfo:
        try:
            return ZoneInfo(self.settings.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as problem:  # a folder of zones is an OSError
            hint = nearest(self.settings.timezone, available_timezones())
            raise BadInput(f"'{self.settings.timezone}' is not a time zone.", where=str(self.root / MARKER),
                           next=hint or "Use a name such as America/New_York.") from problem

    @cached_property
    def team(self) -> kinds.Team:
        path = self.root / "team.yaml"
        return declare.read(kinds.Team, path) if path.is_file() else kinds.Team()

    @cached_property
    def datasets(self) -> dict[str, Contract]:
        return self._read("dataset")

    @cached_property
    def pipelines(self) -> dict[str, kinds.Pipeline]:
        return self._read("pipeline")

    @cached_property
    def models(self) -> dict[str, kinds.Model]:
        return self._read("model")

    @cached_property
    def monitors(self) -> dict[str, kinds.Monitor]:
        return self._read("monitor")

    def with_monitors(self, monitors: Mapping[str, kinds.Monitor]) -> "Project":
        """The same project, had it declared these monitors."""
        other = copy(self)
        other.__dict__["monitors"] = dict(monitors)
        return other

    @cached_property
    def checklists(self) -> dict[str, kinds.Checklist]:
        return self._read("checklist")

    @cached_property
    def endpoints(self) -> dict[str, Endpoint]:
        return self._read("endpoint")

    @cached_property
    def routes(self) -> dict[str, Route]:
        return self._read("route")

    @cached_property
    def oncall(self) -> dict[str, Rotation]:
        return self._read("rotation")

    @cached_property
    def boards(self) -> dict[str, Board]:
        return self._read("board")

    @cached_property
    def guidelines(self) -> dict[str, Guidelines]:
        return self._read("guideline")

    @cached_property
    def impact(self) -> dict[str, Impact]:
        return self._read("impact")

    @cached_property
    def access(self) -> dict[str, AccessPolicy]:
        return self._read("access")

    @cached_property
    def features(self) -> dict[str, kinds.Feature]:
        return self._read("feature")

    @cached_property
    def decisions(self) -> dict[str, kinds.Document]:
        return self._read("decision")

    @cached_property
    def runbooks(self) -> dict[str, kinds.Document]:
        """The shipped runbooks, and the project's own, which win."""
        return self._read("runbook")

    def readable(self) -> "tuple[Project, tuple[Refusal, ...]]":
        """The same project without the declarations that cannot be read, and what is wrong with each of those."""
        other, wrong = copy(self), list[Refusal]()
        for kind, folder in FOLDERS.items():
            try:
                getattr(self, folder)
            except Refusal:
                found = dict(self._shipped(kind))
                for path in self._paths(kind):
                    try:
                        found[path.stem] = self._one(kind, path)
                    except Refusal as problem:
                        wrong.append(problem)
                other.__dict__[folder] = found
        return other, tuple(wrong)

    def _paths(self, kind: str) -> list[Path]:
        return sorted((self.root / FOLDERS[kind]).glob(f"*.{READERS[kind][0]}"))

    def _read(self, kind: str) -> dict[str, Any]:
        return {**dict(self._shipped(kind)), **{path.stem: self._one(kind, path) for path in self._paths(kind)}}

    def _shipped(self, kind: str) -> Iterator[tuple[str, Any]]:
        for item in files("runbooks").iterdir() if kind == "runbook" else ():
            if item.name.endswith(".md"):
                yield Path(str(item)).stem, read_document(Path(str(item)))

    def _one(self, kind: str, path: Path) -> Any:
        found = READERS[kind][1](path)
        return as_it_lies(found, self.root) if kind == "dataset" else found

    def every(self, kind: str) -> Mapping[str, Any]:
        """All declarations of a kind by name."""
        declared: Mapping[str, Any] = getattr(self, FOLDERS[kind])
        return declared

    def names(self, kind: str) -> set[str]:
        """What is declared of a kind, whether or not its file can be read."""
        own = {path.stem for path in self._paths(kind)}
        return own | {Path(str(item)).stem for item in files("runbooks").iterdir()} if kind == "runbook" else own

    def one(self, kind: str, name: str) -> Any:
        """The declaration of that name; NotDeclared says which folder and the nearest name."""
        known = self.every(kind)
        if name not in known:
            hint = nearest(name, known) or (f"Declared: {', '.join(sorted(known))}." if known else
                                            f"Nothing is declared in {FOLDERS[kind]}/.")
            folder = self.root / FOLDERS[kind]
            raise NotDeclared(f"No {kind} '{name}' in {FOLDERS[kind]}/.", where=str(folder), next=hint)
        return known[name]

    def dataset(self, name: str) -> Contract:
        found: Contract = self.one("dataset", name)
        return found

    def model(self, name: str) -> kinds.Model:
        found: kinds.Model = self.one("model", name)
        return found

    def subject(self, text: str, *allowed: str) -> Subject:
        """Resolve `[kind/]name[@version]`; the kind is needed only where two kinds share the name."""
        rest, _, version = text.partition("@")
        kind, _, name = rest.rpartition("/")
        wanted = allowed or tuple(kind for kind in FOLDERS if kind not in ABOUT)
        if kind:
            if kind not in FOLDERS:
                raise BadInput(f"No kind '{kind}'.", next=nearest(kind, FOLDERS) or f"Kinds: {', '.join(FOLDERS)}.")
            if kind not in wanted:
                raise BadInput(f"'{kind}/{name}' is not a {' or a '.join(wanted)}.",
                               next=f"Name one from {' or '.join(f'{FOLDERS[each]}/' for each in wanted)}.")
            self.one(kind, name)
            return Subject(kind, name, version)
        found = [kind for kind in wanted if name in self.every(kind)]
        if len(found) > 1:
            raise BadInput(f"'{name}' is a {' and a '.join(found)}.", next=f"Say {found[0]}/{name}.")
        if not found:
            known = [known for kind in wanted for known in self.every(kind)]
            if not known and "dataset" in wanted:
                raise NotDeclared(f"No {' or '.join(wanted)} '{name}': nothing is declared yet.", where=str(self.root),
                                  next="Try: mlops-tui init --from FILE")
            places = " or ".join(f"{FOLDERS[kind]}/" for kind in wanted)
            raise NotDeclared(f"No {' or '.join(wanted)} '{name}' in {places}.", where=str(self.root),
                              next=nearest(name, known) or f"Declared: {', '.join(sorted(known)) or 'nothing'}.")
        return Subject(found[0], name, version)

    def path_of(self, kind: str, name: str) -> Path:
        """The file that declares it."""
        for ending in ("yaml", "sql", "md"):
            path = self.root / FOLDERS[kind] / f"{name}.{ending}"
            if path.is_file():
                return path
        shipped = Path(str(files("runbooks") / f"{name}.md"))
        return shipped if kind == "runbook" else self.root / FOLDERS[kind] / f"{name}.yaml"

    def text_beside(self, kind: str, name: str, file: str) -> str:
        """What a file says that lies beside the declaration which names it."""
        return declare.text_of(self.path_of(kind, name).with_name(file))

    def declaration(self, kind: str, name: str) -> bytes:
        """The bytes of the file that declares it: what a finding's fingerprint is of."""
        return self.path_of(kind, name).read_bytes()

    def fingerprint(self, kind: str, name: str) -> str:
        """SHA-256 of the declaration."""
        return hashlib.sha256(self.declaration(kind, name)).hexdigest()


_COMMENT = re.compile(r"^--\s*(\w+)\s*:\s*(.+)$")


def read_feature(path: Path) -> kinds.Feature:
    """A feature view: SQL whose front comment names entity, time and availability."""
    text = declare.text_of(path)
    given: dict[str, str] = {}
    lines: dict[str, int] = {}
    known = ("entity", "time", "available_after", "lookback", "ttl", "description")
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.startswith("--"):
            break
        if match := _COMMENT.match(line):
            if match[1] in known:
                given[match[1]], lines[match[1]] = match[2].strip(), number
            elif hint := nearest(match[1], known):
                raise Unreadable(f"Unknown key '{match[1]}' in the front comment.", where=f"{path}:{number}", next=hint)
    for key in ("entity", "time"):
        if key not in given:
            raise Unreadable(f"The front comment lacks '-- {key}: …'.", where=f"{path}:1")
    spans = {key: _span(given[key], f"{path}:{lines[key]}") for key in ("available_after", "lookback", "ttl")
             if key in given}
    entity = tuple(part.strip() for part in given["entity"].split(","))
    return kinds.Feature(name=path.stem, sql=text, entity=entity, time=given["time"],
                         available_after=spans.get("available_after", timedelta(0)), lookback=spans.get("lookback"),
                         ttl=spans.get("ttl"), description=given.get("description", ""), path=str(path))


def _span(text: str, where: str) -> timedelta:
    try:
        return declare.duration(text)
    except ValueError as problem:
        raise Unreadable(f"{problem}.", where=where) from problem


def read_document(path: Path) -> kinds.Document:
    """Markdown with a YAML front matter between two `---` lines."""
    text = declare.text_of(path)
    if not text.startswith("---\n"):
        return kinds.Document(path.stem, {}, text, str(path))
    front, found, body = (text[4:] if text.endswith("\n") else text[4:] + "\n").partition("\n---\n")
    if not found:
        raise Unreadable("The front matter is not closed by a line '---'.", where=f"{path}:1")
    try:
        values = yaml.safe_load(front)
    except yaml.MarkedYAMLError as problem:
        line = problem.problem_mark.line + 2 if problem.problem_mark else 1
        raise Unreadable(f"The front matter is not YAML: {problem.problem}.", where=f"{path}:{line}") from problem
    except (yaml.YAMLError, ValueError) as problem:  # a control character; what looks like a date and is none
        raise Unreadable(f"The front matter is not YAML: {problem}.", where=f"{path}:1") from problem
    if not isinstance(values, dict):
        raise Unreadable("The front matter should be a mapping.", where=f"{path}:1")
    return kinds.Document(path.stem, values, body, str(path), front.count("\n") + 4)


def _reader(cls: type[Any]) -> tuple[str, Callable[[Path], Any]]:
    return "yaml", partial(declare.read, cls)


# How the files of each kind end, and what reads one.
READERS: Mapping[str, tuple[str, Callable[[Path], Any]]] = {
    "dataset": _reader(Contract), "feature": ("sql", read_feature), "pipeline": _reader(kinds.Pipeline),
    "model": _reader(kinds.Model), "monitor": _reader(kinds.Monitor), "checklist": _reader(kinds.Checklist),
    "endpoint": _reader(Endpoint), "decision": ("md", read_document), "runbook": ("md", read_document),
    "route": _reader(Route), "rotation": _reader(Rotation), "board": _reader(Board),
    "guideline": _reader(Guidelines), "impact": _reader(Impact), "access": _reader(AccessPolicy)}


def single_user(team: kinds.Team) -> bool:
    """Whether nobody has a login of their own: roles are advisory then."""
    return not any(person.login for person in team.people.values())


