"""One version of a model as its card tells it: a record of measured figures, from which every format is made."""

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

UNKNOWN = "unknown"


@dataclass(frozen=True)
class Figure:
    """One measured number with its interval; where there is none, `reason` says why. `slice`: of which rows."""

    metric: str
    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0
    slice: str = ""
    method: str = ""
    reason: str = ""

    @property
    def name(self) -> str:
        return f"{self.metric} ({self.slice})" if self.slice else self.metric


@dataclass(frozen=True)
class Lead:
    """How far the version was ahead of a baseline on the same rows."""

    baseline: str
    metric: str
    estimate: float | None
    low: float | None
    high: float | None
    verdict: str


@dataclass(frozen=True)
class Data:
    """Rows that the version was made or tested with; `personal` is None where no contract says."""

    name: str
    role: str
    snapshot: str = ""
    rows: int | None = None
    start: str = ""
    end: str = ""
    description: str = ""
    licence: str = ""
    owners: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    sensitive: tuple[str, ...] = ()
    personal: bool | None = None


@dataclass(frozen=True)
class Finding:
    """What a check found, as the history has it."""

    title: str
    status: str
    entry: int
    at: str = ""
    group: str = ""
    value: float | None = None
    low: float | None = None
    high: float | None = None
    n: int | None = None


@dataclass(frozen=True)
class Standing:
    """How it stands now: what moves by itself is no part of what a published card is held against."""

    role: str = ""
    approvals: tuple[str, ...] = ()
    drift: Finding | None = None
    performance: Finding | None = None
    signature: str = ""
    incidents: tuple[str, ...] = ()


@dataclass(frozen=True)
class Card:
    """Everything a card tells. What is empty or None is not known, and said so: see `gaps`."""

    name: str
    version: str
    task: str
    created: str
    candidate: str
    estimator: str
    params: Mapping[str, Any]
    seed: int
    window: tuple[str, str]
    key: str
    declaration: str
    artifact: str
    threshold: float | None = None
    description: str = ""
    owners: tuple[str, ...] = ()
    licence: str = ""
    use: str = ""
    users: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    tradeoffs: tuple[str, ...] = ()
    ethics: tuple[tuple[str, str], ...] = ()
    inputs: tuple[tuple[str, str], ...] = ()
    data: tuple[Data, ...] = ()
    metric: str = ""
    metrics: tuple[Figure, ...] = ()
    slices: tuple[Figure, ...] = ()
    baselines: tuple[Lead, ...] = ()
    calibration: Figure | None = None
    fairness: Finding | None = None
    replays: tuple[tuple[str, str, str], ...] = ()
    lessons: tuple[str, ...] = ()
    tier: str = ""
    level: int | None = None
    eu: str = ""
    decisions: tuple[str, ...] = ()
    standing: Standing = field(default_factory=Standing)

    @property
    def title(self) -> str:
        return f"{self.name} {self.version}"

    @property
    def figures(self) -> tuple[Figure, ...]:
        """Every measured number once, those of all rows first."""
        found: dict[tuple[str, str], Figure] = {}
        calibration = (self.calibration,) if self.calibration is not None else ()
        for each in (*self.metrics, *calibration, *self.slices):
            found.setdefault((each.metric, each.slice), each)
        return tuple(found.values())

    @property
    def gaps(self) -> tuple[str, ...]:
        """What is not known, in the words of a heading."""
        return tuple(_gaps(self))

    def document(self) -> dict[str, Any]:
        """The whole record as JSON values: no number in it is NaN or infinite."""
        found: dict[str, Any] = _plain({**asdict(self), "gaps": self.gaps, "digest": self.digest})
        return found

    @property
    def digest(self) -> str:
        """SHA-256 of all that does not move by itself: a published card is held against it.

        Records of decisions are no part of it: a board's own record would make the card stale that it approved.
        """
        fairness = replace(self.fairness, entry=0, at="") if self.fairness is not None else None
        fixed = _plain(asdict(replace(self, standing=Standing(), fairness=fairness, decisions=())))
        return hashlib.sha256(canonical(fixed)).hexdigest()


def canonical(document: Any) -> bytes:
    """The same bytes for the same values."""
    text = json.dumps(document, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8", "backslashreplace")


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return value if value is None or isinstance(value, (bool, int, str)) else str(value)


def _gaps(card: Card) -> Iterator[str]:
    for what, there in (("description", card.description), ("owner", card.owners), ("licence", card.licence),
                        ("intended use", card.use), ("users", card.users), ("limits", card.limits),
                        ("ethics", card.ethics), ("metrics", card.metrics), ("baselines", card.baselines),
                        ("fairness", card.fairness), ("impact tier", card.tier),
                        ("signature", card.standing.signature), ("drift since", card.standing.drift),
                        ("performance since", card.standing.performance)):
        if not there:
            yield what
    if card.task == "binary" and card.calibration is None:
        yield "calibration"
    for each in card.figures:
        if each.value is None or not math.isfinite(each.value):
            yield f"{each.name}: {each.reason or 'not measured'}"
    for data in card.data:
        if data.personal is None and data.role != "test":
            yield f"whether {data.name} is about people"
