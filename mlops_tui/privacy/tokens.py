"""Links that a person is sent: signed, for one purpose, once, and until a day. Who it is for is not in them."""

import base64
import binascii
import hashlib
import hmac
import json
from dataclasses import asdict, dataclass

from mlops_tui.errors import BadInput

PURPOSE = b"mlops-tui optout link 1\0"


@dataclass(frozen=True)
class Token:
    """The number of a link, the right that it is for, where, and the second (since 1970) after which it is void."""

    number: str
    right: str
    jurisdiction: str
    until: int


def signed(token: Token, key: bytes) -> str:
    """The token as text: what it says, and its HMAC-SHA-256."""
    body = json.dumps(asdict(token), sort_keys=True, separators=(",", ":")).encode()
    return f"{_text(body)}.{_text(_mac(body, key))}"


def opened(text: str, key: bytes, now: float) -> Token:
    """What a token says; BadInput, in the same words whatever is wrong with it, but for one that is too old."""
    wrong = BadInput("This link is none of ours.", next="Ask for a new one: mlops-tui optout link")
    body, _, mac = text.strip().partition(".")
    try:
        said, given = _bytes(body), _bytes(mac)
    except (ValueError, binascii.Error):
        raise wrong from None
    if not hmac.compare_digest(_mac(said, key), given):
        raise wrong
    token = Token(**json.loads(said))
    if now > token.until:
        raise BadInput("This link is too old.", next="Ask for a new one: mlops-tui optout link")
    return token


def _mac(body: bytes, key: bytes) -> bytes:
    return hmac.new(key, PURPOSE + body, hashlib.sha256).digest()


def _text(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    made = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    if _text(made) != text:  # the last letter may say more than the bytes do
        raise ValueError("not as it was written")
    return made
