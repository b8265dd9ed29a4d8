"""Answers that a project's own records give to questions of impact, each with what shows it. Unknown is no answer."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops_tui.declarations.endpoints import Endpoint
from mlops_tui.declarations.kinds import Model, Monitor, Person
from mlops_tui.declarations.odcs import Contract, Property
from mlops_tui.privacy.redaction import PERSONAL
from mlops_tui.privacy.subjects import column_of
from mlops_tui.view import counted
from store.facts import BoardEvent, Finding, OptOut, Promotion, Snapshot, Trained, Vote

if TYPE_CHECKING:
    from store.ledger import Entry

Origin = tuple[str, str]  # dataset and column
PLAIN = ("logisticregression", "linearregression", "ridge", "lasso", "elasticnet", "decisiontree", "dummy",
         "gaussiannb")
DARK = ("gradientboosting", "randomforest", "extratrees", "mlp", "svc", "svr", "kneighbors", "voting", "stacking",
        "bagging", "adaboost")
CLASSES = ("public", "internal", "confidential", "restricted")  # of contracts, least first
CLASS_OF = {"public": "none", "internal": "protected_a", "confidential": "confidential", "restricted": "protected_b"}
DECIDED = ("approved", "rejected")
WATCH_DATA = ("health", "drift", "validate", "stability")


@dataclass(frozen=True)
class Found:
    """A choice, and what shows it: files, entries, digests."""

    choice: str
    shown: str


@dataclass(frozen=True)
class Known:
    """What is known of a model: its declaration, the raw columns of its inputs with their contracts, who watches and
    asks it, the history, and the names of the access rules that are declared."""

    name: str
    model: Model
    inputs: Sequence[Origin]
    contracts: Mapping[str, Contract]
    monitors: Mapping[str, Monitor]
    endpoints: Mapping[str, Endpoint]
    people: Mapping[str, Person]
    entries: "Sequence[Entry]"
    rules: Sequence[str] = ()

    @property
    def sources(self) -> tuple[str, ...]:
        """The datasets that its inputs come from."""
        return tuple(sorted({dataset for dataset, _ in self.inputs}))

    @property
    def datasets(self) -> tuple[str, ...]:
        """Those, and the one of its label."""
        return tuple(sorted({*self.sources, self.model.label.dataset}))

    def columns(self) -> Iterator[tuple[Origin, Property | None]]:
        for dataset, column in sorted(set(self.inputs)):
            contract = self.contracts.get(dataset)
            yield (dataset, column), next((each for each in contract.properties if each.name == column), None) \
                if contract else None

    def finding(self, *checks: str, of: Sequence[str] = ()) -> "Entry | None":
        """The newest finding of these checks about the model or a dataset of it."""
        about = {self.name, *of}
        return next((entry for entry in reversed(self.entries) if isinstance(entry.fact, Finding)
                     and entry.fact.check in checks and entry.subject.partition("@")[0] in about), None)


def personal(item: Property) -> bool:
    """Whether a column is about people, by its class or its tags."""
    return any(word.lower() in PERSONAL for word in (item.classification, *item.tags))


def about_people(known: Known) -> tuple[str, ...]:
    """The inputs that are about people: classed so, or of rows that are somebody's."""
    whose = {name for name, contract in known.contracts.items() if column_of(contract)}
    return tuple(f"{dataset}.{column}" for (dataset, column), item in known.columns()
                 if dataset in whose or (item is not None and personal(item)))


def _shown(entry: "Entry") -> str:
    return f"entry {entry.seq}"


def _personal_data(known: Known) -> Found | None:
    if people := about_people(known):
        return Found("yes", f"{', '.join(people[:3])}{', …' if len(people) > 3 else ''} by contract")
    classed = [item is not None and bool(item.classification) for _, item in known.columns()]
    if classed and all(classed):
        return Found("no", f"{counted(len(classed), 'input')} classed by contract, none about people")
    return None


