"""A model's checklist: findings answer by themselves, people sign for one version, lessons wait to be adopted."""

from collections.abc import Sequence
from datetime import date, timedelta
from functools import partial
from typing import TYPE_CHECKING

from mlops_tui import folds
from mlops_tui.analysis.fourfifths import FOUR_FIFTHS
from mlops_tui.assurance import tier
from mlops_tui.assurance.requirement import Asked, Case, Requirement, of_finding
from mlops_tui.declarations import declare
from mlops_tui.declarations.applies import Applies
from mlops_tui.declarations.kinds import Checklist, Item
from mlops_tui.errors import Unreadable
from mlops_tui.view import Status, lasting
from store.facts import Finding, SignOff

if TYPE_CHECKING:
    from store.ledger import Entry

BETWEEN = " · "  # the columns of groups that an audit combines
FOREIGN = {"calibration": ("regression",), "metric": ("multiclass", "regression")}  # check -> tasks that have none


def checklist(case: Case, entries: "Sequence[Entry]") -> list[Requirement]:
    """Every item of the model's checklist: a finding that is fresh and of today's declaration, or a sign-off.

    An item for more risk than the model has, or whose time is over, is DONE and counts for nothing; one of which nobody
    can tell whether it applies is unknown.
    """
    if case.checklist is None:
        return [Requirement("checklist", f"checklist '{case.model.checklist}'", Status.UNKNOWN,
                            f"checklists/{case.model.checklist}.yaml is not declared")]
    risk = tier.of(entries, case.name)
    return [aside(case, item, risk) or (finding if item.finding else sign_off)(case, item, entries)
            for item in case.checklist.items]


def aside(case: Case, item: Item, risk: tier.Tier | None) -> Requirement | None:
    """How an item stands that is not asked for, or of which nobody can tell; None where it is asked for."""
    title = _title(item, item.finding or f"sign-off by {item.sign_off}")
    held, when = asks(item, risk, case.model.task, case.now.date()), item.applies_when
    if held:
        return None
    if when is None or over(item, case.now.date()):
        return Requirement(item.id, title, Status.DONE, f"asked for until {item.expires}")
    stands = f"it is {risk.words}" if risk is not None else "nobody assessed its impact"
    if held is None:
        return Requirement(item.id, title, Status.UNKNOWN, f"for {when.words}; {stands}", "",
                           ("impact", "assess", case.subject))
    return Requirement(item.id, title, Status.DONE, f"for {when.words}; {stands if when.by_risk else case.model.task}")


def over(item: Item, today: date) -> bool:
    """Whether the time in which an item is asked for has ended."""
    return bool(item.expires) and today >= date.fromisoformat(item.expires)


def asks(item: Item, risk: tier.Tier | None, task: str, today: date) -> bool | None:
    """Whether an item is asked for of a model of that tier and task; None where nobody can tell."""
    if over(item, today):
        return False
    return True if item.applies_when is None else applies(item.applies_when, risk, task)


def applies(when: Applies, risk: tier.Tier | None, task: str) -> bool | None:
    """Whether an item applies to a model of that tier and task; None where the tier does not say so yet."""
    if when.task and when.task != task:
        return False
    if not when.by_risk:
        return True
    if risk is None:
        return None
    ranges = [(risk.lowest, risk.highest, when.level_at_least)] if when.level_at_least is not None else []
    if when.eu:
        ranges.append((tier.EU.index(risk.eu_lowest), tier.EU.index(risk.eu_highest), tier.EU.index(when.eu)))
    if any(high < least for _, high, least in ranges):
        return False
    return True if all(low >= least for low, _, least in ranges) else None


def finding(case: Case, item: Item, entries: "Sequence[Entry]") -> Requirement:
    """The newest finding of the item's check about the model, this version of it, or the dataset of its label."""
    title = _title(item, f"{item.finding} of {case.name}")
    if (task := case.model.task) in FOREIGN.get(item.finding, ()):
        return Requirement(item.id, title, Status.DONE, f"not for a {task}" + " model" * (task != "regression"))
    return of_finding(case, entries, Asked(item.finding, title, item.id, item.max_age, (case.model.label.dataset,),
                                           _runs(case, item), unversioned=True, counts=partial(_counts, item)))


