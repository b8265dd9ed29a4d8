"""Requests by the hour as a Prometheus server counts them: one query over a range, over HTTP, nowhere else."""

import http.client
import json
import os
import re
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from math import isfinite
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

import numpy as np

from mlops_tui.analysis.season import HOUR, wall_clock
from mlops_tui.declarations.endpoints import Query
from mlops_tui.errors import Refusal
from mlops_tui.logs.hourly import Named, Requests

POINTS = 10_000        # of a series in one answer: a server gives 11,000 at most
BYTES = 64 << 20       # of an answer, at most
SERIES = 200           # in an answer


class NotAnswered(Refusal):
    """The server did not say how much traffic there was; never a pass."""

    code = "not_answered"


class _Stay(HTTPRedirectHandler):
    """What is asked of one server is not asked of another, least of all with its token."""

    def redirect_request(self, *given: Any, **more: Any) -> None:
        return None


def asked(query: Query, bounds: tuple[datetime, datetime], zone: tzinfo, name: str) -> Requests:
    """The requests of each series of the answer by whole hour; hours that the server does not know are NaN.

    The query counts requests of one step, as `sum by (path) (increase(http_requests_total[1h]))` does with a step of
    1h: steps are added up to hours, each belonging to the time before its stamp. NotAnswered says why there is none.
    """
    first = datetime.fromtimestamp(-(-int(bounds[0].timestamp()) // 3600) * 3600, UTC)
    hours = max(int((bounds[1] - first) / HOUR), 0)
    steps, parts = int(HOUR / query.step), dict[str, np.ndarray[Any, np.dtype[np.float64]]]()
    for start, end in _pieces(first + query.step, first + hours * HOUR, query.step):
        for label, points in _answer(query, start, end).items():
            values = parts.setdefault(label or name, np.full(hours * steps, np.nan))
            for stamp, value in points:
                place = round((stamp - first.timestamp()) / query.step.total_seconds()) - 1
                if 0 <= place < values.size:
                    values[place] = value
    series = tuple((label, "") for label in sorted(parts))
    n = np.column_stack([parts[label].reshape(hours, steps).sum(axis=1) for label, _ in series]) if series else \
        np.empty((hours, 0))
    if not series:
        raise NotAnswered("Prometheus knows no such series.", where=query.url, next="Try the query in its own page.")
    nothing = np.zeros_like(n)
    slow = {each: np.empty(0, dtype=np.int64) for each in ("hour", "series", "bucket", "count")}
    return Requests(wall_clock(first, hours, zone), series, n, nothing, nothing, nothing, slow, Named("time"), zone)


def _pieces(start: datetime, end: datetime, step: timedelta) -> Iterator[tuple[datetime, datetime]]:
    """The range in pieces that a server answers at once."""
    while start <= end:
        last = min(start + (POINTS - 1) * step, end)
        yield start, last
        start = last + step


def _answer(query: Query, start: datetime, end: datetime) -> dict[str, list[tuple[float, float]]]:
    """Points by the labels of their series, from GET /api/v1/query_range of the Prometheus HTTP API."""
    given = {"query": query.query, "start": start.timestamp(), "end": end.timestamp(),
             "step": query.step.total_seconds()}
    request = Request(f"{query.url.rstrip('/')}/api/v1/query_range?{urlencode(given)}")  # noqa: S310  (http(s) only)
    if query.token_env:
        if not (token := os.environ.get(query.token_env)):
            raise NotAnswered(f"The variable {query.token_env} is not set.", next="It holds the token of Prometheus.")
        if not re.fullmatch(r"[!-~]+", token.strip()):  # else an error of the library would tell it
            raise NotAnswered(f"What {query.token_env} holds is no token.", where=query.url,
                              next="It is one word of plain letters and signs.")
        request.add_header("Authorization", f"Bearer {token.strip()}")
    try:
        with build_opener(_Stay, ProxyHandler({})).open(request, timeout=query.timeout.total_seconds()) as answer:
            text = _body(answer, query)
    except HTTPError as problem:
        said = _said(problem.read(1 << 16))
        problem.close()
        raise NotAnswered(f"Prometheus answered {problem.code}{said}.", where=query.url) from problem
    except (URLError, OSError, http.client.HTTPException) as problem:
        raise NotAnswered(f"Prometheus cannot be reached: {getattr(problem, 'reason', problem)}.",
                          where=query.url) from problem
    if len(text) > BYTES:
        raise NotAnswered("The answer of Prometheus is too long.", where=query.url, next="Ask for fewer series.")
    return _read(text, query.url)


def _body(answer: Any, query: Query) -> bytes:
    """At most BYTES and one, for no longer than there is patience: a server may send one byte at a time."""
    until, parts, size = time.monotonic() + query.timeout.total_seconds(), list[bytes](), 0
    while size <= BYTES and (part := answer.read1(1 << 16)):
        parts.append(part)
        size += len(part)
        if time.monotonic() > until:
            raise NotAnswered(f"Prometheus had not answered after {query.timeout.total_seconds():g} s.",
                              where=query.url, next="Ask for less, or declare a longer timeout.")
    return b"".join(parts)


def _said(text: bytes) -> str:
    """What an answer that is none says of itself."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return ""
    return f": {found['error']}" if isinstance(found, Mapping) and isinstance(found.get("error"), str) else ""


def _read(text: bytes, where: str) -> dict[str, list[tuple[float, float]]]:
    try:
        document = json.loads(text)
        if document["status"] != "success":
            raise NotAnswered(f"Prometheus could not answer{_said(text)}.", where=where)
        if document["data"]["resultType"] != "matrix":
            raise NotAnswered(f"The query gives a {document['data']['resultType']}, not a series.", where=where)
        found = {_label(each["metric"]): [(float(stamp), float(value)) for stamp, value in each["values"]]
                 for each in document["data"]["result"]}
        if not all(isfinite(stamp) for points in found.values() for stamp, _ in points):
            raise ValueError("a time that is none")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as problem:
        raise NotAnswered("What answered is no Prometheus: its JSON is of another shape.", where=where) from problem
    if len(found) > SERIES:
        raise NotAnswered(f"The query gives {len(found):,} series; {SERIES} are looked at.", where=where,
                          next="Sum them: sum by (path) (…).")
    if any(value < 0 for points in found.values() for _, value in points):
        raise NotAnswered("The query gives values below 0, which are no counts.", where=where,
                          next="Ask for increase(…), not for deriv(…) or delta(…).")
    return found


def _label(metric: Mapping[str, str]) -> str:
    """The labels of a series in words: what tells it from others."""
    return ", ".join(value for name, value in sorted(metric.items()) if name != "__name__")