def _profiles(known: Known) -> Found | None:
    found = _personal_data(known)
    return found if found is not None and found.choice == "no" else None


def _highest_class(known: Known) -> Found | None:
    classes = [item.classification.lower() if item is not None else "" for _, item in known.columns()]
    if not classes or not all(each in CLASSES for each in classes):
        return None
    highest = max(classes, key=CLASSES.index)
    return Found(CLASS_OF[highest], f"{highest} by contract of {', '.join(known.sources)}")


def _secret_algorithm(known: Known) -> Found | None:
    return Found("no", f"models/{known.name}.yaml names the estimator of every candidate")


def _hard_to_explain(known: Known) -> Found | None:
    for entry in reversed(known.entries):
        if isinstance(fact := entry.fact, Trained) and entry.subject == known.name:
            said = str(fact.detail.get("descriptions", {}).get(fact.candidate, ""))
            kind = said.lower()
            if any(word in kind for word in DARK):
                return Found("yes", f"{fact.candidate} is a {said}, {_shown(entry)}")
            return Found("no", f"{fact.candidate} is a {said}, {_shown(entry)}") \
                if any(word in kind for word in PLAIN) else None
    return None


def _several_sources(known: Known) -> Found | None:
    if not known.sources:
        return None
    return Found("yes" if len(known.sources) > 1 else "no", f"its features read {', '.join(known.sources)}")


def _connected(known: Known) -> Found | None:
    asked = [name for name, each in known.endpoints.items() if each.model.partition("@")[0] == known.name]
    return Found("yes", f"endpoints/{asked[0]}.yaml") if asked else None


def _unstructured(known: Known) -> Found | None:
    types = [item.logicalType if item is not None else "" for _, item in known.columns()]
    if not types or not all(types) or {"object", "array"} & set(types):
        return None
    return Found("no", f"{counted(len(types), 'column')} of tables by contract")


def _audited(known: Known) -> Found | None:
    entry = known.finding("bias")
    return Found("yes", f"bias, {_shown(entry)}") if entry is not None else None


def _quality(known: Known) -> Found | None:
    entry = known.finding("ingest", "validate", of=known.datasets)
    return Found("yes", f"every batch is checked by contract, last {_shown(entry)}") if entry is not None else None


def _owner(known: Known) -> Found:
    owner = known.model.owner
    return Found("yes" if owner else "no", f"models/{known.name}.yaml: {f'owner {owner}' if owner else 'no owner'}")


def _watched(known: Known) -> Found | None:
    names = [name for name, each in known.monitors.items() if each.check in WATCH_DATA
             and each.subject in (known.name, *known.datasets)]
    entry = known.finding(*WATCH_DATA, of=known.datasets)
    return Found("yes", f"monitors/{names[0]}.yaml, last {_shown(entry)}") if names and entry is not None else None


def _logged(known: Known) -> Found | None:
    for entry in reversed(known.entries):
        if isinstance(fact := entry.fact, Snapshot) and entry.subject == f"{known.name}.predictions" and not fact.tag:
            return Found("yes", f"{entry.subject}@{fact.snapshot[:12]}, {fact.rows:,} answers with their version")
    return None


def _changes(known: Known) -> Found | None:
    entries = [entry for entry in known.entries if entry.subject == known.name
               and isinstance(entry.fact, (Trained, Promotion))]
    return Found("yes", f"{counted(len(entries), 'change')} in the history, last {_shown(entries[-1])}") \
        if entries else None


def _approved(known: Known) -> Found | None:
    promoted = [entry for entry in known.entries if isinstance(entry.fact, Promotion) and entry.subject == known.name]
    if not promoted:
        return None
    voted = {entry.subject for entry in known.entries if isinstance(entry.fact, Vote) and entry.fact.choice == "yes"}
    bare = [entry for entry in promoted if isinstance(entry.fact, Promotion) and entry.fact.approval not in voted]
    return Found("no", f"nobody voted for {_shown(bare[-1])}") if bare else \
        Found("yes", f"votes on each of {counted(len(promoted), 'promotion')}, last {_shown(promoted[-1])}")


