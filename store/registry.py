"""The models that a team has registered in MLflow, read without a trace: by its REST API, or off its SQLite file."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any, Protocol

import yaml

from store.refusal import Unreadable

IN_USE = ("champion", "production", "prod", "live")  # aliases, and stages, by which teams name what serves
OWNERS = ("owner", "team", "maintainer", "contact")
LARGEST = 1 << 20  # bytes of an MLmodel
AT_ONCE = 8
Document = Mapping[str, Any]


class Source(Protocol):
    """Where the documents come from; each is one of MLflow's REST API, whatever the source is."""

    shown: str

    def models(self) -> Iterable[Document]: ...
    def versions(self) -> Iterable[Document]: ...
    def run(self, run_id: str) -> Document | None: ...
    def mlmodel(self, version: "Version") -> bytes | str: ...


@dataclass(frozen=True)
class Version:
    """One registered version: `aliases` that point to it, its `stage` where that is used, and where its files lie."""

    model: str
    number: int
    created: datetime | None
    stage: str = ""
    status: str = "READY"
    run_id: str = ""
    source: str = ""
    user: str = ""
    aliases: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def called(self) -> tuple[str, ...]:
        """By which of the usual names it serves, or is known at all."""
        return tuple(dict.fromkeys([*self.aliases, *([self.stage.lower()] if self.stage else [])]))

    @property
    def usable(self) -> bool:
        """Whether it could be served, as far as its record says: registered whole, and not taken out of service."""
        return self.status == "READY" and self.stage.lower() != "archived"


@dataclass(frozen=True)
class Trained:
    """The run that made a version: who, when, what was measured, and on which data where that was logged."""

    user: str = ""
    ended: datetime | None = None
    deleted: bool = False
    metrics: Mapping[str, float] = field(default_factory=dict)
    measured: datetime | None = None
    data: tuple[str, ...] = ()


@dataclass(frozen=True)
class Card:
    """What the MLmodel beside a version says; nothing of the model is loaded. `problem`: why it says nothing."""

    inputs: Mapping[str, str] = field(default_factory=dict)
    outputs: tuple[str, ...] = ()
    signed: bool = False
    flavour: str = ""
    bytes: int | None = None
    problem: str = ""


@dataclass(frozen=True)
class Registered:
    """A registered model with its versions, the newest first."""

    name: str
    tags: Mapping[str, str]
    versions: tuple[Version, ...]

    @property
    def serving(self) -> Version | None:
        """The version that an alias or a stage names as the one in use; without such a name the newest usable one."""
        named = next((each for word in IN_USE for each in self.versions if word in each.called), None)
        return named or next((each for each in self.versions if each.usable), None)

    @property
    def named(self) -> bool:
        """Whether it is said which version serves."""
        found = self.serving
        return found is not None and bool(set(found.called) & set(IN_USE))

    @property
    def before(self) -> Version | None:
        """The newest usable version older than the one that serves: what one could go back to."""
        found = self.serving
        return next((each for each in self.versions if each.usable and found and each.number < found.number), None)


@dataclass(frozen=True)
class Known:
    """A model with what its run and the cards of its serving and its previous version say."""

    model: Registered
    run: Trained | None
    card: Card
    before: Card | None

    @property
    def owner(self) -> str:
        """Who a tag names as the owner; empty where none does."""
        found = self.model.serving
        return next((str(tags[word]) for tags in (found.tags if found else {}, self.model.tags) for word in OWNERS
                     if tags.get(word)), "")

    @property
    def user(self) -> str:
        """Who registered or trained it, which does not make anybody its owner."""
        found = self.model.serving
        return (found.user if found else "") or (self.run.user if self.run else "")


@contextmanager
def _understood(source: Source) -> Iterator[None]:
    """Documents of another shape than MLflow's are refused as such."""
    try:
        yield
    except (ValueError, TypeError, AttributeError, KeyError, OverflowError) as problem:
        raise Unreadable("What answers there gives documents that are not MLflow's.", where=source.shown,
                         next="Check --mlflow.") from problem


def registered(source: Source) -> list[Registered]:
    """Every registered model by name; Unreadable where the documents are not MLflow's."""
    with _understood(source):
        return _registered(source)


def _registered(source: Source) -> list[Registered]:
    versions: dict[str, list[Document]] = {}
    for each in source.versions():
        versions.setdefault(str(each.get("name")), []).append(each)
    found = []
    for document in source.models():
        name = str(document.get("name"))
        aliases: dict[str, list[str]] = {}
        for each in document.get("aliases") or ():
            aliases.setdefault(str(each.get("version")), []).append(str(each.get("alias")))
        made = [_version(each, aliases.get(str(each.get("version")), ())) for each in versions.get(name, ())]
        found.append(Registered(name, _pairs(document.get("tags")), tuple(sorted(made, key=lambda each: -each.number))))
    return sorted(found, key=lambda each: each.name)


