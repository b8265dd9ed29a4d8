"""What an audit is judged by: limits on measures, each held against the whole interval and not the value alone."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mlops_tui.analysis.interval import Estimate
from mlops_tui.declarations.limits import AT_LEAST, LIMITS, of_task
from mlops_tui.errors import BadInput, nearest
from mlops_tui.view import Cell, Column, Row, Status, Table, finite


@dataclass(frozen=True)
class Judged:
    """A measure of a group, or of all groups, that has a limit; `small` says why nothing is judged of it."""

    measure: str
    group: str
    found: Estimate
    words: str
    small: str = ""


def asked(given: Sequence[str]) -> dict[str, float]:
    """`--limit NAME=VALUE` as limits; BadInput for another form, an unknown name, or a value nothing could keep."""
    known, found = LIMITS["bias"], {}
    for each in given:
        name, _, text = each.partition("=")
        try:
            value = float(text)
        except ValueError:
            raise BadInput(f"'{each}' is no limit.", where="--limit", next="Write --limit four_fifths=0.8") from None
        if name not in known:
            raise BadInput(f"No limit '{name}' for bias.", where="--limit",
                           next=nearest(name, known) or f"Limits: {', '.join(known)}.")
        if value not in known[name]:
            raise BadInput(f"A limit on {name} lies {known[name]}, not at {value:g}.", where="--limit")
        found[name] = value
    return found


def for_task(limits: Mapping[str, float], task: str, where: str) -> Mapping[str, float]:
    """The limits, which must be of that task; BadInput for one that is not."""
    known = of_task(task)
    foreign = [name for name in limits if name not in known]
    if foreign:
        raise BadInput(f"{foreign[0]} is not measured of {task} answers.", where=where,
                       next=f"Limits: {', '.join(known)}.")
    return limits


def rows(judged: Iterable[Judged], limits: Mapping[str, float]) -> list[Row]:
    """Each measure beside its limit, the worst first."""
    order = (Status.FAIL, Status.WARN, Status.UNKNOWN, Status.PASS)
    made = [_row(each, limits[each.measure]) for each in judged if each.measure in limits]
    return sorted(made, key=lambda row: order.index(Status(str(row["status"]))))


def _row(each: Judged, limit: float) -> Row:
    verdict, status = verdict_of(each, limit)
    found: dict[str, Cell] = {"status": status, "measure": each.measure, "group": each.group, "words": each.words,
                              "value": finite(each.found.value), "low": finite(each.found.low),
                              "high": finite(each.found.high), "limit": limit, "verdict": verdict, "n": each.found.n,
                              "reason": each.small or each.found.reason}
    return found


def verdict_of(each: Judged, limit: float) -> tuple[str, Status]:
    """It passes where the whole interval keeps the limit, fails where all of it breaks it; between them it warns."""
    least, found = each.measure in AT_LEAST, each.found
    if found.value is None or found.low is None or found.high is None:
        return "not measured", Status.UNKNOWN
    if each.small:
        return "too few rows", Status.UNKNOWN
    value, near, far = (found.value, found.low, found.high) if least else (-found.value, -found.high, -found.low)
    edge = limit if least else -limit
    if far < edge:
        return "surely beyond", Status.FAIL
    if near >= edge:
        return "surely within", Status.PASS
    return ("perhaps beyond" if value < edge else "not surely within"), Status.WARN


def table(found: Sequence[Row]) -> Table:
    """What was judged, the worst first."""
    return Table.of("limits", found, "status", Column("words", "what"), Column("value", digits=3),
                    Column("low", digits=3), Column("high", digits=3), Column("limit", digits=3),
                    Column("verdict", worth=1), *(("reason",) if any(row["reason"] for row in found) else ()),
                    title="Against the declared limits")
