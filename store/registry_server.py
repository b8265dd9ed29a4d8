"""An MLflow server, asked by its documented REST API: nothing of it is written, and no redirect is followed."""

import base64
import json
import re
import socket
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, OpenerDirector, Request, build_opener

from store.refusal import NotFound, Refusal, Unreadable
from store.registry import LARGEST, Document, Version

API = "/api/2.0/mlflow"
PATIENCE = 10.0  # seconds for one answer
ALL = 60.0  # seconds for everything
ANSWER = 64 << 20  # bytes of one answer
PAGE = 1000
MISSING = "RESOURCE_DOES_NOT_EXIST"


@dataclass(frozen=True)
class Login:
    """What the environment gives to log in with; never shown."""

    token: str = ""
    user: str = ""
    password: str = ""

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Login":
        """As MLflow itself reads it: MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and _PASSWORD."""
        return cls(*(environment.get(f"MLFLOW_TRACKING_{each}", "") for each in ("TOKEN", "USERNAME", "PASSWORD")))

    def __repr__(self) -> str:
        return "Login(...)"

    @property
    def sendable(self) -> bool:
        """Whether it can be sent: an error of the library would tell a token that has a line break in it."""
        return not self.header or re.fullmatch(r"[ -~]+", self.header) is not None

    @property
    def header(self) -> str:
        if self.user:
            return f"Basic {base64.b64encode(f'{self.user}:{self.password}'.encode()).decode()}"
        return f"Bearer {self.token.strip()}" if self.token.strip() else ""


class _Stays(HTTPRedirectHandler):
    """A redirect is an answer: what logs in here is not for whoever it leads to."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


class Server:
    """The models of one server. Every question is a GET; an answer that is not MLflow's is refused with what to do."""

    def __init__(self, url: str, login: Login, *, patience: float = PATIENCE, all_in: float = ALL) -> None:
        place = urlsplit(url.rstrip("/"))
        if place.username and not login.user:
            login = Login(login.token, unquote(place.username), unquote(place.password or ""))
        self.url = place._replace(netloc=place.netloc.rpartition("@")[2], query="", fragment="").geturl()
        self.shown = self.url
        self._login, self._patience, self._until = login, patience, time.monotonic() + all_in
        self._opener: OpenerDirector = build_opener(_Stays)

    def models(self) -> Iterator[Document]:
        return self._pages("registered-models/search", "registered_models")

    def versions(self) -> Iterator[Document]:
        return self._pages("model-versions/search", "model_versions")

    def run(self, run_id: str) -> Document | None:
        try:
            return self._document(f"{API}/runs/get", {"run_id": run_id})
        except NotFound:
            return None

    def mlmodel(self, version: Version) -> bytes | str:
        """Through the server, wherever the files lie; its own pages read it so."""
        asked = {"path": "MLmodel", "name": version.model, "version": str(version.number)}
        try:
            return self._get("/model-versions/get-artifact", asked, LARGEST)
        except Refusal as problem:
            return f"its files cannot be read: {problem.what}"

    def _pages(self, path: str, key: str) -> Iterator[Document]:
        """All of a list, page after page; a server that gives the same page for ever is not waited for."""
        token, seen = "", {""}
        while True:
            asked = {"max_results": str(PAGE), **({"page_token": token} if token else {})}
            document = self._document(f"{API}/{path}", asked)
            found = document.get(key, [])
            if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
                raise self._not_mlflow("a list that is none")
            yield from found
            token = str(document.get("next_page_token") or "")
            if token in seen:
                return
            seen.add(token)

    def _document(self, path: str, asked: Mapping[str, str]) -> Document:
        content = self._get(path, asked, ANSWER)
        try:
            document = json.loads(content)
        except (ValueError, RecursionError):
            raise self._not_mlflow("a page" if b"<html" in content[:2000].lower() else "no JSON") from None
        if not isinstance(document, dict):
            raise self._not_mlflow("no document")
        return document

    def _get(self, path: str, asked: Mapping[str, str], most: int) -> bytes:
        if not self._login.sendable:
            raise Refusal("What MLFLOW_TRACKING_TOKEN holds is no token.", where=self.url,
                          next="It is one word of plain letters and signs.")
        headers = {"Authorization": self._login.header} if self._login.header else {}
        request = Request(f"{self.url}{path}?{urlencode(asked)}", headers=headers)  # noqa: S310 http or https: whoever made it has looked
        patience = min(self._patience, self._until - time.monotonic())
        if patience <= 0:
            raise self._slow()
        try:
            with self._opener.open(request, timeout=patience) as answer:
                return self._read(answer, most)
        except HTTPError as problem:
            raise self._refused(problem) from None
        except TimeoutError:
            raise self._slow() from None
        except (URLError, HTTPException, OSError, ValueError) as problem:
            raise self._away(problem) from None

    def _read(self, answer: Any, most: int) -> bytes:
        """At most so many bytes, and no longer than there is patience: a server may send one byte at a time."""
        parts, size = [], 0
        while part := answer.read1(1 << 16):
            parts.append(part)
            size += len(part)
            if size > most:
                raise self._not_mlflow(f"more than {most >> 20} MiB")
            if time.monotonic() > self._until:
                raise self._slow()
        return b"".join(parts)

    # -- what went wrong ----------------------------------------------------------------------------------------

    def _slow(self) -> Refusal:
        return Refusal("The MLflow server does not answer in time.", where=self.url,
                       next="See whether its page opens in a browser, and try again.")

    def _away(self, problem: Exception) -> Refusal:
        reason = problem.reason if isinstance(problem, URLError) else problem
        if isinstance(reason, TimeoutError):
            return self._slow()
        if isinstance(reason, socket.gaierror):
            return NotFound("There is no server of that name.", where=self.url, next="Check --mlflow.")
        if isinstance(reason, ConnectionRefusedError):
            return NotFound("Nothing listens there.", where=self.url, next="Start the server, or check --mlflow.")
        said = str(reason).replace(self._login.header or "\0", "…")
        return Unreadable(f"The MLflow server cannot be asked: {said[:200]}.", where=self.url, next="Check --mlflow.")

    def _refused(self, problem: HTTPError) -> Refusal:
        with problem:
            said = _message(problem)
        if problem.code in (401, 403):
            given = "What MLFLOW_TRACKING_* give is not accepted" if self._login.header else "It asks who you are"
            return Refusal(f"{given} (HTTP {problem.code}).", where=self.url,
                           next="Set MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD.")
        if 300 <= problem.code < 400:
            target = urlsplit(problem.headers.get("Location", ""))
            place = f"{target.scheme}://{target.hostname}" if target.hostname else target.path or "elsewhere"
            return Refusal(f"It leads to {place}, which may be a login page.", where=self.url,
                           next="Name the MLflow server itself.")
        if said.get("error_code") == MISSING:
            return NotFound(str(said.get("message") or "not found"), where=self.url)
        if problem.code == 404:
            return self._not_mlflow("no such page (HTTP 404)")
        what = str(said.get("message") or problem.reason)[:200]
        return Unreadable(f"The MLflow server failed: HTTP {problem.code}, {what}.", where=self.url,
                          next="Look into its log, and try again.")

    def _not_mlflow(self, instead: str) -> Unreadable:
        return Unreadable(f"That is no MLflow server: it answers with {instead}.", where=self.url,
                          next="Give the address that you see MLflow's own page at, without what comes after '#'.")


def _message(problem: HTTPError) -> Document:
    """What MLflow says of its own error; nothing where somebody else answers."""
    try:
        found = json.loads(problem.read(1 << 16))
    except (ValueError, OSError, HTTPException, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
