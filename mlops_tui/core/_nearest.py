"""Which of many texts a question is nearest to: BM25 (Robertson & Zaragoza 2009, eq. 3.15)."""

import math
import re
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

K1, B = 1.2, 0.75
_WORD = re.compile(r"[a-z0-9]+")
_COMMON = frozenset((
    "a", "an", "and", "are", "as", "at", "be", "been", "by", "can", "could", "did", "do", "does", "for", "from",
    "had", "has", "have", "how", "i", "if", "in", "into", "is", "it", "its", "me", "my", "of", "on", "or", "our",
    "so", "that", "the", "their", "them", "then", "there", "these", "they", "this", "to", "us", "was", "we",
    "were", "what", "when", "where", "which", "who", "whom", "whose", "why", "will", "with", "would", "you",
    "your", "please", "mlops", "tui", "example", "give", "see", "get", "nobody", "anybody", "somebody"))
_ENDINGS = ("ings", "ing", "edly", "ed", "ies", "es", "s")
K = TypeVar("K", bound=Hashable)


def stems(text: str) -> list[str]:
    """The words that say something, without their endings, in order.

    >>> stems("which alerts are silenced?")
    ['alert', 'silenc']
    """
    return [_stem(word) for word in _WORD.findall(text.lower()) if word not in _COMMON]


def _stem(word: str) -> str:
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word.removesuffix(ending) + ("y" if ending == "ies" else "")
    return word.removesuffix("e") if len(word) > 4 else word


def ranked(asked: str, texts: Mapping[K, str]) -> list[tuple[K, float]]:
    """Those that share a word with the question, the nearest first; ties in the order given."""
    counts = {key: Counter(stems(text)) for key, text in texts.items()}
    lengths = {key: sum(found.values()) for key, found in counts.items()}
    mean = sum(lengths.values()) / max(len(lengths), 1) or 1.0
    among: Counter[str] = Counter(word for found in counts.values() for word in found)
    scored = [(key, _score(stems(asked), found, lengths[key] / mean, among, len(texts)))
              for key, found in counts.items()]
    return sorted(((key, score) for key, score in scored if score > 0), key=lambda each: -each[1])


def _score(words: Sequence[str], found: Mapping[str, int], length: float, among: Mapping[str, int], of: int) -> float:
    return sum(_weight(among[word], of) * count * (K1 + 1) / (count + K1 * (1 - B + B * length))
               for word in dict.fromkeys(words) if (count := found.get(word, 0)))


def _weight(texts: int, of: int) -> float:
    """How rare a word is; never below nothing."""
    return math.log(1 + (of - texts + 0.5) / (texts + 0.5))