def _access(known: Known) -> Found | None:
    if known.rules:
        return Found("yes", f"access/{min(known.rules)}.yaml")
    real = [name for name, person in known.people.items() if (person.login or person.slack) and not person.simulated]
    return Found("yes", f"team.yaml: {counted(len(real), 'person', 'people')} with roles") if real else None


def _heard(known: Known) -> Found | None:
    """A review board of the organisation decided about it."""
    for entry in reversed(known.entries):
        if isinstance(fact := entry.fact, BoardEvent) and fact.event == "closed" and fact.outcome in DECIDED and any(
                isinstance(each.fact, BoardEvent) and each.subject == entry.subject
                and each.fact.about.partition("@")[0] == known.name for each in known.entries):
            return Found("yes", f"{entry.subject} was {fact.outcome} by a board, {_shown(entry)}")
    return None


def _recourse(known: Known) -> Found | None:
    """Somebody asked not to be decided about by a machine, and was answered."""
    asked = {entry.subject for entry in known.entries if isinstance(entry.fact, OptOut)
             and (entry.fact.right == "optout-automated" or "automated" in entry.fact.purposes)}
    done = [entry for entry in known.entries if isinstance(entry.fact, OptOut) and entry.subject in asked
            and entry.fact.event in ("actioned", "attested")]
    return Found("yes", f"{done[-1].subject} was answered, {_shown(done[-1])}") if done else None


COMPUTED: Mapping[str, Callable[[Known], Found | None]] = {
    "personal_data": _personal_data, "profiles": _profiles, "highest_class": _highest_class,
    "secret_algorithm": _secret_algorithm, "hard_to_explain": _hard_to_explain, "several_sources": _several_sources,
    "connected_systems": _connected, "unstructured_data": _unstructured, "bias_audited": _audited,
    "quality_recorded": _quality, "owner_named": _owner, "stale_data_watched": _watched, "decisions_logged": _logged,
    "version_logged": _logged, "changes_logged": _changes, "changes_approved": _approved, "access_managed": _access,
    "heard_inside": _heard, "recourse_given": _recourse}


def basis(known: Known, questions: str) -> dict[str, object]:
    """What the answers are about: if that changes, they have to be gone through again."""
    return {"questions": questions, "people": list(about_people(known)), "sources": list(known.sources),
            "classes": {f"{dataset}.{column}": item.classification for (dataset, column), item in known.columns()
                        if item is not None and item.classification},
            "task": known.model.task, "label": f"{known.model.label.dataset}.{known.model.label.column}",
            "uses": sorted(name for name, each in known.endpoints.items()
                           if each.model.partition("@")[0] == known.name)}


def material(before: Mapping[str, object], now: Mapping[str, object]) -> list[str]:
    """What has changed since that calls for new answers: less of something does not."""
    def more(key: str) -> list[str]:
        old, new = before.get(key, []), now.get(key, [])
        return sorted(set(new) - set(old)) if isinstance(old, Sequence) and isinstance(new, Sequence) else []

    people = more("people")
    found = [f"its inputs are about people now: {each}" for each in people]
    found += [f"a new source: {each}" for each in more("sources")]
    old, new = before.get("classes", {}), now.get("classes", {})
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        found += [f"{name} is classed {each}, was {old.get(name) or 'not classed'}"
                  for name, each in sorted(new.items())
                  if name not in people and _rank(each) > _rank(old.get(name, ""))]
    found += [f"a new use: endpoint {each}" for each in more("uses")]
    found += [f"{key}: {now.get(key)}, was {before.get(key)}" for key in ("questions", "task", "label")
              if before.get(key) != now.get(key)]
    return found


def _rank(word: object) -> int:
    """How protected a class is; one that we do not know is as protected as any."""
    text = str(word).lower()
    return CLASSES.index(text) if text in CLASSES else len(CLASSES) if text else -1
