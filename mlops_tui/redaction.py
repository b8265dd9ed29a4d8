"""What is personal in a request, taken out before anything is kept: by data class, and by what texts look like."""

import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Any

PERSONAL = ("personal", "pii", "sensitive")
SECRET = ("confidential", "restricted")
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


def redacted(row: Mapping[str, Any], classes: Mapping[str, str], key: bytes) -> dict[str, Any]:
    """The row as it may be kept: fields of a personal class hashed with `key`, of a secret one left out, and what looks
    like a person's address or number in any text taken out. `classes` is the classification by column."""
    kept: dict[str, Any] = {}
    for name, value in row.items():
        data_class = classes.get(name, "").lower()
        if data_class in SECRET or value is None:
            continue
        if data_class in PERSONAL:
            kept[name] = value if isinstance(value, str) and HASHED.fullmatch(value) else keyed(value, key)
        else:
            kept[name] = masked(value) if isinstance(value, str) else value
    return kept
