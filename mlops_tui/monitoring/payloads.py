"""Whether the requests that reach a model keep its contract, and who sends those that do not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import click

from mlops_tui.analysis.interval import wilson
from mlops_tui.capability import measure
from mlops_tui.errors import BadInput
from mlops_tui.logs.payload import Expected, broken_sql, expected
from mlops_tui.logs.predictionlog import OWN, PredictionLog, named, needed_log
from mlops_tui.models.matured import window
from mlops_tui.oversight.watching import limits_from, watching
from mlops_tui.session import Session
from mlops_tui.tracing import pointintime
from mlops_tui.view import Action, Column, Facts, Part, Row, Series, Status, Table, Text, View, counted
from store.facts import Finding
from store.quoting import literal, quote

MOST = 20  # callers that are shown
SOME = "who is not known"


@dataclass(frozen=True)
class Found:
    """Requests of a window: `n`, of which `bad` break a rule; by (caller, feature, rule), by caller, and by day.

    `without` more were logged before their caller sent any input in the window: nothing can be said of these.
    """

    n: int
    bad: int
    rules: tuple[tuple[str, str, str, int], ...]
    callers: Mapping[str, tuple[int, int]]
    days: tuple[tuple[str, int, int], ...]
    without: int = 0


@measure
@click.argument("model")
@click.option("--window", "length", default=None, help="How far back, such as 7d; the monitor's own by default.")
@click.option("--monitor", default=None, help="Judge as this declared monitor does.")
def payloads(session: Session, model: str, length: str | None, monitor: str | None) -> View:
    """Hold the logged requests of MODEL against its contract: type, range, category, what is missing; by caller.

    The contract is datasets/MODEL.predictions.yaml; without it, that of the label's dataset for the model's columns.

    \b
    Example: mlops-tui payloads flights-delay --window 7d
    """
    project = session.declared()
    name = project.subject(model, "model").name
    declared = watching(session, "payloads", name, monitor, length)
    bounds = window(session.now(), declared.window)
    log = needed_log(session, name)
    asked = [each for each in contract_of(session, name) if each.name in log.columns and each.name not in OWN]
    if not asked:
        if not log.features:
            raise BadInput(f"The requests of {name} are logged without their inputs.",
                           next=f"Try: mlops-tui log add {name} FILE")
        raise BadInput(f"No contract says what the requests of {name} hold.", where=f"datasets/{named(name)}.yaml",
                       next=f"Declare the features that are logged: {', '.join(log.features)[:200]}.")
    found = _found(session, log, asked, bounds)
    limit = declared.limits.get("bad_share")
    share = found.bad / found.n if found.n else None
    interval = wilson(found.bad, found.n) if found.n else None
    status = _judged(found, share, limit, declared.min_rows)
    title = _title(name, found, limit, declared.min_rows)
    declaration = session.declaration("monitor", monitor) if monitor else ""
    session.ledger.append(Finding(
        check="payloads", subject=name, status=status.value, title=title, value=share, limit=limit, n=found.n,
        low=interval.low if interval else None, high=interval.high if interval else None, monitor=monitor or "",
        declaration=declaration, window=(bounds[0].isoformat(), bounds[1].isoformat()), data=(log.manifest.id,),
        detail={"rules": {f"{caller} {feature} {rule}": count for caller, feature, rule, count in found.rules[:MOST]}}))
    origin = limits_from(session, declared, monitor, "")
    built = session.current(f"{name}.features") is not None or named(name) not in project.datasets
    return replace(_view(title, status, log, asked, found, bounds, origin if limit is not None else None), actions=(
        Action("Have the values moved?", ("drift", name if built else named(name))),
        Action("The log", ("log", "show", name))))


def contract_of(session: Session, model: str) -> tuple[Expected, ...]:
    """What is expected of each feature: by the log's own contract, else by that of the dataset of the outcomes."""
    project = session.declared()
    own, declared = project.datasets.get(named(model)), project.model(model)
    if own is not None and (features := [item.name for item in own.properties if item.name not in
                                         (*OWN, declared.split.time)]):
        return expected(own, features)
    labels = project.datasets.get(declared.label.dataset)
    return expected(labels, declared.columns) if labels is not None else ()


