"""What a contract says of its fields and people, what it leaves open, and what came that it does not name."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mlops_tui.declarations.odcs import Contract, Property
from mlops_tui.oversight.watching import monitor_of
from mlops_tui.session import Session
from mlops_tui.view import Status, counted
from store.facts import Finding, SignOff

if TYPE_CHECKING:
    from store.ledger import Entry

CHECK = "catalog"
ITEM = "catalog"  # what a steward signs for
PERSONAL = re.compile(r"person|pii|sensitive|special", re.IGNORECASE)
NUMBERS = ("number", "integer")


@dataclass(frozen=True)
class Gap:
    """A field that is not fully described, and what it lacks; `came`: it is in the data and not in the contract."""

    column: str
    lacks: tuple[str, ...]
    came: bool = False

    @property
    def undocumented(self) -> bool:
        """Whether nobody has said what it is."""
        return self.came or "description" in self.lacks


# -- people ---------------------------------------------------------------------------------------------------------


def people(contract: Contract, role: str) -> tuple[str, ...]:
    """Who has that role in the contract's team, in either form of the standard."""
    team = contract.team
    members: Any = team.get("members", ()) if isinstance(team, Mapping) else team or ()
    return tuple(str(each.get("username") or each.get("name")) for each in members
                 if isinstance(each, Mapping) and role in str(each.get("role", "")).lower())


# -- fields ---------------------------------------------------------------------------------------------------------


def custom(item: Property, name: str) -> Any:
    return next((each.value for each in item.customProperties if each.property == name), None)


def unit(item: Property) -> str:
    return str(custom(item, "unit") or "")


def personal(item: Property) -> bool:
    """Whether it is about people, by its class or its tags."""
    return any(PERSONAL.search(text) for text in (item.classification, *item.tags))


def gaps(contract: Contract, came: Iterable[str] = ()) -> list[Gap]:
    """What is left open: descriptions, units of measured numbers, classes; and columns that the contract lacks."""
    found = [Gap(name, ("contract",), came=True) for name in came]
    for item in contract.properties:
        measured = item.logicalType in NUMBERS and not item.primaryKey
        lacks = [what for what, there in (("description", item.description), ("unit", not measured or unit(item)),
                                          ("class", item.classification)) if not there]
        found += [Gap(item.name, tuple(lacks))] if lacks else []
    return found


def unnamed(session: Session, dataset: str) -> tuple[str, ...]:
    """The columns that the newest batch, or file that was validated, had and the contract does not name."""
    return _came(session, dataset, session.ledger.entries("finding", subject=dataset))


def _came(session: Session, dataset: str, entries: "Sequence[Entry]") -> tuple[str, ...]:
    known = {item.name for item in session.declared().dataset(dataset).properties}
    for entry in reversed(entries):
        if isinstance(entry.fact, Finding) and entry.fact.check in ("ingest", "validate"):
            changes = entry.fact.detail.get("evolution", ())
            added = [str(each["column"]) for each in changes if each["kind"] == "added"]
            return tuple(name for name in added if name not in known)
    return ()


# -- signing --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Signed:
    """A steward's sign-off: who, when, and whether the contract is still the one that was signed."""

    who: str
    at: datetime
    reason: str
    holds: bool


def signed(session: Session, dataset: str) -> Signed | None:
    """The newest sign-off of a dataset's contract; None where there is none."""
    for entry in reversed(session.ledger.entries("sign_off", subject=dataset)):
        if isinstance(entry.fact, SignOff) and entry.fact.item == ITEM:
            now = session.declared().fingerprint("dataset", dataset)
            return Signed(entry.actor, entry.recorded_at, entry.fact.reason, entry.fact.evidence == now)
    return None


def said_of(found: Signed | None) -> str:
    if found is None:
        return "not signed"
    return f"by {found.who}" if found.holds else "void: the contract changed"


# -- the check ------------------------------------------------------------------------------------------------------


def finding(session: Session, dataset: str, monitor: str) -> Finding:
    """How far the dataset is described, as an entry of the history; it names the steward who has to describe it."""
    contract = session.declared().dataset(dataset)
    came = unnamed(session, dataset)
    open_ = [gap for gap in gaps(contract, came) if gap.undocumented]
    limit = _limit(session, monitor)
    status = Status.PASS if len(open_) <= limit else Status.FAIL
    stewards = people(contract, "steward")
    return Finding(check=CHECK, subject=dataset, status=status.value, title=title(dataset, open_, stewards),
                   value=float(len(open_)), limit=limit, unit="fields", n=len(contract.properties) + len(came),
                   declaration=session.declaration("dataset", dataset), monitor=monitor,
                   detail={"undocumented": [gap.column for gap in open_], "came": list(came),
                           "stewards": list(stewards)})


def _limit(session: Session, monitor: str) -> float:
    declared = session.declared().monitors.get(monitor)
    return declared.limits.get("undocumented", 0.0) if declared is not None else 0.0


def title(dataset: str, open_: Sequence[Gap], stewards: Sequence[str]) -> str:
    if not open_:
        return f"Every field of {dataset} is described"
    came = [gap.column for gap in open_ if gap.came]
    names = ", ".join(gap.column for gap in open_[:3]) + (f" and {len(open_) - 3} more" if len(open_) > 3 else "")
    who = f"steward: {', '.join(stewards)}" if stewards else "nobody is its steward"
    if came:
        return f"{dataset} came with {', '.join(came)}, which its contract does not name ({who})"
    return f"{counted(len(open_), 'field')} of {dataset} undocumented: {names} ({who})"


def ping(session: Session, dataset: str) -> None:
    """Let the steward hear, once a batch was looked at, that a column came, or that those that came are described."""
    entries = session.ledger.entries("finding", subject=dataset)
    last = next((entry.fact for entry in reversed(entries)
                 if isinstance(entry.fact, Finding) and entry.fact.check == CHECK), None)
    before = last.detail.get("came", ()) if last is not None else ()
    if set(_came(session, dataset, entries)) != set(before):
        monitor, _ = monitor_of(session, CHECK, dataset)
        session.ledger.append(finding(session, dataset, monitor))
