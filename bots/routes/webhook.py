"""A signed webhook for whatever else there is, as Standard Webhooks says it (standardwebhooks.com, spec 1.0).

`webhook-id` is the same however often it is sent, so that a repeat can be told; `webhook-signature` is `v1,` and the
base64 of HMAC-SHA256 over `id.timestamp.body`; a secret that begins with whsec_ is base64.
"""

import base64
import binascii
import hashlib
import hmac
import json

from bots.routes.calling import Environment, address, called, secret
from bots.sender import LONGEST, NotSaid
from mlops_tui.alerts.routing import Message
from mlops_tui.declarations.routes import Route

MARK = "whsec_"


def key_of(held: str) -> bytes:
    """The bytes to sign with; ValueError where what follows the mark is no base64."""
    if not held.startswith(MARK):
        return held.encode()
    try:
        return base64.b64decode(held.removeprefix(MARK), validate=True)
    except binascii.Error as problem:
        raise ValueError("no base64") from problem


def signed(key: bytes, id: str, stamp: int, body: bytes) -> str:
    """The signature of a request.

    >>> signed(b"key", "msg_1", 1700000000, b"{}")
    'v1,XaXLFEFQ69Q4+demDWPEv5ydXczDW2mM5crCUEFcFBA='
    """
    digest = hmac.new(key, f"{id}.{stamp}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def id_of(message: Message) -> str:
    """What it is known by, the same at every try."""
    return f"msg_{hashlib.sha256(message.key.encode()).hexdigest()[:32]}"


def send(message: Message, route: Route, environment: Environment, now: float) -> str:
    """Tell it; the id that it was told under."""
    try:
        key = key_of(secret(environment, route.key_env))
    except ValueError as problem:
        raise NotSaid(f"what {route.key_env} holds after {MARK} is no base64", LONGEST) from problem
    id, stamp = id_of(message), int(now)
    told = {name: value for name, value in message.body.items() if name not in ("key", "route")}
    body = json.dumps({"type": f"alert.{message.event}", "timestamp": message.since, "data": told}).encode()
    headers = {"webhook-id": id, "webhook-timestamp": str(stamp), "webhook-signature": signed(key, id, stamp, body)}
    called(address(route, environment), body, headers, route, environment)
    return id