def _found(session: Session, log: PredictionLog, asked: Sequence[Expected], bounds: tuple[datetime, datetime]) -> Found:
    """All rules in one pass over the window, once it is known since when inputs are logged, by feature and caller."""
    lake, part = session.data(), log.within(bounds, session)
    connection, time = lake.connect(), quote(log.time)
    who = "coalesce(caller, '')" if log.has("caller") else "''"
    span = f"{time} >= {pointintime.moment(bounds[0])} AND {time} < {pointintime.moment(bounds[1])}"
    rows = f"(SELECT {who} AS \"=who\", * FROM {lake.scan(part.manifest)} WHERE {span})"
    begun = " OR ".join(f"{quote(name)} IS NOT NULL" for name in log.features) or "true"
    since = f"(SELECT \"=who\", min({time}) FILTER ({begun}) AS \"=since\" FROM {rows} GROUP BY 1)"
    firsts = ", ".join(f"min({time}) FILTER ({quote(each.name)} IS NOT NULL)::VARCHAR" for each in asked)
    rules = _rules(log, asked, connection.execute(f"SELECT {firsts} FROM {rows}").fetchone())
    some = " OR ".join(rules.values()) or "false"
    counts = "".join(f", count_if({sql})" for sql in rules.values())
    found = connection.execute(
        f"SELECT \"=who\", day, coalesce({time} >= \"=since\", false) AS \"=begun\", count(*), "
        f"count_if({some}){counts} FROM {rows} JOIN {since} USING (\"=who\") GROUP BY ALL").fetchall()
    by_rule: dict[tuple[str, str, str], int] = {}
    callers: dict[str, tuple[int, int]] = {}
    days: dict[str, tuple[int, int]] = {}
    for caller, day, began, n, bad, *each in found:
        if not began:
            continue
        for tally, key in ((callers, caller or SOME), (days, str(day))):
            before = tally.get(key, (0, 0))
            tally[key] = before[0] + int(n), before[1] + int(bad)
        for (feature, rule), count in zip(rules, each, strict=True):
            if count:
                place = (caller or SOME, feature, rule)
                by_rule[place] = by_rule.get(place, 0) + int(count)
    ranked = sorted(((*key, count) for key, count in by_rule.items()), key=lambda row: (-row[3], row[:3]))
    return Found(sum(n for n, _ in days.values()), sum(bad for _, bad in days.values()), tuple(ranked), callers,
                 tuple((day, *days[day]) for day in sorted(days)), sum(n for _, _, began, n, *_ in found if not began))


def _rules(log: PredictionLog, asked: Sequence[Expected], begun: Sequence[str | None] | None) -> dict[
        tuple[str, str], str]:
    """SQL by feature and rule, true where it is broken; a feature is missing only once it has `begun` to be logged."""
    found: dict[tuple[str, str], str] = {}
    for feature, began in zip(asked, begun or (), strict=True):
        for rule, sql in broken_sql(feature, log.columns[feature.name]).items():
            late = f"{quote(log.time)} >= {literal(began)}::TIMESTAMPTZ AND " if rule == "missing" and began else ""
            found[feature.name, rule] = f"coalesce({late}{sql}, false)"
    return found


def _judged(found: Found, share: float | None, limit: float | None, least: int) -> Status:
    if share is None or found.n < least:
        return Status.UNKNOWN
    if limit is None:
        return Status.WARN if found.bad else Status.DONE
    return Status.FAIL if share > limit else Status.PASS


def _title(name: str, found: Found, limit: float | None, least: int) -> str:
    if not found.n:
        return f"{name} had {counted(found.without, 'request')} in this window, none with inputs" if found.without \
            else f"{name} had no requests in this window"
    if found.n < least:
        return f"{found.n:,} requests to {name} are too few to judge: {least:,} are needed"
    said = f"{found.bad:,} of {found.n:,} requests to {name} break its contract"
    return said + (f" ({found.bad / found.n:.2%}, limit {limit:.2%})" if limit is not None else "")


def _view(title: str, status: Status, log: PredictionLog, asked: Sequence[Expected], found: Found,
          bounds: tuple[datetime, datetime], origin: str | None) -> View:
    unseen = [each for each in log.features if each not in {one.name for one in asked}]
    rules: list[Row] = [{"caller": caller, "feature": feature, "rule": rule, "requests": count,
                         "share": count / found.callers[caller][0]} for caller, feature, rule, count in found.rules]
    callers: list[Row] = [{"caller": caller, "requests": n, "bad": bad, "share": bad / n} for caller, (n, bad) in
                          sorted(found.callers.items(), key=lambda item: -item[1][1])]
    parts: list[Part] = [Facts({"requests": found.n, "bad": found.bad, "share": found.bad / found.n if found.n else
                                None, "without_inputs": found.without or None, "features_checked": len(asked),
                                "from": bounds[0], "to": bounds[1], "limits_from": origin})]
    if found.without:
        parts.append(Text(f"{counted(found.without, 'more request was', 'more requests were')} logged before their "
                          "caller sent any input in this window: left out, since nothing can be said of these."))
    if lacks := log.lacks("caller"):
        parts.append(Text(lacks))
    if unseen:
        parts.append(Text(f"No contract says what these are, so they are not checked: {', '.join(unseen)[:300]}"))
    parts += [Table.of("rules", rules[:MOST], "caller", "feature", "rule", "requests",
                       Column("share", "of the caller's", share=True), total=len(rules)),
              Table.of("callers", callers[:MOST], "caller", "requests", "bad", Column("share", share=True),
                       total=len(callers))]
    if found.days:
        bounds_of = [wilson(bad, n) for _, n, bad in found.days]
        parts.append(Series("bad_by_day", "band", tuple(day for day, _, _ in found.days),
                            tuple(bad / n for _, n, bad in found.days), tuple(each.low for each in bounds_of),
                            tuple(each.high for each in bounds_of), title="Share of bad requests by day"))
    return View(title, status, tuple(parts))
