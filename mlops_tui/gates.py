"""What a version must show before it may serve: requirements judged from what is known. Unknown is not pass."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, get_args

from mlops_tui import assurance, folds
from mlops_tui.analysis import criteria
from mlops_tui.analysis.criteria import Criterion, judge
from mlops_tui.analysis.interval import Contrast, Estimate
from mlops_tui.analysis.significance import Verdict, judged, turned
from mlops_tui.assurance import requirement
from mlops_tui.assurance.checklist import lessons
from mlops_tui.declarations import kinds
from mlops_tui.declarations.kinds import GateRule, Model
from mlops_tui.declarations.limits import LESS_IS_BETTER
from mlops_tui.incidents import suite
from mlops_tui.view import Status
from store.facts import Promotion, Replayed

if TYPE_CHECKING:
    from store.ledger import Entry

TAKEN_BACK = "taken back"
WARNINGS = ("incident ", TAKEN_BACK)  # items that say something to whoever votes, and ask for nothing
FEWEST = 100  # rows below which two models are not compared
JUDGED = {criteria.Verdict.MET: Status.PASS, criteria.Verdict.NOT_MET: Status.FAIL,
          criteria.Verdict.UNDECIDED: Status.UNKNOWN, criteria.Verdict.TOO_FEW: Status.UNKNOWN}
RANK = {"worse": 0, "equivalent": 1, "inconclusive": 2, "better": 3}  # what stands most in the way is told first
LIVED = {suite.SURVIVES: Status.PASS, suite.FAILS: Status.FAIL, suite.TRAINED_ON: Status.WARN}

Requirement = requirement.Requirement
Case = requirement.Case
Rule = Callable[[Case, "Sequence[Entry]"], list[Requirement]]


@dataclass(frozen=True)
class Evidence:
    """What was measured on rows that the version has not seen.

    `metrics` by name; `contrasts`, its lead on each baseline with a verdict; `lead` on the champion, larger being
    better whatever the metric, `n` rows that both scored; `ece`; `looks`, how many questions its test rows were asked,
    which every verdict pays for. What is missing says why in `reasons`, and in `ways` which command begins to make up
    for it.
    """

    metrics: Mapping[str, Estimate] = field(default_factory=dict)
    contrasts: Sequence[Mapping[str, Any]] = ()
    lead: Contrast | None = None
    n: int = 0
    ece: Estimate | None = None
    looks: int = 1
    reasons: Mapping[str, str] = field(default_factory=dict)
    ways: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def gate(case: Case, evidence: Evidence, entries: "Sequence[Entry]") -> tuple[Requirement, ...]:
    """Everything that is required of the version, criteria first; what is told at the end only warns."""
    found = [criterion(each, evidence) for each in case.model.criteria]
    for name in case.model.gate:
        if name in MEASURED:
            found.append(MEASURED[name](case, evidence))
        else:
            found += RULES[name](case, entries)
    return (*found, *lessons(case, entries), *taken_back(case, entries), *open_incidents(case, entries))


def verdict(requirements: Sequence[Requirement]) -> Status:
    """Green only where every required item passes or warns; where nothing is required, nothing is known."""
    asked = counting(requirements)
    statuses = {each.status for each in asked}
    if Status.FAIL in statuses:
        return Status.FAIL
    required = [each for each in asked if not each.id.startswith(WARNINGS)]
    if not required or not statuses <= {Status.PASS, Status.WARN}:
        return Status.UNKNOWN
    return Status.WARN if Status.WARN in statuses else Status.PASS


def counting(requirements: Sequence[Requirement]) -> list[Requirement]:
    """Those that can be answered: an item about what models of the task do not have is DONE, and counts for nothing."""
    return [each for each in requirements if each.status is not Status.DONE]


# -- what was measured --------------------------------------------------------------------------------------------


def criterion(declared: kinds.Criterion, evidence: Evidence) -> Requirement:
    """A success criterion, judged on the confidence bound."""
    name = f"{declared.metric}:{declared.slice}" if declared.slice else declared.metric
    least, most = declared.at_least, declared.at_most
    title = f"{name} is at least {least:g}" if least is not None else f"{name} is at most {most:g}"
    measured = evidence.metrics.get(name)
    if measured is None:
        reason = evidence.reasons.get(name, f"{name} was not measured in training")
        return Requirement(f"criterion {name}", title, Status.UNKNOWN, reason)
    judged = judge(Criterion(declared.metric, least, most, declared.min_rows), measured)
    return Requirement(f"criterion {name}", title, JUDGED[judged.verdict], f"{judged.reason}, n = {measured.n:,}",
                       "training")


def beats_baseline(evidence: Evidence) -> Requirement:
    """Better than every rung of the baseline ladder on the same rows."""
    title = "better than every baseline"
    if not evidence.contrasts:
        return Requirement("beats_baseline", title, Status.UNKNOWN, "it was not compared with a baseline")
    paid = [_paid(each, evidence.looks) for each in evidence.contrasts]
    worst, about = min(zip(evidence.contrasts, paid, strict=True), key=lambda each: (
        RANK.get(each[1], 1), _lead(each[0])[0] or 0.0))
    spent = f", p {worst['p_value']:.3g} × {evidence.looks} looks" if worst.get("verdict") != about else ""
    said = f"{worst.get('baseline', 'baseline')}: {about}{_range(worst)}{spent}"
    status = Status.PASS if set(paid) == {"better"} else \
        Status.FAIL if set(paid) & {"worse", "equivalent"} else Status.UNKNOWN
    return Requirement("beats_baseline", title, status, said, "training")


def _paid(each: Mapping[str, Any], looks: int) -> str:
    """The verdict of training on one baseline, once its p is paid for every look at the same rows."""
    about, p, low, high = str(each.get("verdict")), each.get("p_value"), each.get("low"), each.get("high")
    if about not in ("better", "worse") or p is None:
        return about
    found = judged(Contrast(float(each.get("estimate") or 0.0), low, high, None, p, ""), True, looks=looks)
    return str(found.verdict) if found.verdict is Verdict.INCONCLUSIVE else about


def _lead(each: Mapping[str, Any]) -> tuple[float | None, float | None, float | None]:
    """The difference from a baseline and its bounds, turned so that above 0 is better whatever the metric."""
    estimate, low, high = each.get("estimate"), each.get("low"), each.get("high")
    if each.get("metric") not in LESS_IS_BETTER:
        return estimate, low, high
    turned = [None if value is None else -value for value in (estimate, high, low)]
    return turned[0], turned[1], turned[2]


def _range(each: Mapping[str, Any]) -> str:
    _, low, high = _lead(each)
    return f", lead {low:.4f} to {high:.4f}" if isinstance(low, float) and isinstance(high, float) else ""


def no_worse_than_champion(case: Case, evidence: Evidence) -> Requirement:
    """Its lead on the champion, on rows that neither has seen, is surely above minus the margin (non-inferiority).

    One-sided at 5 %, that is read from the 90 % interval; every further look at the same rows widens it.
    """
    margin = case.model.tolerance
    title = f"no worse than the champion{f' by more than {margin:g}' if margin else ''}"

    def required(status: Status, detail: str, shown: str = "", way: tuple[str, ...] = ()) -> Requirement:
        return Requirement("no_worse_than_champion", title, status, detail, shown, way)

    if not case.champion:
        return required(Status.PASS, "there is no champion yet")
    if case.champion == case.version:
        return required(Status.PASS, "it is the champion")
    lead = evidence.lead
    if lead is None or lead.low is None or lead.high is None or evidence.n < FEWEST:
        reason = evidence.reasons.get("lead", "") or (lead.reason if lead else "")
        return required(Status.UNKNOWN, reason or f"only {evidence.n} rows were scored by both, {FEWEST} are needed",
                        way=evidence.ways.get("lead", ()))
    found = judged(turned(lead), True, margin, looks=evidence.looks)
    if found.low is None or found.high is None:
        return required(Status.UNKNOWN, lead.reason)
    spent = f" after {evidence.looks} looks" if evidence.looks > 1 else ""
    said = (f"lead on {case.champion}: {lead.estimate:+.4f} [{-found.high:+.4f}, {-found.low:+.4f}] "
            f"at {100 * found.level:.4g} %{spent}, n = {evidence.n:,}")
    if found.no_worse is None and case.model.margin is None and not margin:
        said += "; `margin:` of the model may say how much worse would not matter"
    return required({True: Status.PASS, False: Status.FAIL, None: Status.UNKNOWN}[found.no_worse], said, lead.method)


def calibrated(case: Case, evidence: Evidence) -> Requirement:
    """Expected calibration error on the test rows; few rows make it look larger, never smaller."""
    limit, measured = case.model.ece_at_most, evidence.ece
    title = f"expected calibration error is at most {limit:g}"
    if measured is None or measured.value is None:
        reason = (measured.reason if measured else "") or evidence.reasons.get("ece", "it was not measured")
        return Requirement("calibrated", title, Status.UNKNOWN, reason)
    return Requirement("calibrated", title, Status.PASS if measured.value <= limit else Status.FAIL,
                       f"{measured.value:.4f}, n = {measured.n:,}", measured.method)


# -- what happened before ---------------------------------------------------------------------------------------------


def replays(case: Case, entries: "Sequence[Entry]") -> list[Requirement]:
    """Every incident of the replay suite: would the version have lived through it? What it was trained on proves
    nothing, and warns; what was not answered yet, of other rows than are kept, or by other criteria than the model has
    now, is unknown."""
    cases = suite.cases(entries, case.name)
    if not cases:
        return [Requirement("replays", "lives through old incidents", Status.PASS, "none is kept to be replayed yet")]
    answers, found = suite.results(entries, case.name, case.version), []
    for name, each in cases.items():
        title, run = f"lives through {name}: {each.title}", ("replay", "run", case.subject, "--incident", name)
        entry = answers.get(name)
        if entry is None or not isinstance(entry.fact, Replayed):
            found.append(Requirement(f"replay {name}", title, Status.UNKNOWN, "not replayed yet", "", run))
            continue
        if each.check not in suite.JUDGED and _other_limits(case.model, entry.fact):
            found.append(Requirement(f"replay {name}", title, Status.UNKNOWN,
                                     "replayed by criteria that are not today's", f"entry {entry.seq}", run))
            continue
        status = LIVED.get(entry.fact.verdict, Status.UNKNOWN)
        said = entry.fact.verdict + (f": {entry.fact.reason}" if entry.fact.reason else "")
        found.append(Requirement(f"replay {name}", title, status, said, f"entry {entry.seq}",
                                 run if status is Status.UNKNOWN else ("replay", "show", case.subject)))
    return found


def _other_limits(model: Model, fact: Replayed) -> bool:
    """Whether an answer by the model's own criteria was one by others than it has now."""
    asked = {each.metric: each.at_most if each.at_least is None else each.at_least
             for each in model.criteria if not each.slice}
    told = {each["metric"]: each["limit"] for each in fact.detail.get("figures", ())}
    return bool(told) and told != asked


