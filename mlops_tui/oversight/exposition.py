"""Numbers in the text that Prometheus reads: families of counters, gauges and histograms."""

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


@dataclass(frozen=True)
class Sample:
    """One value with its labels; of a histogram, `buckets` are (upper bound, count up to it), the last of them all."""

    value: float
    labels: Mapping[str, str] = field(default_factory=dict)
    buckets: Sequence[tuple[float, int]] = ()


@dataclass(frozen=True)
class Family:
    """Samples of one name. A counter's name ends in _total; `value` of a histogram's sample is the sum."""

    name: str
    type: Literal["counter", "gauge", "histogram"]
    help: str
    samples: tuple[Sample, ...]


def exposition(families: Iterable[Family]) -> str:
    """The text exposition format, version 0.0.4 (prometheus.io/docs/instrumenting/exposition_formats).

    ValueError for a name or label that the format does not have. Values may be NaN or infinite.

    >>> print(exposition([Family("up", "gauge", "Whether it is.", (Sample(1, {"what": 'a "b"'}),))]), end="")
    # HELP up Whether it is.
    # TYPE up gauge
    up{what="a \\\\"b\\\\""} 1
    """
    return "".join(f"{line}\n" for family in families if family.samples for line in _lines(family))


def _lines(family: Family) -> Iterator[str]:
    if not _NAME.fullmatch(family.name) or (family.type == "counter") != family.name.endswith("_total"):
        raise ValueError(f"'{family.name}' is no name of a {family.type}")
    said = family.help.replace("\\", r"\\").replace("\n", r"\n")
    yield f"# HELP {family.name} {said}"
    yield f"# TYPE {family.name} {family.type}"
    for sample in family.samples:
        if family.type != "histogram":
            yield f"{family.name}{_labels(sample.labels)} {_number(sample.value)}"
            continue
        for bound, count in sample.buckets:
            yield f"{family.name}_bucket{_labels({**sample.labels, 'le': _number(bound)})} {count}"
        yield f"{family.name}_sum{_labels(sample.labels)} {_number(sample.value)}"
        yield f"{family.name}_count{_labels(sample.labels)} {sample.buckets[-1][1]}"


def _labels(labels: Mapping[str, str]) -> str:
    for name in labels:
        if not _LABEL.fullmatch(name) or name.startswith("__"):
            raise ValueError(f"'{name}' is no name of a label")
    said = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return f"{{{said}}}" if said else ""


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _number(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else repr(float(value))
