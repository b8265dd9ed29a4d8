"""Which earlier incidents one looks like, by what its monitors found and by what people said."""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile

from mlops_tui.folds import Incident
from mlops_tui.incidents.notes import notes
from store.facts import Finding, IncidentEvent
from store.ledger import Entry

# What each agreement counts. What neither incident says anything of is left out; what only one of them says of counts
# as no agreement, so that few words in common never look like much.
WEIGHTS: Mapping[str, float] = {"subject": 0.5, "check": 1.0, "column": 2.0, "turn": 1.0, "words": 4.0}
# Above this two incidents are alike. Of unrelated incidents about one model, found by the same handful of checks, 2 to
# 6 % find a false likeness among 4 to 30 earlier ones, 9 % among two where nothing is said of it yet (300 draws each,
# as tests/incidents/test_alike.py draws them).
LIKE = 0.44
BACKGROUND = 20  # documents that are thought to lie around a small history, so that its words are not all rare
ENOUGH = 8       # words by which an incident is told; of one that has just begun little is said yet
SHOWN = 5        # words in common that are named

_WORD = re.compile(r"[a-z][a-z0-9_]{2,}")
_COMMON = frozenset((
    "about", "after", "again", "alert", "all", "also", "and", "any", "are", "because", "been", "before", "being",
    "but", "can", "chosen", "column", "columns", "could", "did", "does", "done", "during", "each", "fired", "for",
    "found", "from", "had", "has", "have", "her", "here", "him", "his", "how", "inc", "incident", "into", "its",
    "just", "less", "like", "limit", "model", "monitor", "more", "most", "moved", "much", "nor", "not", "now", "off",
    "one", "only", "other", "our", "out", "over", "own", "runbook", "same", "saw", "seen", "serves", "she", "should",
    "since", "some", "still", "such", "than", "that", "the", "their", "them", "then", "there", "these", "they",
    "this", "those", "though", "through", "too", "under", "until", "version", "very", "was", "were", "what", "when",
    "where", "which", "while", "who", "why", "will", "with", "worked", "would", "you", "your"))


@dataclass(frozen=True)
class Trace:
    """What an incident is recognised by. `near`: what its subject is made from. `turns`: what went which way."""

    incident: str
    subject: str
    near: frozenset[str] = frozenset()
    checks: frozenset[str] = frozenset()
    columns: frozenset[str] = frozenset()
    turns: frozenset[str] = frozenset()
    words: Mapping[str, int] = field(default_factory=dict)

    @property
    def signs(self) -> frozenset[str]:
        """Everything that another incident may show as well."""
        kept = (("check", self.checks), ("column", self.columns), ("turn", self.turns))
        return frozenset({f"subject {self.subject}", *self.words,
                          *(f"{name} {each}" for name, found in kept for each in found)})


@dataclass(frozen=True)
class Likeness:
    """How much an earlier incident is like this one, from 0 to 1, and why, in words."""

    incident: str
    score: float
    reasons: tuple[str, ...]

    @property
    def enough(self) -> bool:
        return self.score >= LIKE


def trace(incident: Incident, causes: Mapping[str, Sequence[Entry]], feeds: Mapping[str, frozenset[str]],
          more: str = "") -> Trace:
    """What an incident is recognised by; `more` is what else was written about it, such as its post-mortem.

    Of its alerts the one counts that it began with: those that joined later are often what followed from it, or what
    happened meanwhile.
    """
    found = [entry.fact for alert in incident.alerts[:1] for entry in causes.get(alert, ())
             if isinstance(entry.fact, Finding)]
    checks = frozenset(fact.check for fact in found)
    columns = frozenset(name for fact in found for name in _columns(fact))
    turns = frozenset(turn for fact in found for turn in _turns(fact))
    subject = incident.about.partition("@")[0]
    counted = {*_split(subject), *checks, *columns, *(word for turn in turns for word in _split(turn))}
    words = Counter(word for word in _split(" ".join((incident.title, *_said(incident), more))) if word not in counted)
    return Trace(incident.id, subject, feeds.get(subject, frozenset()), checks, columns, turns, words)


def _columns(fact: Finding) -> Iterator[str]:
    """The columns that moved, or that were odd."""
    drifted, problems = fact.detail.get("drifted"), fact.detail.get("problems")
    if isinstance(drifted, list | tuple):
        yield from map(str, drifted)
    if isinstance(problems, list | tuple):
        yield from (str(each[1]) for each in problems if isinstance(each, list | tuple) and len(each) > 1 and each[1])
    if not drifted and fact.detail.get("worst"):
        yield str(fact.detail["worst"])


def _turns(fact: Finding) -> Iterator[str]:
    """What went which way: `roc_auc fell`, `predicts too little`, `volume: fewer`."""
    predicted, seen = fact.detail.get("predicted"), fact.detail.get("seen")
    if fact.check == "calibration" and isinstance(predicted, float) and isinstance(seen, float):
        yield "predicts too little" if predicted < seen else "predicts too much"
    for problem in fact.detail.get("problems") or ():
        if isinstance(problem, list | tuple) and problem:
            fewer = isinstance(fact.value, float) and fact.value < 0
            yield f"{problem[0]} {'fewer' if fewer else 'more'}" if problem[0] == "volume" else str(problem[0])
    metric = fact.detail.get("metric")
    if metric and fact.value is not None and fact.limit is not None:
        yield f"{metric} {'fell' if fact.value < fact.limit else 'rose'}"


