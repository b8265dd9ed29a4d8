"""One request over HTTP to the outside: what its answer means, and no secret in what goes wrong."""

import re
from collections.abc import Iterable, Iterator, Mapping
from http.client import HTTPException
from socket import gaierror
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from bots.sender import LONGEST, NotSaid, PerhapsSaid
from mlops_tui.declarations.routes import Route, here

SAID = 1 << 14   # bytes of an answer that are read
BUSY = 30.0      # seconds to wait where one is told to, but not how long
PASSING = (408, 425)  # of the client's errors, those that may be over in a moment
SHORT = 4        # letters of a part of an address that is no secret yet

Environment = Mapping[str, str]


class _Stay(HTTPRedirectHandler):
    """What is said to one server is not said to another, least of all with a secret."""

    def redirect_request(self, *given: Any, **more: Any) -> None:
        return None


def secret(environment: Environment, name: str) -> str:
    """What the variable holds; NotSaid names it where it is not set, or holds no single word."""
    held = environment.get(name, "").strip()
    if not held:
        raise NotSaid(f"{name} is not set where mlops-tui up runs", LONGEST)
    if not re.fullmatch(r"[!-~]+", held):  # else an error of a library would tell it
        raise NotSaid(f"what {name} holds is not one word of plain letters and signs", LONGEST)
    return held


def address(route: Route, environment: Environment) -> str:
    """Where the route leads, which may itself be a secret."""
    if not route.url_env:
        return route.url
    held = secret(environment, route.url_env)
    if not re.fullmatch(r"https?://[^\s@/]+(/\S*)?", held):
        raise NotSaid(f"what {route.url_env} holds is no address", LONGEST)
    if held.startswith("http:") and not here(urlsplit(held).hostname or ""):
        raise NotSaid(f"what {route.url_env} holds begins with http:, and a secret goes over TLS alone", LONGEST)
    return held


def bearer(route: Route, environment: Environment) -> dict[str, str]:
    """The header that proves who asks, where the route has a token."""
    return {"Authorization": f"Bearer {secret(environment, route.key_env)}"} if route.key_env else {}


def hidden(route: Route, environment: Environment) -> Iterator[str]:
    """What the route's variables hold, which an answer may repeat; of an address each of its parts, host apart."""
    for name in filter(None, route.variables):
        held = environment.get(name, "").strip()
        place = urlsplit(held) if name == route.url_env else None
        yield from [held] if place is None else [
            each for each in re.split(r"[/?&=;#]+", held.partition(place.netloc)[2]) if len(each) >= SHORT]


def called(url: str, body: bytes | None, headers: Mapping[str, str], route: Route, environment: Environment,
           method: str = "POST") -> str:
    """What was answered with a status of 2xx. NotSaid where it was surely not taken, PerhapsSaid where that is open;
    neither says anything of what the route's variables hold."""
    sent = {"User-Agent": "mlops-tui", **({"Content-Type": "application/json"} if body is not None else {}), **headers}
    request = Request(url, data=body, headers=sent, method=method)  # noqa: S310  (declared as http or https)
    try:
        with build_opener(_Stay).open(request, timeout=route.timeout.total_seconds()) as answer:
            return str(answer.read1(SAID).decode("utf-8", "replace"))
    except HTTPError as problem:
        raise _judged(problem, hidden(route, environment)) from problem
    except (URLError, OSError, HTTPException) as problem:
        reason = problem.reason if isinstance(problem, URLError) else problem
        if isinstance(reason, ConnectionRefusedError | gaierror):
            raise NotSaid("it cannot be reached", 1.0) from problem
        raise PerhapsSaid(f"no answer ({type(reason).__name__})") from problem


def _judged(problem: HTTPError, secrets: Iterable[str]) -> Exception:
    with problem:
        text = " ".join(problem.read1(SAID).decode("utf-8", "replace").split())
    for each in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(each, "…")
    text = text[:200]
    said = f"HTTP {problem.code}{f': {text}' if text else ''}"
    if problem.code == 429:
        return NotSaid(said, _seconds(problem.headers.get("Retry-After")), counted=False)
    if problem.code >= 500 or problem.code in PASSING:
        return PerhapsSaid(said)
    return NotSaid(said, None)


def _seconds(text: str | None) -> float:
    return float(text) if text and re.fullmatch(r"\d{1,5}(\.\d+)?", text) else BUSY
