"""What a question names: models, datasets, people and the rest as they are declared, numbered things by their ids."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

_IDS: Mapping[str, str] = {"INC": "incident", "AL": "alert", "AP": "approval", "RUN": "run", "P": "proposal",
                           "SI": "silence"}
_WORDY = {"incident": "INC", "alert": "AL", "approval": "AP", "run": "RUN", "proposal": "P", "silence": "SI"}
_ID = re.compile(r"\b(inc|al|ap|run|si|p)[-# ]?(\d+)\b", re.IGNORECASE)
_NUMBERED = re.compile(rf"\b({'|'.join(_WORDY)})\s*(?:no\.?|number|#)?\s*(\d+)\b", re.IGNORECASE)
_JOB = re.compile(r"\bjob\s*#?(\d+)\b", re.IGNORECASE)
_FIRST = ("why", "who", "how")
_WORD = re.compile(r"[\w@./-]*[\w@/-]")


@dataclass(frozen=True)
class Mention:
    """A thing of that kind, under its right name; `guessed` from a misspelt one."""

    kind: str
    name: str
    guessed: bool = False


@dataclass(frozen=True)
class Question:
    """What was asked: plain words with `{kind}` where something is named, and what is named, in order."""

    plain: str
    mentions: tuple[Mention, ...]

    def named(self, kind: str, place: int = 0) -> str:
        """The name of the thing of a kind that is named first, or `place`th; empty where there is none."""
        found = [each.name for each in self.mentions if each.kind == kind]
        return found[place] if len(found) > place else ""


def distance(a: str, b: str, most: int = 2) -> int:
    """How many letters are wrong, missing, too many, or swapped with their neighbour (optimal string alignment);
    `most + 1` where it is more than that.

    >>> distance("flights-dealy", "flights-delay"), distance("flights", "weather")
    (1, 3)
    """
    if abs(len(a) - len(b)) > most:
        return most + 1
    before, row = list[int](), list(range(len(b) + 1))
    for i, letter in enumerate(a, 1):
        older, before, row = before, row, [i]
        for j, other in enumerate(b, 1):
            best = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == b[j - 2] and a[i - 2] == other:
                best = min(best, older[j - 2] + 1)
            row.append(best)
    return min(row[-1], most + 1)


def closest(word: str, known: Collection[str]) -> str:
    """The one known word that is a small slip away from this one; empty where there is none, or more than one.

    Letters that only changed places are the likelier slip. Of three letters only a question's first word is guessed.
    """
    allowed = 0 if len(word) < 3 else 1 if len(word) < 8 else 2
    known = _FIRST if len(word) == 3 else known
    near: dict[int, list[str]] = {}
    for each in known:
        if abs(len(each) - len(word)) <= allowed:
            near.setdefault(distance(word, each, allowed), []).append(each)
    best = next((near[steps] for steps in range(1, allowed + 1) if steps in near), [])
    swapped = [each for each in best if sorted(each) == sorted(word)]
    best = swapped or best
    return best[0] if len(best) == 1 else ""


def question(text: str, names: Mapping[str, Sequence[str]], vocabulary: Collection[str]) -> Question:
    """Read a question: `names` are those declared of each kind, `vocabulary` the words that are understood.

    A name may be misspelt a little, or written with blanks for its hyphens; so may a word.
    """
    said = _numbered(text.replace("’", "'"))
    known = _known(names)
    said = _joined(said, known)
    mentions, plain = list[Mention](), list[str]()
    for word in _WORD.findall(said):
        low = word.lower()
        mention = _mention(word, known)
        if mention is None and low not in vocabulary:
            low = closest(low, vocabulary) or low
            if low not in vocabulary and (near := closest(low, list(known))):
                mention = Mention(*known[near], guessed=True)
        mentions += [mention] if mention is not None else []
        plain.append(f"{{{mention.kind}}}" if mention is not None else low)
    return Question(" ".join(plain), tuple(mentions))


def _numbered(text: str) -> str:
    """Ids as they are written here: `incident 3`, `inc3` and `INC-3` are one thing."""
    text = _NUMBERED.sub(lambda found: f"{_WORDY[found[1].lower()]}-{found[2]}", text)
    text = _ID.sub(lambda found: f"{found[1].upper()}-{found[2]}", text)
    return _JOB.sub(lambda found: f"job-{found[1]}", text)


def _known(names: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, str]]:
    """Every declared name in small letters, with its kind and itself; what is declared first has the name."""
    found: dict[str, tuple[str, str]] = {}
    for kind, each in names.items():
        for name in each:
            found.setdefault(name.lower(), (kind, name))
    return found


def _joined(text: str, known: Mapping[str, tuple[str, str]]) -> str:
    """Names of several words, written with blanks or underscores, with their hyphens."""
    for low, (_, name) in known.items():
        parts = re.split(r"[-_ ]", low)
        if len(parts) > 1:
            spelt = r"[-_ ]".join(map(re.escape, parts))
            text = re.sub(rf"(?<![\w-]){spelt}(?![\w-])", name, text, flags=re.IGNORECASE)
    return text


def _mention(word: str, known: Mapping[str, tuple[str, str]]) -> Mention | None:
    head, _, number = word.rpartition("-")
    if number.isdecimal() and head in _IDS:
        return Mention(_IDS[head], word)
    if number.isdecimal() and head == "job":
        return Mention("job", number)
    name, at, version = word.lower().lstrip("@").partition("@")
    if name in known:
        kind, right = known[name]
        return Mention(kind, f"{right}{at}{version}")
    if at and (near := closest(name, list(known))):
        return Mention(known[near][0], f"{known[near][1]}@{version}", guessed=True)
    return None
