"""What is personal in a request, taken out before anything is kept: by data class, and by what texts look like."""

import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Any

PERSONAL = ("personal", "pii", "sensitive")
SECRET = ("confidential", "restricted")
FREE = ("text", "free text", "free-text")  # what people wrote: it stays, less what looks like a person's address
_EMAIL = re.compile(r"[\w.+%-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
_DIGITS = re.compile(r"(?<![\w.])\+?\(?\d(?:[ ()./-]{0,2}\d){6,18}(?![\w])")
HASHED = re.compile("h:[0-9a-f]{32}")  # what is hashed already stays as it is
LONGEST = 1 << 16  # characters of a text that are kept


def keyed(value: Any, key: bytes) -> str:
    """The keyed hash of a value (HMAC-SHA-256, RFC 2104): the same person is the same, and who it is is not to be told
    without the key."""
    return "h:" + hmac.new(key, str(value).encode(errors="backslashreplace"), hashlib.sha256).hexdigest()[:32]


def luhn(digits: str) -> bool:
    """Whether digits end in the check digit of payment cards (ISO/IEC 7812-1, annex B).

    >>> luhn("4539578763621486"), luhn("4539578763621487")
    (True, False)
    """
    doubled = [int(each) * (1 + place % 2) for place, each in enumerate(reversed(digits))]
    return sum(each - 9 * (each > 9) for each in doubled) % 10 == 0


def masked(text: str) -> str:
    """The text without e-mail addresses, card numbers and telephone numbers, whose places stay to be seen.

    Ten digits and more are no measurement. Fewer are a telephone number where they are grouped or begin with a plus.
    """
    return _DIGITS.sub(_number, _EMAIL.sub("[e-mail]", text[:LONGEST]))


def _number(found: re.Match[str]) -> str:
    said = found[0]
    digits = re.sub(r"\D", "", said)
    if 12 <= len(digits) <= 19 and luhn(digits):
        return "[card]"
    grouped = said.startswith("+") or not said.isdigit()
    return "[phone]" if 7 <= len(digits) <= 15 and (grouped or len(digits) >= 10) and not _PLAIN.match(said) else said


_PLAIN = re.compile(r"\d+\.\d+$|\d{4}-\d\d-\d\d(\D|$)|\d{1,2}[./]\d{1,2}[./]\d{4}$")  # a measurement, a date


def kept_of(value: Any, data_class: str, key: bytes) -> Any:
    """What may be kept of a value of that data class: a hash, nothing, a text without addresses and numbers, or all."""
    said = data_class.lower()
    if value is None or said in SECRET:
        return None
    if said in PERSONAL:
        return value if isinstance(value, str) and HASHED.fullmatch(value) else keyed(value, key)
    return masked(value) if said in FREE and isinstance(value, str) else value


def redacted(row: Mapping[str, Any], classes: Mapping[str, str], key: bytes) -> dict[str, Any]:
    """The row as it may be kept: fields of a personal class hashed with `key`, of a secret one left out, and what looks
    like a person's address or number in any text taken out. `classes` is the classification by column."""
    kept: dict[str, Any] = {}
    for name, value in row.items():
        seen = kept_of(value, classes.get(name, ""), key)
        if seen is not None:
            kept[name] = masked(seen) if isinstance(seen, str) and not HASHED.fullmatch(seen) else seen
    return kept