def known(source: Source, models: Sequence[Registered]) -> list[Known]:
    """What is to be known of each, asked for several at once."""
    with _understood(source), ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(partial(_known, source), models))


def _known(source: Source, model: Registered) -> Known:
    serving, before = model.serving, model.before
    document = source.run(serving.run_id) if serving is not None and serving.run_id else None
    run = _trained(document) if document is not None else None
    card = _card(source, serving) if serving is not None else Card(problem="no version is registered")
    return Known(model, run, card, _card(source, before) if before is not None else None)


def _version(document: Document, aliases: Sequence[str]) -> Version:
    stage = str(document.get("current_stage") or "")
    return Version(str(document.get("name")), int(document.get("version") or 0), when(document.get(
        "creation_timestamp")), "" if stage == "None" else stage, str(document.get("status") or "READY"),
        str(document.get("run_id") or ""), str(document.get("source") or ""), str(document.get("user_id") or ""),
        tuple(sorted(aliases)), _pairs(document.get("tags")))


def _trained(document: Document) -> Trained:
    run = document.get("run") or {}
    info, data, inputs = run.get("info") or {}, run.get("data") or {}, run.get("inputs") or {}
    metrics = [each for each in data.get("metrics") or () if _finite(each.get("value"))]
    tags = _pairs(data.get("tags"))
    times = [int(each["timestamp"]) for each in metrics if each.get("timestamp")]
    return Trained(str(info.get("user_id") or "") or tags.get("mlflow.user", ""),
                   when(info.get("end_time")) or when(info.get("start_time")), info.get("lifecycle_stage") == "deleted",
                   {str(each.get("key")): float(each["value"]) for each in metrics},
                   when(max(times)) if times else None, tuple(_data(inputs.get("dataset_inputs") or ())))


def _data(inputs: Iterable[Document]) -> Iterator[str]:
    """The data that a run was given, as `loans (61772d77), training`."""
    for each in inputs:
        data, tags = each.get("dataset") or {}, _pairs(each.get("tags"))
        context = tags.get("mlflow.data.context", "")
        yield f"{data.get('name')} ({data.get('digest')}){f', {context}' if context else ''}"


def _card(source: Source, version: Version) -> Card:
    text = source.mlmodel(version)
    return Card(problem=text) if isinstance(text, str) else card_of(text)


def card_of(content: bytes) -> Card:
    """What an MLmodel file says; a problem where it says nothing that MLflow would understand.

    >>> card_of(b"flavors: {sklearn: {}, python_function: {}}").flavour
    'sklearn'
    """
    if len(content) > LARGEST:
        return Card(problem="its MLmodel is larger than one of MLflow's")
    try:
        document = yaml.safe_load(content)
    except (yaml.YAMLError, ValueError, RecursionError):
        return Card(problem="its MLmodel is not YAML")
    if not isinstance(document, dict) or not isinstance(document.get("flavors"), dict):
        return Card(problem="its MLmodel names no flavour")
    flavours = [str(each) for each in document["flavors"] if each != "python_function"]
    size = document.get("model_size_bytes")
    signature = document.get("signature") if isinstance(document.get("signature"), dict) else None
    inputs, outputs = (_columns((signature or {}).get(each)) for each in ("inputs", "outputs"))
    return Card(dict(inputs), tuple(kind for _, kind in outputs), signature is not None and bool(inputs),
                flavours[0] if flavours else "python_function", size if isinstance(size, int) else None)


def _columns(text: Any) -> list[tuple[str, str]]:
    """The columns of a schema, as MLflow writes it: a list in JSON; a tensor without a name is called `input`."""
    try:
        found = json.loads(text) if isinstance(text, str) else []
    except ValueError:
        return []
    named = [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []
    return [(str(each.get("name") or (f"input {at}" if at else "input")), _type(each)) for at, each in enumerate(named)]


def _type(column: Document) -> str:
    spec = column.get("tensor-spec")
    if isinstance(spec, dict):
        return f"tensor of {spec.get('dtype')} {spec.get('shape')}"
    return str(column.get("type"))


def _pairs(tags: Any) -> dict[str, str]:
    return {str(each.get("key")): str(each.get("value")) for each in tags or ()}


def when(milliseconds: Any) -> datetime | None:
    """The moment that MLflow counts from 1970; None where it gives none that can be."""
    try:
        return datetime.fromtimestamp(int(milliseconds) / 1000, UTC) if milliseconds else None
    except (ValueError, OverflowError, OSError):
        return None


def _finite(value: Any) -> bool:
    try:
        return value is not None and math.isfinite(float(value))
    except (TypeError, ValueError):
        return False