def open_incidents(case: Case, entries: "Sequence[Entry]") -> list[Requirement]:
    """An open incident about the model is a warning to whoever votes."""
    return [Requirement(f"incident {each.id}", "no open incident", Status.WARN, f"{each.id} is open: {each.title}",
                        each.id, ("incident", "show", each.id))
            for each in folds.incidents(entries).values() if each.open and each.about.partition("@")[0] == case.name]


def taken_back(case: Case, entries: "Sequence[Entry]") -> list[Requirement]:
    """That a version served and was taken back is a warning to whoever votes: a gate may know no more than it did."""
    back = folds.model_state(entries, case.name).taken_back.get(case.version)
    if back is None or not isinstance(back.fact, Promotion):
        return []
    why = f": {back.fact.reason}" if back.fact.reason else ""
    return [Requirement(TAKEN_BACK, "it was never taken back", Status.WARN,
                        f"taken back on {back.recorded_at:%Y-%m-%d} by {back.actor}{why}", f"entry {back.seq}",
                        ("promote", case.name, "--history"))]


# -- every rule by its name -----------------------------------------------------------------------------------------


def rule(name: str) -> Rule:
    """The rule that `assurance/<name>.py` holds in a function of that name.

    Where there is no such file, nothing is known, so the gate stays shut.
    """
    where = f"{assurance.__name__}.{name}"
    if find_spec(where) is None:
        return lambda case, entries: [Requirement(name, name, Status.UNKNOWN, "not built")]
    found: Rule = getattr(import_module(where), name)
    return found


MEASURED: Mapping[str, Callable[[Case, Evidence], Requirement]] = {
    "beats_baseline": lambda case, evidence: beats_baseline(evidence),
    "no_worse_than_champion": no_worse_than_champion, "calibrated": calibrated}
RULES: dict[str, Rule] = {"replays": replays, **{
    name: rule(name) for name in get_args(GateRule) if name not in (*MEASURED, "replays")}}
