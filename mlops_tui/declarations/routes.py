"""Where alerts go outside, and who is told that somebody still looks: routes/*.yaml."""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields
from datetime import timedelta
from ipaddress import ip_address
from typing import Literal
from urllib.parse import urlsplit

from mlops_tui.declarations.declare import Mistake, key_of

Kind = Literal["pagerduty", "alertmanager", "webhook", "smtp", "slack", "ping"]
PAGERDUTY = "https://events.pagerduty.com/v2/enqueue"
_EACH = ("kind", "description", "timeout")
# What each kind needs (one of several where there is a bar), and what it may have besides.
_NEEDS: Mapping[str, tuple[str, ...]] = {
    "pagerduty": ("key_env",), "alertmanager": ("url|receive_env",), "webhook": ("url|url_env", "key_env"),
    "smtp": ("url", "from", "to"), "slack": ("channel",), "ping": ("url|url_env",)}
_MAY: Mapping[str, tuple[str, ...]] = {
    "pagerduty": ("url", "receive_env"), "alertmanager": ("key_env", "labels", "every"), "webhook": (),
    "smtp": ("user_env", "password_env"), "slack": (), "ping": ("key_env", "every", "method")}
_ADDRESS = {"smtp": (r"smtps?://[^\s@/:]+(:\d{1,5})?/?", "Write smtp://HOST:587, or smtps://HOST:465.")}
_WEB = (r"https?://[^\s@/]+(/\S*)?", "Write https://HOST/PATH, and secrets in variables: key_env, url_env.")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Route:
    """routes/*.yaml

    Secrets are not here: `*_env` name variables in the environment of `mlops-tui up`. `key_env` holds PagerDuty's
    routing key, the secret a webhook is signed with, or a bearer token; `url_env` an address that is itself a secret.
    `every`: how often Alertmanager is told that it still fires, or the outside that we are alive. With `receive_env`
    acks and alerts come in as well, at the address in mlops.yaml, `inbound`: it holds the secret that proves them.
    """

    kind: Kind
    url: str = ""
    url_env: str = ""
    key_env: str = ""
    receive_env: str = ""
    from_: str = ""
    to: tuple[str, ...] = ()
    user_env: str = ""
    password_env: str = ""
    channel: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    every: timedelta = timedelta(minutes=1)
    method: Literal["GET", "POST"] = "GET"
    timeout: timedelta = timedelta(seconds=10)
    description: str = ""

    @property
    def address(self) -> str:
        """Where it leads, as it may be shown to anybody."""
        known = self.url or (PAGERDUTY if self.kind == "pagerduty" else "")
        return known or self.channel or (f"what {self.url_env} holds" if self.url_env else "")

    @property
    def speaks(self) -> bool:
        """Whether alerts can be sent by it: not where it only says that we are alive, or only takes them in."""
        return self.kind != "ping" and not (self.kind == "alertmanager" and not self.url)

    @property
    def variables(self) -> tuple[str, ...]:
        """The environment variables that it needs."""
        return tuple(filter(None, (self.url_env, self.key_env, self.user_env, self.password_env, self.receive_env)))

    def mistakes(self) -> Iterator[Mistake]:
        """What its kind lacks, or knows nothing of; an address that is none; a secret where its name belongs."""
        given = [key_of(each.name) for each in fields(self) if getattr(self, each.name) != _USUAL.get(each.name)]
        for need in _NEEDS[self.kind]:
            if not set(need.split("|")) & set(given):
                yield Mistake(f"A route of kind {self.kind} needs {need.replace('|', ' or ')}.", ("kind",))
        known = {*_EACH, *_MAY[self.kind], *(name for need in _NEEDS[self.kind] for name in need.split("|"))}
        for key in given:
            if key not in known:
                yield Mistake(f"{key} is not of {self.kind}.", (key,), f"It has {', '.join(sorted(known - {'kind'}))}.")
        pattern, hint = _ADDRESS.get(self.kind, _WEB)
        if self.url and not re.fullmatch(pattern, self.url):
            yield Mistake(f"'{self.url}' is no address for {self.kind}.", ("url",), hint)
        yield from self._unsafe()
        for key in ("url_env", "key_env", "receive_env", "user_env", "password_env"):
            if (name := getattr(self, key)) and not _VARIABLE.fullmatch(name):
                yield Mistake(f"{key} is the name of an environment variable, not what it holds.", (key,),
                              "Write such as PAGERDUTY_ROUTING_KEY.")
        if self.every < timedelta(seconds=10):
            yield Mistake("Nobody is told more often than every 10 s.", ("every",), "Write 1m.")
        if not self.timeout:
            yield Mistake("An answer takes some time.", ("timeout",), "Write 10s.")

    def _unsafe(self) -> Iterator[Mistake]:
        """A secret that would be told in the open; an address that would be more than one line of a mail."""
        if self.key_env and self.kind != "webhook" and self.url.startswith("http:") and not here(
                urlsplit(self.url).hostname or ""):
            yield Mistake("A secret goes over TLS alone.", ("url",), "Write https://HOST/PATH.")
        for key, text in (("from", self.from_), *(("to", each) for each in self.to)):
            if not text.isprintable():
                yield Mistake(f"{text!r} is no mail address.", (key,), "Write ana@example.org.")


def here(host: str) -> bool:
    """Whether a host is this machine."""
    with suppress(ValueError):
        return ip_address(host).is_loopback
    return host == "localhost"


_USUAL = {each.name: each.default for each in fields(Route)} | {"labels": {}}


@dataclass(frozen=True)
class Inbound:
    """Where `mlops-tui up` listens for what routes say: on this machine alone, unless told otherwise. A proxy with TLS
    stands before it."""

    port: int = 9465
    host: str = "127.0.0.1"

    def mistakes(self) -> Iterator[Mistake]:
        """A port that is none."""
        if not 0 <= self.port <= 65535:
            yield Mistake(f"A port lies between 0 and 65535, not at {self.port}.", ("port",))