def _said(incident: Incident) -> Iterator[str]:
    """What people said about it: notes as they read now, updates, what ended it."""
    yield from (note.text for note in notes(incident).values() if not note.struck)
    yield from (entry.fact.note for entry in incident.timeline if isinstance(entry.fact, IncidentEvent)
                and entry.fact.event in ("update", "mitigated", "resolved", "reopened"))


def _split(text: str) -> list[str]:
    """The words of a text that may tell something, in a form in which plural and singular are the same."""
    return [word.removesuffix("s") if len(word) > 4 and not word.endswith("ss") else word
            for word in _WORD.findall(text.lower().replace("-", " ")) if word not in _COMMON]


# -- how much two are alike ---------------------------------------------------------------------------------------

Telling = Callable[[str], float]


def ranked(one: Trace, others: Sequence[Trace]) -> list[Likeness]:
    """The others by how much they are like it, the most alike first; of equals the newest."""
    telling = _telling((one, *others))
    found = [_likeness(one, other, telling) for other in others]
    return [like for _, like in sorted(enumerate(found), key=lambda pair: (-pair[1].score, -pair[0]))]


def _telling(traces: Sequence[Trace]) -> Telling:
    """How much a sign tells, from 0 to 1: the fewer incidents show it, the more (inverse document frequency)."""
    having = Counter(sign for each in traces for sign in each.signs)
    total = len(traces) + BACKGROUND
    most = math.log(total / 2)
    return lambda sign: max(math.log(total / (1 + having[sign])), 0.0) / most


def _likeness(one: Trace, other: Trace, telling: Telling) -> Likeness:
    cosine, shared = _cosine(one.words, other.words, telling)
    near = _nearness(one, other)
    parts = {"subject": (near * telling(f"subject {other.subject}"), bool(one.subject or other.subject)),
             **{name: _overlap(name, getattr(one, f"{name}s"), getattr(other, f"{name}s"), telling)
                for name in ("check", "column", "turn")},
             "words": (cosine, True)}
    weights = {**WEIGHTS, "words": WEIGHTS["words"] * max(0.5, min(len(one.words) / ENOUGH, 1.0))}
    weight = sum(weights[name] for name, (_, known) in parts.items() if known)
    score = sum(weights[name] * value for name, (value, _) in parts.items()) / weight
    return Likeness(other.incident, score, tuple(_reasons(one, other, near, shared)))


def _nearness(one: Trace, other: Trace) -> float:
    """1 for the same subject, a half where one is made from the other or both from the same."""
    if not one.subject or not other.subject:
        return 0.0
    if one.subject == other.subject:
        return 1.0
    related = one.subject in other.near or other.subject in one.near or one.near & other.near
    return 0.5 if related else 0.0


def _overlap(name: str, ours: frozenset[str], theirs: frozenset[str], telling: Telling) -> tuple[float, bool]:
    """How much of both is shared (Ochiai), each shared one by how much it tells; and whether either has any."""
    size = math.sqrt(len(ours) * len(theirs))
    shared = sum(telling(f"{name} {each}") for each in ours & theirs)
    return (shared / size if size else 0.0, bool(ours or theirs))


def _cosine(ours: Mapping[str, int], theirs: Mapping[str, int], telling: Telling) -> tuple[float, list[str]]:
    """The cosine between two texts as vectors of (1 + log count) · how much a word tells, and the words in both, the
    ones that make most of it first."""
    one, other = ({word: (1 + math.log(count)) * telling(word) for word, count in text.items()}
                  for text in (ours, theirs))
    length = math.sqrt(sum(value ** 2 for value in one.values()) * sum(value ** 2 for value in other.values()))
    shared = sorted(one.keys() & other.keys(), key=lambda word: (-one[word] * other[word], word))
    return (sum(one[word] * other[word] for word in shared) / length if length else 0.0), shared


def _reasons(one: Trace, other: Trace, near: float, shared: Sequence[str]) -> Iterator[str]:
    if near == 1:
        yield f"also about {other.subject}"
    elif near:
        yield f"{one.subject} and {other.subject} are made from the same data"
    for said, ours, theirs in (("both found by", one.checks, other.checks),
                               ("moved in both:", one.columns, other.columns), ("in both", one.turns, other.turns)):
        if both := sorted(ours & theirs):
            yield f"{said} {', '.join(both)}"
    if len(shared) > 1:
        yield f"both speak of {', '.join(shared[:SHOWN])}"


def earlier(known: Mapping[str, Incident], incident: Incident) -> list[Incident]:
    """Those that were opened before it and stand for themselves, oldest first."""
    before = takewhile(lambda each: each.id != incident.id, known.values())
    return [each for each in before if not each.merged_into]
