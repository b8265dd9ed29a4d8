"""The kinds of things a project declares; each frozen dataclass is the schema of its file."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import date, timedelta
from typing import Any, Literal

from mlops_tui.alerts.officehours import OfficeHours
from mlops_tui.declarations.alertpolicy import AlertPolicy
from mlops_tui.declarations.applies import Applies
from mlops_tui.declarations.declare import Mistake
from mlops_tui.declarations.deploying import Deploy, Watch
from mlops_tui.declarations.earlystopping import Stopping
from mlops_tui.declarations.endpoints import Metrics, Query
from mlops_tui.declarations.incidentpolicy import Incidents
from mlops_tui.declarations.limits import METRICS_OF, Range, impossible
from mlops_tui.declarations.organisation import Organisation
from mlops_tui.declarations.retraining import Retraining
from mlops_tui.declarations.routes import Inbound
from mlops_tui.declarations.vaultpolicy import VaultPolicy
from mlops_tui.declarations.wishes import Wishes
from mlops_tui.errors import nearest
from mlops_tui.roles import ROLES
from mlops_tui.running.rates import Rates

Check = Literal["drift", "performance", "calibration", "health", "ingest", "validate", "stability", "catalog",
                "traffic", "triggers", "payloads", "impact", "card", "bias"]
Environment = Literal["production", "staging", "development", "test"]
SURE = 0.95  # the level of an interval where nothing else is declared


@dataclass(frozen=True)
class Stores:
    ledger: str = "sqlite:///.mlops/ledger.db"
    lake: str = ".mlops/lake"
    mlflow: str = "sqlite:///.mlops/mlflow.db"
    online: str = "sqlite:///.mlops/online.db"  # or redis://HOST:PORT/DB


@dataclass(frozen=True)
class Slack:
    """Where the bot speaks, and when its digest comes (cron lines in the project's time zone; empty: never).

    `timeline_emoji`: the reactions that put a message into an incident's timeline. `incident_channels`: whether each
    incident gets a channel of its own, which takes more scopes.
    """

    channel: str
    api_base_url: str = ""
    digest: str = "0 8 * * *"
    weekly: str = ""
    timeline_emoji: tuple[str, ...] = ("pushpin",)
    incident_channels: bool = False


@dataclass(frozen=True)
class Approvals:
    """How many yes votes a promotion needs, from which role, and how long they may take.

    `seats`: roles of which each wants a yes of somebody else, within the quorum. `hours`: only time within working
    hours counts towards `expires`, such as `mon-fri 9-17` in the project's time zone.
    """

    quorum: int = 2
    role: str = "approver"
    expires: timedelta = timedelta(days=1)
    seats: tuple[str, ...] = ()
    hours: str = ""

    @property
    def votes(self) -> int:
        """How many yes votes: those of the quorum, and at least one for each seat."""
        return max(self.quorum, len(self.seats))

    def mistakes(self) -> Iterator[Mistake]:
        """Roles that nobody can vote in; votes that can never come."""
        for key, role in (("role", self.role), *(("seats", seat) for seat in self.seats)):
            if role not in ROLES:
                yield Mistake(f"No role '{role}'.", (key,), nearest(role, ROLES) or f"Roles: {', '.join(ROLES)}.")
        if self.quorum < 0:
            yield Mistake(f"quorum is a number of votes, not {self.quorum}.", ("quorum",))
        if not self.expires:
            yield Mistake("Votes need some time.", ("expires",), "Write 1d.")
        try:
            _ = self.hours and OfficeHours.of(self.hours)
        except ValueError as problem:
            yield Mistake(f"{problem}.", ("hours",))


@dataclass(frozen=True)
class Settings:
    """mlops.yaml. `environment` is what it is the project of: that of production starts locked in the dashboard."""

    project: str
    timezone: str = "UTC"
    clock: Literal["system", "replay"] = "system"
    environment: Environment | None = None
    stores: Stores = field(default_factory=Stores)
    slack: Slack | None = None
    approvals: Approvals = field(default_factory=Approvals)
    incidents: Incidents = field(default_factory=Incidents)
    compute: Rates = field(default_factory=Rates)
    metrics: Metrics | None = None
    inbound: Inbound | None = None
    vault: VaultPolicy = field(default_factory=VaultPolicy)
    organisation: Organisation = field(default_factory=Organisation)


@dataclass(frozen=True)
class Person:
    login: str = ""
    slack: str = ""
    roles: tuple[str, ...] = ("viewer",)
    name: str = ""
    simulated: bool = False
    only: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # partition key -> the values that may be seen
    digest: Wishes = field(default_factory=Wishes)
    email: str = ""
    pagerduty: str = ""  # the id of the user there, such as PXPGF42

    def mistakes(self) -> Iterator[Mistake]:
        """An address that no mail can be sent to."""
        if self.email and not re.fullmatch(r"[^\s@<>,;:\"()]+@[^\s@<>,;:\"()]+", self.email):
            yield Mistake(f"{self.email!r} is no mail address.", ("email",), "Write ana@example.org.")


@dataclass(frozen=True)
class Team:
    """team.yaml"""

    people: Mapping[str, Person] = field(default_factory=dict)




@dataclass(frozen=True)
class Feature:
    """features/*.sql: a view of (entity, time, values); the front comment says which column is what.

    `lookback`: so much history gives the same row as all of it (none given: all of it is read). `ttl`: a value older
    than that is not used (none given: it holds until the next row of its entity, so all history is read for it).
    """

    name: str
    sql: str
    entity: tuple[str, ...]
    time: str
    available_after: timedelta
    lookback: timedelta | None
    ttl: timedelta | None
    description: str
    path: str


@dataclass(frozen=True)
class StepDecl:
    """One step: SQL, a function of the project's Python, or a built-in that is applied.

    `retries`: how often Python that failed is tried again, after `backoff`, then twice that, and so on.
    """

    name: str
    sql: str = ""
    python: str = ""
    apply: str = ""
    inputs: tuple[str, ...] = ()
    params: Mapping[str, Any] = field(default_factory=dict)
    key: tuple[str, ...] = ()
    partition_by: tuple[str, ...] = ()
    retries: int = 0
    backoff: timedelta = timedelta(seconds=1)
    timeout: timedelta | None = None

    def __post_init__(self) -> None:
        if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", self.name) is None:
            raise ValueError(f"a step is named by letters, digits, hyphens and underscores, not '{self.name}'")
        if sum(map(bool, (self.sql, self.python, self.apply))) != 1:
            raise ValueError(f"step '{self.name}' needs either sql, python or apply")

    def mistakes(self) -> Iterator[Mistake]:
        """Retries of what would fail in the same way again; a time in which nothing could be done."""
        if self.retries < 0:
            yield Mistake(f"retries is a number of further attempts, not {self.retries}.", ("retries",))
        if self.retries and not self.python:
            yield Mistake(f"Step '{self.name}' would fail in the same way again: only Python is retried.", ("retries",),
                          "Leave retries out.")
        if self.timeout is not None and not self.timeout:
            yield Mistake("A step needs some time.", ("timeout",), "Write 10m.")

    @property
    def kind(self) -> str:
        """`sql`, `python` or `apply`."""
        return "python" if self.python else "apply" if self.apply else "sql"

    @property
    def code(self) -> str:
        """What the declaration names: an SQL file, a function, a built-in."""
        return self.sql or self.python or self.apply


@dataclass(frozen=True)
class Pipeline:
    """pipelines/*.yaml"""

    steps: tuple[StepDecl, ...]
    every: str = ""
    description: str = ""


@dataclass(frozen=True)
class Label:
    """The outcome. `classes`: those of a multiclass model, in order; else the ones in the data, sorted."""

    dataset: str
    column: str
    delay: timedelta = timedelta(0)
    known_at: str = ""
    classes: tuple[str, ...] = ()

    def mistakes(self) -> Iterator[Mistake]:
        """Classes between which there is nothing to tell."""
        twice = [name for number, name in enumerate(self.classes) if name in self.classes[:number]]
        if twice:
            yield Mistake(f"The class '{twice[0]}' is given twice.", ("classes", self.classes.index(twice[0])))
        elif len(self.classes) == 1:
            yield Mistake("A model needs two classes or more.", ("classes",))


@dataclass(frozen=True)
class Span:
    """The values that a search draws a parameter from: evenly, or evenly in the logarithm; whole numbers if `int`."""

    low: float
    high: float
    log: bool = False
    int_: bool = False

    def mistakes(self) -> Iterator[Mistake]:
        """A span with nothing in it, or whose logarithm is none."""
        if not self.low < self.high:
            yield Mistake(f"low lies below high, not at {self.low:g} of {self.high:g}.", ("low",))
        elif self.log and self.low <= 0:
            yield Mistake(f"With log: true, low lies above 0, not at {self.low:g}.", ("low",))
        elif self.int_ and not (self.low.is_integer() and self.high.is_integer()):
            yield Mistake("With int: true, low and high are whole numbers.", ("low",))


@dataclass(frozen=True)
class FitStep:
    """One step of a candidate's pipeline: a transformer or estimator of scikit-learn with its parameters."""

    estimator: str
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Candidate:
    """What is fitted: an estimator of scikit-learn, `steps` that end in one, or what a function of the project makes.

    `calibrate`: how its probabilities are put right; `search`: the values of parameters that `tune` tries;
    `stopping`: when its fit ends early.
    """

    estimator: str = ""
    factory: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)
    steps: tuple[FitStep, ...] = ()
    calibrate: Literal["", "auto", "platt", "isotonic", "beta", "temperature"] = ""
    search: Mapping[str, tuple[Any, ...] | Span] = field(default_factory=dict)
    stopping: Stopping | None = None

    def __post_init__(self) -> None:
        if sum(map(bool, (self.estimator, self.factory, self.steps))) != 1:
            raise ValueError("a candidate needs one of estimator, factory or steps")

    def mistakes(self) -> Iterator[Mistake]:
        """Parameters of nothing; a parameter of which no value would be tried."""
        if self.steps and self.params:
            yield Mistake("Each step has its own params.", ("params",), "Write them below the step that they are of.")
        for name, values in self.search.items():
            if values == ():
                yield Mistake(f"The search has no value of {name}.", ("search", name),
                              "Write [1, 10, 100] or {low: 1, high: 100}.")


@dataclass(frozen=True)
class Split:
    """The last `test` of time is the test. `season`: the span after which a regression's outcomes recur.

    Rows whose times lie in the same span of `together` vary together, as the flights of a stormy day do: intervals and
    verdicts count spans, not rows. 0s: rows are independent.

    `series`: the columns whose values tell time series apart; the model's key without its time where none are given.
    """

    time: str
    gap: timedelta = timedelta(0)
    test: timedelta = timedelta(days=30)
    together: timedelta = timedelta(days=1)
    season: timedelta | None = None
    series: tuple[str, ...] = ()

    def mistakes(self) -> Iterator[Mistake]:
        """A season of no time."""
        if self.season is not None and not self.season:
            yield Mistake("A season takes some time.", ("season",), "Write 7d.")


@dataclass(frozen=True)
class Costs:
    """What each kind of answer costs per row, in one currency; a gain is a negative cost."""

    false_positive: float
    false_negative: float
    true_positive: float = 0.0
    true_negative: float = 0.0

    def mistakes(self) -> Iterator[Mistake]:
        """Costs by which one answer is always the cheaper one, so that there is nothing to decide (Elkan, 2001)."""
        for wrong, right, answer in (("false_positive", "true_negative", "yes"),
                                     ("false_negative", "true_positive", "no")):
            if getattr(self, wrong) <= getattr(self, right):
                yield Mistake(f"{wrong} costs more than {right}, else '{answer}' is never wrong: not "
                              f"{getattr(self, wrong):g} beside {getattr(self, right):g}.", (wrong,))


@dataclass(frozen=True)
class Value:
    """What a right or wrong answer is worth, in business units."""

    kpi: str
    per: str
    worth: str
    false_alarm: str = ""


@dataclass(frozen=True)
class Criterion:
    metric: str
    at_least: float | None = None
    at_most: float | None = None
    min_rows: int = 100
    slice: str = ""

    def __post_init__(self) -> None:
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError("a criterion needs either at_least or at_most")

    def mistakes(self) -> Iterator[Mistake]:
        """A number of rows below none."""
        if self.min_rows < 0:
            yield Mistake(f"min_rows is a number of rows, not {self.min_rows}.", ("min_rows",))

    def mistakes_of(self, task: str) -> Iterator[Mistake]:
        """A metric that models of that task do not have; a limit that it cannot reach."""
        known = METRICS_OF[task]
        if self.metric not in known:
            others = [each for each, metrics in METRICS_OF.items() if self.metric in metrics]
            what = f"{self.metric} is of {others[0]} models, not of {task} ones." if others else \
                f"No metric '{self.metric}'."
            yield Mistake(what, ("metric",), nearest(self.metric, known) or f"Metrics: {', '.join(known)}.")
            return
        for key, limit in (("at_least", self.at_least), ("at_most", self.at_most)):
            if limit is not None and limit not in known[self.metric]:
                yield Mistake(f"{self.metric} lies {known[self.metric]}, so {key} cannot be {limit:g}.", (key,))


@dataclass(frozen=True)
class EncodeStep:
    """Columns encoded by the label: by time from the outcomes known before each row, or by folds of rows."""

    columns: tuple[str, ...]
    smoothing: float | str = "auto"
    by: Literal["time", "rows"] = "time"
    folds: int = 5
    groups: str = ""
    keep: bool = False

    def mistakes(self) -> Iterator[Mistake]:
        """A smoothing that is neither a number of rows nor auto; folds that leave nothing to encode by."""
        if self.smoothing != "auto" and (isinstance(self.smoothing, str) or self.smoothing < 0):
            yield Mistake(f"smoothing is a number of rows from 0, or auto, not {self.smoothing}.", ("smoothing",))
        if self.folds < 2:
            yield Mistake(f"With {self.folds} fold each row would be encoded from its own outcome.", ("folds",))


@dataclass(frozen=True)
class ScalingStep:
    columns: tuple[str, ...]
    method: Literal["auto", "standard", "robust", "winsorised", "uniform", "normal"] = "auto"
    keep: bool = False


@dataclass(frozen=True)
class CardinalityStep:
    """The `top` most frequent levels of at least `min_rows` rows are kept; 0: all of them."""

    columns: tuple[str, ...]
    top: int = 0
    min_rows: int = 1
    buckets: int = 0
    keep: bool = False


@dataclass(frozen=True)
class Preparation:
    """One step between features and estimator, fitted on training rows alone and kept with the version."""

    encode: EncodeStep | None = None
    scaling: ScalingStep | None = None
    cardinality: CardinalityStep | None = None

    def __post_init__(self) -> None:
        if sum(each is not None for each in (self.encode, self.scaling, self.cardinality)) != 1:
            raise ValueError("a step of `prepare` is one of encode, scaling, cardinality")


@dataclass(frozen=True)
class Interaction:
    """A term of two columns that is a feature of its own, and why the domain says so."""

    columns: tuple[str, ...]
    reason: str
    term: Literal["auto", "product", "ratio", "joint"] = "auto"

    def mistakes(self) -> Iterator[Mistake]:
        """Other than two columns; no reason."""
        if len(set(self.columns)) != 2:
            yield Mistake("An interaction is of two columns.", ("columns",))
        if not self.reason.strip():
            yield Mistake("An interaction needs its reason in the domain.", ("reason",))


@dataclass(frozen=True)
class Mitigation:
    """What shall make a model treat groups alike. `reweigh`: columns of the label's dataset; training rows get the
    weights with which the label does not depend on their combinations (Kamiran & Calders 2012)."""

    reweigh: tuple[str, ...]

    def mistakes(self) -> Iterator[Mistake]:
        """No column to reweigh by."""
        if not self.reweigh:
            yield Mistake("reweigh names the columns of groups.", ("reweigh",), "Write reweigh: [age_group].")


GateRule = Literal["beats_baseline", "no_worse_than_champion", "calibrated", "checklist", "replays", "card", "impact",
                   "board", "consent", "signed", "lineage", "rehearsed", "access"]


@dataclass(frozen=True)
class Model:
    """models/*.yaml

    `weight`: a column of the label's dataset that says what a row counts, in fitting and in measuring. `slices`: the
    columns by whose values it is evaluated. `margin`: how much worse than the champion would not matter, in the units
    of the first criterion's metric; see `tolerance`. `expires`: the day from which it is no longer to be used. `board`:
    the review board that has to approve each version, where the gate asks for one.
    `licence`: under which others may use it, best by its SPDX name.
    `favourable`: the answer that is good for whom it concerns, 0 or 1, or a class; `bias` audits by it.
    """

    task: Literal["binary", "multiclass", "regression"]
    label: Label
    candidates: Mapping[str, Candidate]
    split: Split
    features: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    prepare: tuple[Preparation, ...] = ()
    interactions: tuple[Interaction, ...] = ()
    entity: tuple[str, ...] = ()
    train: tuple[str, str] | None = None
    weight: str = ""
    slices: tuple[str, ...] = ()
    value: Value | None = None
    costs: Costs | None = None
    threshold: float = 0.5
    criteria: tuple[Criterion, ...] = ()
    gate: tuple[GateRule, ...] = ("beats_baseline", "no_worse_than_champion", "checklist")
    checklist: str = "standard"
    margin: float | None = None
    ece_at_most: float = 0.05
    seed: int = 20130101
    owner: str = ""
    description: str = ""
    expires: str = ""
    deploy: Deploy | None = None
    watch: Watch | None = None
    board: str = ""
    licence: str = ""
    favourable: int | str = ""
    mitigation: Mitigation | None = None

    @property
    def tolerance(self) -> float:
        """The margin; where none is declared 0.005, and 0 of a regression: in its units that may be all or nothing."""
        return self.margin if self.margin is not None else 0.0 if self.task == "regression" else 0.005

    def mistakes(self) -> Iterator[Mistake]:
        """Numbers between which nothing could be decided; what models of this task do not have."""
        share, units = Range(0, 1), Range(0)
        for key, range_ in (("threshold", share), ("margin", units if self.task == "regression" else share),
                            ("ece_at_most", share)):
            value = getattr(self, key)
            if value is not None and value not in range_:
                yield Mistake(f"{key} lies {range_}, not at {value:g}.", (key,))
        for number, each in enumerate(self.criteria):
            for found in each.mistakes_of(self.task):
                yield replace(found, path=("criteria", number, *found.path))
        if self.weight and self.weight in (self.label.column, self.split.time):
            yield Mistake(f"'{self.weight}' cannot be what a row counts: it is the label or the time.", ("weight",))
        yield from self._unfair()
        if self.label.column in self.slices:
            yield Mistake("The label is what is predicted, so it is no slice.", ("slices",))
        try:
            _ = self.expires and date.fromisoformat(self.expires)
        except ValueError:
            yield Mistake(f"expires is a day, not '{self.expires}'.", ("expires",), "Write 2027-01-31.")
        yield from self._foreign()

    def _unfair(self) -> Iterator[Mistake]:
        """A favourable answer that is never given; weights that no regression has."""
        if self.favourable != "" and self.task == "regression":
            yield Mistake("A regression answers numbers; none of them is the favourable one.", ("favourable",))
        if self.task == "binary" and str(self.favourable) not in ("", "0", "1"):
            yield Mistake(f"A binary model answers 0 or 1, never '{self.favourable}'.", ("favourable",))
        if self.label.classes and self.favourable != "" and str(self.favourable) not in self.label.classes:
            yield Mistake(f"No class is called '{self.favourable}'.", ("favourable",),
                          nearest(str(self.favourable), self.label.classes) or "")
        if self.mitigation is None:
            return
        if self.task == "regression":
            yield Mistake("Reweighing is of classes; a regression has none.", ("mitigation", "reweigh"))
        if self.label.column in self.mitigation.reweigh:
            yield Mistake("The label is no group.", ("mitigation", "reweigh"))

    def _foreign(self) -> Iterator[Mistake]:
        """Keys that mean nothing for the task."""
        if self.task != "binary":
            usual = {field.name: field.default for field in fields(self)}
            for key in ("threshold", "value", "costs"):
                if getattr(self, key) != usual[key]:
                    yield Mistake(f"{key} is of yes or no; {self.task} models answer otherwise.", (key,),
                                  f"Leave {key} out.")
        if self.task != "multiclass" and self.label.classes:
            yield Mistake(f"classes are of multiclass models; this one is {self.task}.", ("label", "classes"))
        if self.task != "regression":
            if self.split.season is not None:
                yield Mistake(f"season is of regression models; this one is {self.task}.", ("split", "season"))
            return
        if "calibrated" in self.gate:
            yield Mistake("Calibration is of probabilities; a regression has none.",
                          ("gate", self.gate.index("calibrated")))
        for name, candidate in self.candidates.items():
            if candidate.calibrate:
                yield Mistake("Calibration is of probabilities; a regression has none.",
                              ("candidates", name, "calibrate"))


def looking(check: str, subject: str, monitor: str) -> tuple[str, ...]:
    """The command line that looks as a monitor of that name does."""
    return (*((check, "check") if check in ("catalog", "card") else (check,)), subject, "--monitor", monitor)


@dataclass(frozen=True)
class Monitor:
    """monitors/*.yaml

    `confidence`: the level of the intervals that performance and calibration are judged by. A gate wants to be sure; a
    monitor that shall see something in a week may be content with less, and `backtest` says what that costs.

    Of `bias`, `columns` are the groups, of several every combination; `reference: {group: VALUE}` those that others are
    held against, else the most favoured.
    """

    check: Check
    subject: str
    every: str = ""
    window: timedelta = timedelta(days=7)
    reference: Mapping[str, Any] = field(default_factory=dict)
    limits: Mapping[str, float] = field(default_factory=dict)
    columns: tuple[str, ...] = ()
    min_rows: int = 0
    confidence: float = SURE
    alert: AlertPolicy | None = None
    description: str = ""
    prometheus: Query | None = None
    retrain: Retraining | None = None

    def command(self, name: str) -> tuple[str, ...]:
        """The command line that looks as this monitor does."""
        return looking(self.check, self.subject, name)

    def mistakes(self) -> Iterator[Mistake]:
        """Limits that the check does not know or that make no sense; a window or a number of rows that is none."""
        yield from impossible(self.check, self.limits, "limits")
        if self.min_rows < 0:
            yield Mistake(f"min_rows is a number of rows, not {self.min_rows}.", ("min_rows",))
        if not 0.5 <= self.confidence < 1:
            yield Mistake(f"confidence lies from 0.5 to below 1, not at {self.confidence:g}.", ("confidence",))
        if self.confidence != SURE and self.check not in ("performance", "calibration"):
            yield Mistake(f"{self.check} has no confidence; performance and calibration have.", ("confidence",))
        if not self.window:
            yield Mistake("A window of no time has no rows.", ("window",), "Write 7d.")
        if (self.retrain is None) == (self.check == "triggers"):
            yield Mistake("A monitor that checks triggers says when to train again, and no other does.", ("retrain",),
                          "Write retrain: {when: {old: {every: 90d}}}, or leave it out.")
        if self.check == "bias" and not self.columns:
            yield Mistake("A monitor of bias names the columns of groups.", ("columns",), "Write columns: [age_group].")
        if self.prometheus is not None and self.check != "traffic":
            yield Mistake(f"{self.check} is not asked of Prometheus; traffic is.", ("prometheus",))


@dataclass(frozen=True)
class Item:
    """A checklist item: answered by a finding, or by a person's sign-off.

    `applies_when`: for which models it is asked. `expires`: the day from which it is not asked for any more. `group`:
    the columns whose groups an audit (`finding: bias`) has to compare.
    """

    id: str
    finding: str = ""
    sign_off: str = ""
    max_age: timedelta | None = None
    title: str = ""
    lesson_of: str = ""
    applies_when: Applies | None = None
    expires: str = ""
    group: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if bool(self.finding) == bool(self.sign_off):
            raise ValueError(f"item '{self.id}' needs either a finding or a sign_off")

    def mistakes(self) -> Iterator[Mistake]:
        """A day that is none; groups of what has none."""
        if self.group and self.finding != "bias":
            yield Mistake(f"'{self.finding or self.sign_off}' compares no groups.", ("group",), "Leave group out.")
        try:
            _ = self.expires and date.fromisoformat(self.expires)
        except ValueError:
            yield Mistake(f"expires is a day, not '{self.expires}'.", ("expires",), "Write 2027-01-31.")


@dataclass(frozen=True)
class Checklist:
    """checklists/*.yaml"""

    items: tuple[Item, ...]
    description: str = ""


@dataclass(frozen=True)
class Document:
    """decisions/*.md and runbooks/*.md: Markdown with a front matter."""

    name: str
    front: Mapping[str, Any]
    body: str
    path: str
    body_line: int = 1