def _counts(item: Item, found: Finding) -> bool:
    """Whether a finding answers the item: of an audit, that it is by these groups and by limits that are declared or
    usual, not by ones that were asked for once."""
    if item.finding != "bias":
        return True
    usual = not found.detail.get("limits") and found.limit in (None, FOUR_FIFTHS)
    return (bool(found.monitor) or usual) and (not item.group or set(item.group) == set(
        str(found.detail.get("group", "")).split(BETWEEN)))


def _runs(case: Case, item: Item) -> tuple[str, ...]:
    """The command that makes a new finding of a check, where a person has nothing to add."""
    check = item.finding
    if item.group:
        return (check, case.subject, "--group", ",".join(item.group))
    if check == "leaks":
        return ("windows", case.name, "--check-leaks", "20", "--day", f"{case.now - timedelta(days=2):%Y-%m-%d}")
    return {"drift": ("drift", case.name), "health": ("health", case.model.label.dataset),
            "card": ("card", "check", case.subject), "impact": ("impact", "assess", case.subject),
            **{each: (each, case.subject) for each in ("performance", "calibration", "evaluate", "bias")},
            }.get(check, ())


def sign_off(case: Case, item: Item, entries: "Sequence[Entry]") -> Requirement:
    """The newest answer to the item about this very version, given to the item as it reads today."""
    title, ask = _title(item, f"sign-off by {item.sign_off}"), ("checklist", "sign", item.id, case.subject)
    entry = folds.sign_offs(entries, case.subject).get(item.id)
    if entry is None or not isinstance(entry.fact, SignOff):
        return Requirement(item.id, title, Status.UNKNOWN, f"waits for a sign-off by {item.sign_off}", "", ask)
    fact, shown = entry.fact, f"entry {entry.seq}"

    def unsure(why: str) -> Requirement:
        return Requirement(item.id, title, Status.UNKNOWN, why, shown, ask, entry.effective_at, fact.digest)

    if fact.evidence != worded(item):
        return unsure("the item reads differently now")
    if fact.digest != artifact(case, entries):
        return unsure("signed for other files than the version has")
    if item.max_age is not None and case.now - entry.effective_at > item.max_age:
        return unsure(f"older than {lasting(item.max_age)}")
    said = f"{'signed' if fact.choice == 'yes' else 'declined'} by {entry.actor}: {fact.reason}"
    return Requirement(item.id, title, Status.PASS if fact.choice == "yes" else Status.FAIL, said, shown, (),
                       entry.effective_at, fact.digest)


def artifact(case: Case, entries: "Sequence[Entry]") -> str:
    """The digest of the version's files, which a sign-off is given to as well; empty where it is not known."""
    trained = folds.model_state(entries, case.name).trained(case.version)
    return trained.artifact if trained is not None else ""


def worded(item: Item) -> str:
    """What a sign-off is given to; another wording or role asks anew."""
    return f"{item.id}|{item.sign_off}|{item.title}"


def _title(item: Item, otherwise: str) -> str:
    lesson = f" (lesson of {item.lesson_of})" if item.lesson_of else ""
    return (item.title or otherwise) + lesson


def lessons(case: Case, entries: "Sequence[Entry]") -> list[Requirement]:
    """Lessons that nobody adopted or declined yet, and adopted ones that are gone from the checklist again."""
    incidents = folds.incidents(entries)
    present = {(item.id, item.lesson_of) for item in case.checklist.items} if case.checklist else set()
    found = []
    for each in folds.proposals(entries).values():
        about = incidents[each.origin].about.partition("@")[0] if each.origin in incidents else ""
        ours = each.path == f"checklists/{case.model.checklist}.yaml"
        if not each.lesson or each.state == "declined" or not (ours or about == case.name):
            continue
        title = f"lesson of {each.origin}: {each.why}"
        if each.state == "open":
            found.append(Requirement(f"lesson {each.id}", title, Status.UNKNOWN, "neither adopted nor declined",
                                     each.id, ("adopt", each.id)))
        elif ours and (lost := _taught(each) - present):
            gone = ", ".join(sorted(name for name, _ in lost))
            found.append(Requirement(f"lesson {each.id}", title, Status.UNKNOWN,
                                     f"adopted, but {gone} is no longer in {each.path}", each.id))
    return found


def _taught(proposal: "folds.ProposalState") -> set[tuple[str, str]]:
    """The items that a proposal brought in from its incident."""
    try:
        proposed = declare.parse(Checklist, proposal.content, proposal.path)
    except Unreadable:
        return set()
    return {(item.id, item.lesson_of) for item in proposed.items if item.lesson_of == proposal.origin}
