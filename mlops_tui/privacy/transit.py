"""Every connection that a project declares, and whether what goes over it is encrypted on the way."""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from mlops_tui.project import Project
from mlops_tui.view import Status

LOOPBACK = ("127.0.0.1", "::1", "localhost", "")
TLS = ("https", "rediss", "wss")
CLEAR = ("http", "redis", "ws")
POSTGRES_SURE, POSTGRES_UNSURE = ("verify-full",), ("require", "verify-ca")
VARIABLE = "what its environment variable says decides"


@dataclass(frozen=True)
class Connection:
    """Who talks to whom: `place` is host and port without user or password; `said`, how it is protected."""

    what: str
    place: str
    status: Status
    said: str


def connections(project: Project) -> list[Connection]:
    """The project's stores, what it asks, and what it listens on; files on this machine are not among them."""
    settings = project.settings
    found = [of(name, url) for name, url in (("ledger", settings.stores.ledger), ("models", settings.stores.mlflow),
                                             ("online store", settings.stores.online)) if not url.startswith("sqlite:")]
    if settings.slack is not None:
        found.append(of("Slack", settings.slack.api_base_url or "https://slack.com/api/"))
    found += [_listens(name, each.host, each.port) for name, each in (
        ("metrics", settings.metrics), ("inbound", settings.inbound)) if each is not None]
    return [*found, *_sources(project), *_asked(project)]


def _sources(project: Project) -> Iterator[Connection]:
    """Where the data of contracts come from."""
    for name, contract in project.datasets.items():
        for server in contract.servers:
            if server.host and server.type in ("postgres", "postgresql"):
                yield of(f"dataset {name}", f"postgresql://{server.host}:{server.port or 5432}")
            elif server.type in ("postgres", "postgresql", "redis", "kafka") or server.custom("urlEnv"):
                yield Connection(f"dataset {name}", server.host, Status.UNKNOWN, VARIABLE)


def _asked(project: Project) -> Iterator[Connection]:
    """What monitors ask, and what is told by routes."""
    for name, monitor in project.monitors.items():
        if monitor.prometheus is not None:
            yield of(f"monitor {name}", monitor.prometheus.url)
    for name, route in project.routes.items():
        if route.url or route.url_env:
            yield of(f"route {name}", route.url) if route.url else \
                Connection(f"route {name}", "", Status.UNKNOWN, VARIABLE)


def of(what: str, url: str) -> Connection:
    """One connection by its URL.

    >>> [str(of("x", url).status) for url in ("https://a", "http://a", "http://127.0.0.1:1", "redis://a/0",
    ...                                       "rediss://a/0", "postgresql://u:p@h/d", "postgresql://h/d?sslmode=require",
    ...                                       "postgresql+psycopg://h/d?sslmode=verify-full", "odd://x")]
    ['pass', 'fail', 'pass', 'fail', 'pass', 'fail', 'warn', 'pass', 'unknown']
    """
    parts = urlsplit(url)
    host, scheme = parts.hostname or "", parts.scheme.partition("+")[0]
    place = f"{host}:{parts.port}" if parts.port else host
    if scheme in ("postgresql", "postgres"):
        mode = parse_qs(parts.query).get("sslmode", ["prefer"])[0]
        if mode in POSTGRES_SURE:
            return Connection(what, place, Status.PASS, f"encrypted, and it is the right server (sslmode={mode})")
        if mode in POSTGRES_UNSURE:
            return Connection(what, place, Status.WARN,
                              f"encrypted, to whoever answers (sslmode={mode}); say verify-full")
        clear = f"may be clear (sslmode={mode}); add ?sslmode=verify-full"
        return _unless_here(what, place, host, clear)
    if scheme in TLS:
        return Connection(what, place, Status.PASS, f"encrypted ({scheme})")
    if scheme in CLEAR:
        return _unless_here(what, place, host, f"clear ({scheme}); say {scheme}s")
    return Connection(what, place, Status.UNKNOWN, f"'{scheme}' is not known here")


def _unless_here(what: str, place: str, host: str, clear: str) -> Connection:
    if host in LOOPBACK:
        return Connection(what, place, Status.PASS, "clear, and never leaves this machine")
    return Connection(what, place, Status.FAIL, clear)


def _listens(what: str, host: str, port: int) -> Connection:
    if host in LOOPBACK:
        return Connection(f"{what} (listens)", f"{host}:{port}", Status.PASS, "clear, to this machine only")
    return Connection(f"{what} (listens)", f"{host}:{port}", Status.FAIL,
                      "clear, to others as well; put a proxy with TLS before it and listen on 127.0.0.1")
