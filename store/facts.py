"""What can happen, as frozen values: one class for each kind of entry in the history."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, ClassVar

Detail = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Fact:
    """Something that happened; `subject` says to what."""

    kind: ClassVar[str]
    subject: str


@dataclass(frozen=True, kw_only=True)
class Command(Fact):
    """A command that changed or measured something: attempted, done, refused or failed."""

    kind: ClassVar[str] = "command"
    argv: tuple[str, ...]
    shape: str
    phase: str
    status: str
    source: str
    reason: str = ""
    error: str = ""


@dataclass(frozen=True, kw_only=True)
class Finding(Fact):
    """A judged measurement: the digests of the data and of the declaration make it reproducible."""

    kind: ClassVar[str] = "finding"
    check: str
    status: str
    title: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    limit: float | None = None
    unit: str = ""
    n: int | None = None
    window: tuple[str, str] = ("", "")
    data: tuple[str, ...] = ()
    declaration: str = ""
    monitor: str = ""
    version: str = ""
    detail: Detail = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Snapshot(Fact):
    """A dataset got a new state; the subject is the dataset."""

    kind: ClassVar[str] = "snapshot"
    snapshot: str
    parent: str
    rows: int
    bytes: int
    source: str = ""
    run: str = ""
    key: str = ""
    tag: str = ""


@dataclass(frozen=True, kw_only=True)
class Run(Fact):
    """A pipeline run or one step of it, begun or ended; the subject is the pipeline."""

    kind: ClassVar[str] = "run"
    run: str
    step: str = ""
    status: str = "running"
    key: str = ""
    snapshot: str = ""
    seconds: float | None = None
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class Trained(Fact):
    """A version of a model exists; the subject is the model."""

    kind: ClassVar[str] = "trained"
    version: str
    candidate: str
    key: str
    run_id: str
    artifact: str
    training: str
    declaration: str
    seed: int
    window: tuple[str, str]
    metrics: Detail
    scores: str = ""
    detail: Detail = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Promotion(Fact):
    """A version became champion; the subject is the model.

    `reason`: why it was rolled back, or came without votes. `deployment`: the one that brought it.
    """

    kind: ClassVar[str] = "promotion"
    version: str
    previous: str
    approval: str
    evidence: str
    event: str = "promoted"
    reason: str = ""
    deployment: str = ""


@dataclass(frozen=True, kw_only=True)
class Approval(Fact):
    """What happened to an approval; the subject is its id (AP-2).

    `asked`, then `met`, `done`, `rejected`, `void`, `expired` or `withdrawn`; `more`: a voter wants to know more, and
    nothing else changes. `glass`: it was done without gate or votes, and is `reviewed` afterwards. `seats` are roles of
    which each wants a yes of somebody else.
    """

    kind: ClassVar[str] = "approval"
    event: str
    argv: tuple[str, ...] = ()
    plan: str = ""
    quorum: int = 0
    role: str = ""
    requester: str = ""
    expires_at: str = ""
    title: str = ""
    reason: str = ""
    evidence: str = ""
    seats: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Vote(Fact):
    """Somebody's yes or no, bound to the plan that was shown; the subject is the approval.

    The newest one of a voter counts; `withdrawn` takes it back. `roles`: those asked for that the voter held then.
    """

    kind: ClassVar[str] = "vote"
    voter: str
    choice: str
    plan: str
    reason: str
    simulated: bool = False
    roles: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class SignOff(Fact):
    """A person answered a checklist item; the subject is `model@version`.

    `evidence` is the item as it read then, `digest` that of the version's files.
    """

    kind: ClassVar[str] = "sign_off"
    item: str
    checklist: str
    choice: str
    reason: str
    evidence: str = ""
    digest: str = ""


@dataclass(frozen=True, kw_only=True)
class AlertEvent(Fact):
    """What happened to an alert, or to a silence; the subject is its id (AL-7, SI-2).

    `group`: what it shares a card with, where that is not its subject `about`. `loss`: what it is expected to cost a
    day (value, low, high, unit). `cause`: the alert that mutes it. `match` and `since` are a silence's: which alerts,
    and from when, up to `until`.
    """

    kind: ClassVar[str] = "alert"
    event: str
    monitor: str = ""
    about: str = ""
    check: str = ""
    severity: str = ""
    title: str = ""
    runbook: str = ""
    route: str = ""
    finding: int | None = None
    who: str = ""
    note: str = ""
    until: str = ""
    real: bool | None = None
    page: bool = False
    group: str = ""
    loss: Detail = field(default_factory=dict)
    cause: str = ""
    match: tuple[str, ...] = ()
    since: str = ""


@dataclass(frozen=True, kw_only=True)
class IncidentEvent(Fact):
    """What happened in an incident; the subject is its id (INC-3).

    `until`: when the next status update is promised. `point` and `at`: which moment of it was at what time, where
    somebody says so or corrects it. `reference`: the note, or the incident, that the event is about.
    """

    kind: ClassVar[str] = "incident"
    event: str
    about: str = ""
    title: str = ""
    severity: str = ""
    alert: str = ""
    role: str = ""
    who: str = ""
    note: str = ""
    window: tuple[str, str] = ("", "")
    reference: str = ""
    until: str = ""
    point: str = ""
    at: str = ""


@dataclass(frozen=True, kw_only=True)
class RunbookEvent(Fact):
    """What happened in a runbook run; the subject is its id (RUN-5).

    `until`: when a step that waits is looked at again. `holder`: the process that is about to act, as host:pid:born.
    """

    kind: ClassVar[str] = "runbook"
    event: str
    runbook: str = ""
    digest: str = ""
    incident: str = ""
    about: str = ""
    step: int | None = None
    status: str = ""
    evidence: str = ""
    note: str = ""
    params: Detail = field(default_factory=dict)
    until: str = ""
    holder: str = ""


@dataclass(frozen=True, kw_only=True)
class Postmortem(Fact):
    """A post-mortem was drafted or finished; the subject is the incident.

    `told` and `declined`: what `who`, who was there, had to say when asked. What people wrote is never in the history:
    `document` is the digest of the object that holds it.
    """

    kind: ClassVar[str] = "postmortem"
    event: str
    document: str = ""
    actions: tuple[Detail, ...] = ()
    who: str = ""


@dataclass(frozen=True, kw_only=True)
class Proposal(Fact):
    """A change to the project's files, put forward; the subject is its number (P-4). `branched`: it was committed to
    the git branch that `reason` names, and waits to be merged.

    With a `document` the new text is not in the history, but in the object of that digest: people wrote part of it.
    """

    kind: ClassVar[str] = "proposal"
    event: str
    path: str = ""
    content: str = ""
    before: str = ""
    why: str = ""
    origin: str = ""
    lesson: bool = False
    reason: str = ""
    document: str = ""


@dataclass(frozen=True, kw_only=True)
class Note(Fact):
    """Something that happened outside and matters to the story: a replay began, a file was seen."""

    kind: ClassVar[str] = "note"
    text: str
    detail: Detail = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Quarantined(Fact):
    """Rows left the quarantine: they were taken in, or given up; the subject is the dataset."""

    kind: ClassVar[str] = "quarantine"
    event: str
    batch: str
    rows: int
    left: int
    file: str = ""
    reason: str = ""
    rules: Detail = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Hold(Fact):
    """A state of a dataset, or all of them where `snapshot` is empty, must be kept, or need not any more.

    With a `version` the subject is a model: that version of it, or `every` one. With an `origin` it is no legal hold:
    the rows of that incident are kept, to be replayed.
    """

    kind: ClassVar[str] = "hold"
    event: str
    snapshot: str = ""
    reason: str = ""
    version: str = ""
    origin: str = ""


@dataclass(frozen=True, kw_only=True)
class Collected(Fact):
    """States of a dataset that nothing needed were let go: `began` before a file is removed, `ended` afterwards."""

    kind: ClassVar[str] = "collected"
    event: str
    snapshots: tuple[str, ...] = ()
    files: int = 0
    bytes: int = 0


@dataclass(frozen=True, kw_only=True)
class Streamed(Fact):
    """A micro-batch of events was taken in, once; the subject is the dataset.

    `positions` is where each part of the stream is to be read on (Kafka), `newest` the latest event time so far,
    `arrived` when the last of the events came to the stream. `again`: they were dead letters. `unnamed` are
    values that events had and the contract does not name.
    """

    kind: ClassVar[str] = "streamed"
    stream: str
    events: int
    taken: int
    bad: int = 0
    dead: int = 0
    twice: int = 0
    late: int = 0
    newest: str = ""
    arrived: str = ""
    positions: Detail = field(default_factory=dict)
    again: bool = False
    unnamed: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Spent(Fact):
    """Privacy budget was spent, before the noise was drawn; the subject is the dataset.

    `fresh`: new noise was drawn, which counts for the dataset; otherwise a role was told what another one had asked.
    """

    kind: ClassVar[str] = "spent"
    role: str
    epsilon: float
    delta: float
    query: str
    key: str
    snapshot: str
    fresh: bool = True


@dataclass(frozen=True, kw_only=True)
class Released(Fact):
    """A private answer exists: the object that holds it; the subject is the dataset."""

    kind: ClassVar[str] = "released"
    key: str
    answer: str


@dataclass(frozen=True, kw_only=True)
class Looked(Fact):
    """A version was compared on its test rows; the subject is the model.

    `question` is the metric, with the threshold of a decision; `rival` the other version where it was not the champion.
    Whoever asks the same rows again pays for it: the verdict counts the looks.
    """

    kind: ClassVar[str] = "looked"
    version: str
    question: str
    rival: str = ""
    against: str = ""
    n: int = 0
    p_value: float | None = None
    verdict: str = ""
    data: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Tuned(Fact):
    """A candidate's search was carried through by nested cross-validation; the subject is the model.

    `params` are those for all rows; `detail` holds the scores of every point in every fold.
    """

    kind: ClassVar[str] = "tuned"
    candidate: str
    key: str
    training: str
    declaration: str
    seed: int
    window: tuple[str, str]
    metric: str
    params: Detail
    detail: Detail = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Backtested(Fact):
    """A monitor's rule was replayed over history; the subject is the monitor.

    `declaration` is the monitor's as it was replayed: a rule that was changed since has no back-test. `looks` are the
    times it would have looked, `judged` those at which it could say something, `alerts` how often it would have fired;
    `real` and `false` tell these apart where `truth` says by what (planted faults, days known, alerts judged by
    people). `missed` are events that no alert followed, `delay` the median seconds from an event to its alert.
    """

    kind: ClassVar[str] = "backtest"
    declaration: str
    window: tuple[str, str]
    looks: int
    judged: int
    alerts: int
    truth: str = ""
    real: int | None = None
    false: int | None = None
    missed: int | None = None
    delay: float | None = None
    detail: Detail = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Drilled(Fact):
    """A named fault was put into a copy of the data to see who notices; the subject is the model.

    `meant` are the monitors that ought to see it, `seen` the seconds until each monitor that did see it failed.
    """

    kind: ClassVar[str] = "drill"
    fault: str
    size: float | None = None
    meant: tuple[str, ...] = ()
    seen: Detail = field(default_factory=dict)
    window: tuple[str, str] = ("", "")
    detail: Detail = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Archived(Fact):
    """A version's files were packed away, or given back; or MLflow's clutter was removed. The subject is the model.

    `began` stands before the first file is removed, `taken` after the last; `restored`; `purged`.
    """

    kind: ClassVar[str] = "archive"
    event: str
    version: str = ""
    archive: str = ""
    artifact: str = ""
    files: int = 0
    bytes: int = 0
    detail: Detail = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Replayed(Fact):
    """A version answered the rows of an old incident, and was judged as the incident's alert was; the subject is the
    model.

    `key` is the digest of all that the answer follows from: the version, the rows, their outcomes, the rule. `rows` is
    the state of the model's inputs, `against` the version that served when it happened. `verdict`: survives, fails,
    unknown, or trained on it.
    """

    kind: ClassVar[str] = "replayed"
    version: str
    incident: str
    key: str
    verdict: str
    rows: str = ""
    reason: str = ""
    check: str = ""
    against: str = ""
    n: int = 0
    window: tuple[str, str] = ("", "")
    data: tuple[str, ...] = ()
    detail: Detail = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Snoozed(Fact):
    """Somebody put a reminder off until then, or wants it now; the subject is what it reminds of (alert/AL-1)."""

    kind: ClassVar[str] = "snoozed"
    who: str
    until: str


@dataclass(frozen=True, kw_only=True)
class OnCallSwap(Fact):
    """Somebody takes over from `since` to `until` whoever else would be on call; the subject is the rotation."""

    kind: ClassVar[str] = "oncall"
    who: str
    since: str
    until: str
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Handover(Fact):
    """A person `gave` the watch to somebody, or `took` it: up to then he knows what happened. The subject is who."""

    kind: ClassVar[str] = "handover"
    event: str
    to: str = ""
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Subscribed(Fact):
    """When somebody wants to hear from us, in his own words; the subject is the person. The last word counts.

    `declared`: as team.yaml has it, whatever was said before.
    """

    kind: ClassVar[str] = "subscribed"
    daily: str = ""
    weekly: str = ""
    zone: str = ""
    quiet: str = ""
    only_if_changed: bool = True
    declared: bool = False


@dataclass(frozen=True, kw_only=True)
class Questioned(Fact):
    """Somebody said whether a question in words was understood; the subject is the question's number.

    The question is short and without what looks like a person's address or number; `understood` are the command lines
    that it was taken for, one where that was `certain`.
    """

    kind: ClassVar[str] = "question"
    question: str
    choice: str
    certain: bool
    understood: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Granted(Fact):
    """Somebody, or everybody of a role, may do something with a resource until then; the subject is its id (G-3).

    `event`: `granted`, or `glass` where somebody took it himself, at once, over whatever is denied. `review_by`: when
    somebody has to say that it is needed still.
    """

    kind: ClassVar[str] = "granted"
    who: str
    action: str
    resource: str
    until: str
    event: str = "granted"
    purpose: str = ""
    reason: str = ""
    review_by: str = ""


@dataclass(frozen=True, kw_only=True)
class Revoked(Fact):
    """A grant was `revoked`, `kept` (it is needed still, somebody said), or, where the glass was broken, `reviewed`."""

    kind: ClassVar[str] = "revoked"
    event: str = "revoked"
    reason: str = ""
    review_by: str = ""


@dataclass(frozen=True, kw_only=True)
class Assessed(Fact):
    """The impact of a model was assessed; the subject is the model.

    `levels`: the lowest and highest impact level (1 to 4) that the answers so far allow; `classes`: the same of the EU
    AI Act. They are alike where everything that decides them is answered. `questions` is the version of the questions,
    `declaration` the digest of the typed answers, `answers` of the object that holds every answer with its evidence.
    """

    kind: ClassVar[str] = "assessed"
    levels: tuple[int, int]
    classes: tuple[str, str]
    questions: str
    answers: str
    declaration: str = ""
    version: str = ""
    detail: Detail = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Kept(Fact):
    """What happened to a master key of the vault (`created`, `rotated`, `destroyed`), whose id is the subject; or a
    version was `sealed`, under `key`, and the subject is the model. Nothing of a key itself is ever here.

    `previous`: the key that was active before; `count`: how many versions were put under the new one.
    """

    kind: ClassVar[str] = "vault"
    event: str
    key: str = ""
    previous: str = ""
    origin: str = ""
    version: str = ""
    artifact: str = ""
    count: int = 0


@dataclass(frozen=True, kw_only=True)
class Deployment(Fact):
    """A version is being brought to serve; the subject is the model.

    `began` stands before the first effect, `undoing` before anything is taken back; it ends as `done`, `undone`, or
    `stuck` where it could not be taken back. `followed`, without an id: the registry's alias was seen at the version.
    `way`: promote, rollback or glass. `holder`: the process at work, as host:pid:born. `log`: what the programs said.
    """

    kind: ClassVar[str] = "deployment"
    event: str
    id: str = ""
    version: str = ""
    previous: str = ""
    way: str = ""
    deployer: str = ""
    approval: str = ""
    evidence: str = ""
    reason: str = ""
    holder: str = ""
    log: str = ""


@dataclass(frozen=True, kw_only=True)
class BoardEvent(Fact):
    """What happened to a case of a review board; the subject is its id (BC-2).

    `opened`, `voted`, `recused`, then `closed` with its `outcome`; `reopened`: the guidelines have a new version, and
    no vote counts any more. `about` is `model@version`, `parts` the digests of all that an approval is bound to,
    `rules` the board as it was declared, `authors` who made it or asked for it, `out` the members who are among them
    and so may not vote. `member` is whose vote it is, `voter` who gave it.
    """

    kind: ClassVar[str] = "board"
    event: str
    board: str = ""
    about: str = ""
    parts: Detail = field(default_factory=dict)
    rules: Detail = field(default_factory=dict)
    guidelines: str = ""
    out: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    expires_at: str = ""
    member: str = ""
    voter: str = ""
    choice: str = ""
    reason: str = ""
    answers: Detail = field(default_factory=dict)
    digest: str = ""
    simulated: bool = False
    outcome: str = ""


@dataclass(frozen=True, kw_only=True)
class CardPublished(Fact):
    """The card of a version was published; the subject is the model.

    `digest` is of all that does not move by itself: a card whose digest is another one is stale. `card` is the digest
    of the object that holds the whole record, `gaps` what it could not say.
    """

    kind: ClassVar[str] = "card"
    version: str
    digest: str
    card: str
    gaps: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Foreign(Fact):
    """An OpenLineage event of somebody else; the subject is its job (`NAMESPACE NAME`). Nothing of ours rests on it.

    `event` is its type in capitals, or `job` where it is of no run, or `dataset` where it is of a dataset alone. `at`
    is when it says that it happened. `inputs` and `outputs` are datasets as `NAMESPACE NAME`, `versions` what it says
    of their versions, `parent` the run that it belongs to. `key` is the digest of the event, `document` that of the
    object that holds the file it came in, with all that is not said here.
    """

    kind: ClassVar[str] = "foreign"
    event: str
    run: str = ""
    at: str = ""
    key: str = ""
    document: str = ""
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    versions: Detail = field(default_factory=dict)
    parent: str = ""


@dataclass(frozen=True, kw_only=True)
class OptOut(Fact):
    """What happened to a person's request (`OO-1`): `received`, `verified`, `extended`, `located`, `began`, `actioned`,
    `attested`; or `held` (must be kept by law), `refused`, `withdrawn`.

    `person` is a pseudonym; who it is lies beside the history until it is attested. `right` is erasure, access,
    objection or optout-automated; `purposes` what the person's rows are not to be used for any more. `token` is the
    number of the signed link that it came by.
    """

    kind: ClassVar[str] = "optout"
    event: str
    person: str = ""
    right: str = ""
    jurisdiction: str = ""
    purposes: tuple[str, ...] = ()
    via: str = ""
    reason: str = ""
    token: str = ""
    detail: Detail = field(default_factory=dict)


KINDS: dict[str, type[Fact]] = {cls.kind: cls for cls in (
    Command, Finding, Snapshot, Run, Trained, Promotion, Approval, Vote, SignOff, AlertEvent, IncidentEvent,
    RunbookEvent, Postmortem, Proposal, Note, Quarantined, Hold, Collected, Streamed, Spent, Released, Looked,
    Tuned, Backtested, Drilled, Archived, Snoozed, OnCallSwap, Replayed, Handover, Subscribed, Questioned, Assessed,
    Kept, Deployment, BoardEvent, CardPublished, Granted, Revoked, Foreign, OptOut)}


def body_of(fact: Fact) -> dict[str, Any]:
    """The fact's own fields, without the subject, as JSON values."""
    body = asdict(fact)
    del body["subject"]
    return body


def fact_of(kind: str, subject: str, body: Mapping[str, Any]) -> Fact:
    """The fact that a stored body stands for; JSON lists become tuples again."""
    cls = KINDS[kind]
    known = {item.name for item in fields(cls)}
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in body.items() if name in known}
    return cls(subject=subject, **values)
