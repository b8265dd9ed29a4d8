"""What a contract knows to be odd, with its days: whoever watches is quiet about that, and says so."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from mlops_tui.declarations.odcs import Contract


@dataclass(frozen=True)
class Anomaly:
    """Something known: of one column or of whole batches, on some days or always."""

    what: str
    column: str = ""
    first: date | None = None
    last: date | None = None

    def on(self, first: date, last: date) -> bool:
        """Whether any of those days is one of its own; what has no days is a remark and silences nothing."""
        return self.first is not None and self.last is not None and self.first <= last and first <= self.last


def anomalies(contract: Contract) -> list[Anomaly]:
    """The known anomalies of a contract, as they are written."""
    listed = contract.custom("knownAnomalies", []) or []
    return list(_read(listed if isinstance(listed, list) else []))


def _read(listed: Iterable[Any]) -> Iterator[Anomaly]:
    for item in listed:
        if isinstance(item, Mapping):
            first = _day(item.get("from"))
            yield Anomaly(str(item.get("what", "")), str(item.get("column", "")), first, _day(item.get("to")) or first)


def _day(value: object) -> date | None:
    try:
        return date.fromisoformat(str(value)[:10]) if value is not None else None
    except ValueError:
        return None


def known(contract: Contract, first: date, last: date | None = None, column: str = "") -> str:
    """What is known of those days: about the column, or about whole batches; empty where nothing is.

    Without a column, an anomaly of any column is one of the batch: what happened to it may show in the size as well.
    """
    return said(anomalies(contract), first, last or first, column)


def said(listed: Iterable[Anomaly], first: date, last: date, column: str = "") -> str:
    """The same of anomalies that were read before."""
    about = (each for each in listed if not column or each.column in ("", column))
    found = next((each for each in about if each.on(first, last)), None)
    return f"known: {found.what}" if found is not None else ""


Origins = Mapping[str, Sequence[tuple[str, str]]]  # the datasets and raw columns that a column is made of


def known_of(datasets: Mapping[str, Contract], columns: Iterable[str], days: tuple[date, date],
             made_of: Callable[[], Origins]) -> dict[str, str]:
    """What is known of columns in those days, by what they are made of, which is asked only where something is."""
    listed = {dataset: anomalies(contract) for dataset, contract in datasets.items()}
    if not any(each.on(*days) for found in listed.values() for each in found):
        return {}
    origins = made_of()
    return {column: words for column in columns for dataset, raw in origins.get(column, ())
            if (words := said(listed.get(dataset, ()), *days, raw))}
