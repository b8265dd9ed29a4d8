"""Which column of somebody's table of predictions is what: guessed by name and type, said aloud, and overruled."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from mlops_tui.errors import BadInput, NotFound, nearest
from store.quoting import quote
from store.scan import Field, Scan

# for each part the names it goes by, the surest first; names of one group are equally good
NAMES: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "time": (("predicted_at", "prediction_time", "scored_at"), ("timestamp", "event_time", "ts"),
             ("time", "datetime", "created_at"), ("date", "day")),
    "score": (("score", "probability", "proba", "prob", "y_score", "prediction_score", "predicted_probability"),
              ("prediction", "predicted", "pred", "y_pred", "output")),
    "label": (("label", "actual", "outcome", "y_true", "ground_truth", "truth"), ("target", "y")),
    "id": (("prediction_id", "request_id", "inference_id"), ("id", "event_id", "row_id", "key")),
    "version": (("model_version",), ("version",))}
# and the patterns that a name may fit where it is none of these: of several columns that fit, none is guessed
LIKE: Mapping[str, str] = {
    "score": r"(p|prob|proba|probability|score|y_score|y_prob|y_proba)_.+|.+_(score|prob|proba|probability)",
    "label": r"(label|target|outcome|actual)_.+|.+_(label|target|outcome|actual)|(is_)?(fraud|fraudulent)|"
             r"(is_|has_)?(churn|default|convert|click)(ed)?",
    "id": r".+_(id|uuid|key)"}
TOGETHER = ("prediction", "predicted", "pred", "y_pred", "output")  # beside a score they are what was decided by it
NUMERIC = ("score",)


@dataclass(frozen=True)
class Columns:
    """The columns by their part; empty where the table has no such column. What is none of these is a feature."""

    time: str = ""
    score: str = ""
    label: str = ""
    id: str = ""
    version: str = ""
    features: tuple[str, ...] = ()
    given: tuple[str, ...] = ()

    def said(self) -> tuple[str, ...]:
        """Each part with its column, and whether that is a guess."""
        parts = [(part, str(getattr(self, part))) for part in NAMES]
        return tuple(f"{part}: {name or 'none'}{'' if part in self.given or not name else ' (guessed)'}"
                     for part, name in parts)


def guessed(scan: Scan, given: Mapping[str, str], inputs: Collection[str] = ()) -> Columns:
    """The parts of a table; `given` overrules a guess, `inputs` are the model's own, where its signature names them.

    BadInput where two columns are equally likely; NotFound for a column that is not there.
    """
    for part, name in given.items():
        if name not in scan.fields:
            raise NotFound(f"No column '{name}' to be the {part}.", where=scan.where,
                           next=nearest(name, scan.fields) or f"Columns: {', '.join(list(scan.fields)[:12])}.")
    own = set(inputs)
    free = {name: field for name, field in scan.fields.items() if name not in own and name not in given.values()}
    found = {part: given.get(part) or _one(part, free, scan.where) for part in NAMES}
    for part, pattern in LIKE.items():
        if not found[part]:
            found[part] = _alike(part, pattern, {name: field for name, field in free.items()
                                                 if name not in found.values()}, scan)
    taken = set(found.values()) | {name for name in free if _plain(name) in TOGETHER}
    features = tuple(name for name in scan.fields if (name in own or not own) and name not in taken)
    return Columns(**found, features=features, given=tuple(given))


def _one(part: str, free: Mapping[str, Field], where: str) -> str:
    """The column that is surest to be the part, or nothing."""
    for names in NAMES[part]:
        able = [name for name, field in free.items() if _plain(name) in names and _fits(part, field)]
        if len(able) > 1:
            raise _ambiguous(part, able, where)
        if able:
            return able[0]
    times = [name for name, field in free.items() if field.kind == "time"] if part == "time" else []
    if len(times) > 1:
        raise _ambiguous(part, times, where)
    return times[0] if times else ""


def _alike(part: str, pattern: str, free: Mapping[str, Field], scan: Scan) -> str:
    """The only column whose name fits the pattern and whose values can be the part, or nothing."""
    able = [name for name, field in free.items()
            if re.fullmatch(pattern, _plain(name)) and _fits(part, field) and _can_be(part, name, field, scan)]
    return able[0] if len(able) == 1 else ""


def _can_be(part: str, name: str, field: Field, scan: Scan) -> bool:
    """Scores are shares, outcomes are two, and an id is of one row: what only its name suggests has to look like it."""
    column, cursor = quote(name), scan.cursor()
    if part == "score" and field.kind != "numeric":
        return False
    held = {"score": f"min({column}) >= 0 AND max({column}) <= 1", "label": f"count(DISTINCT {column}) <= 2",
            "id": f"count(DISTINCT {column}) = count(*)"}[part]
    return cursor.execute(f"SELECT {held} FROM {scan.relation}").fetchone() == (True,)


def _fits(part: str, field: Field) -> bool:
    return field.kind == "time" if part == "time" else part not in NUMERIC or field.kind != "time"


def _ambiguous(part: str, names: Sequence[str], where: str) -> BadInput:
    listed = " or ".join(f"'{name}'" for name in names)
    return BadInput(f"Which column is the {part}: {listed}?", where=where, next=f"Say it: --{part} {names[0]}")


def _plain(name: str) -> str:
    """A name as it is compared: `PredictionTime` and `prediction time` are one."""
    return re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()).strip("_")
