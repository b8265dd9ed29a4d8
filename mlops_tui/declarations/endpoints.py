"""Where models are asked, what is promised there, and how Prometheus hears of it or is asked."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from mlops_tui.declarations.declare import Mistake


@dataclass(frozen=True)
class Slowness:
    """So large a share of the answers comes in less than so much time."""

    p: float
    below: timedelta

    def mistakes(self) -> Iterator[Mistake]:
        """A share that leaves nothing to miss; no time at all."""
        if not 0 < self.p < 1:
            yield Mistake(f"p lies between 0 and 1, not at {self.p:g}: all answers can never be promised.", ("p",))
        if not self.below:
            yield Mistake("An answer takes some time.", ("below",), "Write 200ms.")


@dataclass(frozen=True)
class Objectives:
    """What an endpoint promises over `window`: the share of requests answered, and how many answers are fast."""

    availability: float | None = None
    latency: Slowness | None = None
    window: timedelta = timedelta(days=30)

    def mistakes(self) -> Iterator[Mistake]:
        """Nothing promised; more than can be kept; a window in which nothing could burn."""
        if self.availability is None and self.latency is None:
            yield Mistake("Objectives are an availability, a latency, or both.", (), "Write availability: 0.995.")
        if self.availability is not None and not 0 < self.availability < 1:
            yield Mistake(f"availability lies between 0 and 1, not at {self.availability:g}: a budget of nothing is "
                          "always spent.", ("availability",))
        if self.window < timedelta(days=1):
            yield Mistake("A window of objectives has a day or more.", ("window",), "Write 30d.")


@dataclass(frozen=True)
class Endpoint:
    """endpoints/*.yaml: where a model is asked, and what is promised there.

    The rows of the model's prediction log whose `endpoint` is the file's name are its requests, or all rows where the
    log does not tell endpoints apart. `delay`: so much later a request is in the log; younger hours are not judged.
    """

    model: str
    description: str = ""
    objectives: Objectives | None = None
    delay: timedelta = timedelta(0)
    owner: str = ""


@dataclass(frozen=True)
class Metrics:
    """Where `mlops-tui up` answers GET /metrics in Prometheus' format: on this machine alone, unless told otherwise."""

    port: int = 9464
    host: str = "127.0.0.1"

    def mistakes(self) -> Iterator[Mistake]:
        """A port that is none."""
        if not 0 <= self.port <= 65535:
            yield Mistake(f"A port lies between 0 and 65535, not at {self.port}.", ("port",))


@dataclass(frozen=True)
class Query:
    """Where a Prometheus server is asked for a series: its PromQL, every so often (`step`).

    `token_env` names the environment variable that holds a bearer token.
    """

    url: str
    query: str
    step: timedelta = timedelta(hours=1)
    token_env: str = ""
    timeout: timedelta = timedelta(seconds=10)

    def mistakes(self) -> Iterator[Mistake]:
        """An address that is none; a step by which no hour of the week can be told from another."""
        if not re.fullmatch(r"https?://[^\s@/]+(/\S*)?", self.url):
            yield Mistake(f"'{self.url}' is no address of a server.", ("url",),
                          "Write http://HOST:PORT, and a token in the variable that token_env names.")
        if self.step not in (timedelta(minutes=minutes) for minutes in (1, 5, 10, 15, 20, 30, 60)):
            yield Mistake("Its step is 1, 5, 10, 15, 20, 30 or 60 minutes.", ("step",), "Write 1h.")
        if not self.timeout:
            yield Mistake("An answer takes some time.", ("timeout",), "Write 10s.")
