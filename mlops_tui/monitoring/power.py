"""The smallest change that a monitor can see at this traffic, and how soon it would."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import click
import numpy as np

from mlops_tui.analysis.power import Column as Values
from mlops_tui.analysis.power import days_wanted, looks_until, median, seen_share, shift_for, value_seen
from mlops_tui.analysis.verdict import Limits, rounded_up
from mlops_tui.capability import measure
from mlops_tui.declarations.alertpolicy import AlertPolicy
from mlops_tui.declarations.kinds import Monitor
from mlops_tui.declarations.limits import LESS_IS_BETTER
from mlops_tui.errors import BadInput
from mlops_tui.oversight.replaying import World, looked
from mlops_tui.profiling import windowed
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Column, Facts, Part, Row, Series, Status, Table, Text, View, finite
from store.facts import Finding
from store.quoting import quote

DRAWS = 100  # windows that are drawn for each point of the curve
CURVE = (0.0, 0.5, 0.75, 1.0, 1.25, 1.5)  # shifts that are tried, in units of the smallest that should be seen
SEED = 20130101
USUAL = 0.8  # power where no monitor says otherwise
ANY = 1e-6  # of a standard deviation: a shift below it is any shift at all
RECENT = 28  # looks that say how wide a metric's interval usually is
CHECKS = ("drift", "performance", "calibration", "health")


@dataclass(frozen=True)
class Asked:
    """What is asked about: the monitor (or what one would be by default), its name, and the power wanted."""

    session: Session
    name: str
    monitor: Monitor
    power: float

    @property
    def policy(self) -> AlertPolicy:
        return self.monitor.alert or AlertPolicy()

    @property
    def looks(self) -> float:
        """Looks until it fires, where each sees the change with the power asked for."""
        return looks_until(self.power, self.policy.after.k, self.policy.after.n)


@measure
@click.argument("what")
@click.option("--power", "wanted", type=click.FloatRange(0.5, 0.99), default=USUAL, show_default=True,
              help="With what probability one look sees it.")
def power(session: Session, what: str, wanted: float) -> View:
    """The smallest change that WHAT, a monitor or a model or dataset, can see at its present traffic.

    Of drift: the smallest shift of each column, by the number of rows, its limit and what weeks usually differ by. It
    is tried on the column's own rows, whole days drawn at random. Of a metric: how far it must lie beyond its limit for
    the interval to lie there too.

    \b
    Example: mlops-tui power flights-drift
             mlops-tui power flights-delay --power 0.9
    """
    asked = _asked(session, what, wanted)
    made = {"drift": _drift, "performance": _metrics, "calibration": _metrics, "health": _health}
    if asked.monitor.check not in made:
        raise BadInput(f"What {asked.monitor.check} can see does not depend on traffic: it counts every row.",
                       next=f"Ask of a monitor of: {', '.join(CHECKS)}.")
    return made[asked.monitor.check](asked)


def _asked(session: Session, what: str, wanted: float) -> Asked:
    project = session.declared()
    if what in project.monitors:
        return Asked(session, what, project.monitors[what], wanted)
    subject = project.subject(what, "model", "dataset")
    mine = [name for name, each in project.monitors.items()
            if (each.check, each.subject) == ("drift", subject.name)]
    if len(mine) == 1:
        return Asked(session, mine[0], project.monitors[mine[0]], wanted)
    if wanted != USUAL:
        raise BadInput(f"No monitor of drift is declared for '{subject.name}': its power is {USUAL:g}.",
                       next="Leave out --power, or declare a monitor.")
    return Asked(session, "", Monitor(check="drift", subject=subject.name), wanted)


def _now(asked: Asked) -> Finding:
    """What a look finds now, at the power asked for; nothing of it is recorded. BadInput where it cannot look."""
    argv: tuple[str, ...] = ("drift", asked.monitor.subject)
    session, project = asked.session, asked.session.declared()
    if asked.name:
        argv = asked.monitor.command(asked.name)
        wanted = {"power": asked.power} if asked.monitor.check == "drift" else {}
        monitor = replace(asked.monitor, limits={**asked.monitor.limits, **wanted})
        session = replace(session, project=project.with_monitors({**project.monitors, asked.name: monitor}))
    found = looked(World(session).at(session.now(), session.ledger.head_seq()), argv, asked.name)
    if found.finding is None:
        raise BadInput(f"{asked.name or asked.monitor.subject} cannot look now: {found.said}")
    return found.finding


# -- drift ----------------------------------------------------------------------------------------------------------


def _drift(asked: Asked) -> View:
    finding = _now(asked)
    columns: Mapping[str, Mapping[str, float | str | None]] = finding.detail["columns"]
    if not columns:
        raise BadInput(f"Nothing can be compared: {finding.title}", next="Wait for more rows.")
    project = asked.session.declared()
    source = windowed.source(asked.session, project.subject(asked.monitor.subject, "model", "dataset"))
    window = asked.session.now() - asked.monitor.window, asked.session.now()
    reference = windowed.reference(asked.session, source.subject, asked.monitor.reference, window)
    limits = Limits(**asked.monitor.limits)
    tests = sum(each["test"] is not None for each in columns.values())
    numbers = [name for name, each in columns.items() if each["test"] == "ks"]
    values = _values(asked, source, reference.spans, numbers)
    rows = [_column(name, each, values.get(name), limits, asked) for name, each in columns.items()
            if each["test"] is not None]
    rows.sort(key=lambda row: -(row["shift_sd"] if isinstance(row["shift_sd"], float) else -1.0))
    blind = [row for row in rows if isinstance(row["sees"], float) and isinstance(row["limit"], float)
             and row["sees"] > row["limit"]]
    title = _blind(blind, finding) if blind else _fine(asked, rows)
    figures = (Column("limit", digits=2), Column("sees", "rows see", digits=3), Column("usual", digits=3),
               Column("needed", "needed", digits=3), Column("shift_sd", "shift", "sd", 2),
               Column("shift", "in units", digits=3))
    table = Table.of("columns", rows, "column", *figures, Column("rows_needed", "rows needed"))
    worst_ = next((row for row in rows if isinstance(row["shift_sd"], float)), None)
    curve = _curve(asked, str(worst_["column"]), values, worst_, tests, limits) if worst_ is not None else ()
    notes = [*_notes(asked, blind), *(Text(f"{row['column']}: {row['note']}.") for row in rows if row["note"])]
    facts: dict[str, Cell] = {"rows_in_window": finding.n, "rows_in_reference": finding.detail.get("rows_reference"),
                              "columns": tests, "power": asked.power, "fires_after": str(asked.policy.after),
                              "looks_until_it_fires": round(asked.looks, 1),
                              "method": "closed form (Massey 1951, Cohen 1988), and windows of days drawn"}
    return View(title, Status.WARN if blind else Status.DONE, (table, *curve, *notes, Facts(facts)),
                (*_replay(asked), Action("What it finds", ("drift", asked.monitor.subject, *(
                    ("--monitor", asked.name) if asked.name else ())))))


def _values(asked: Asked, source: windowed.Source, spans: Sequence[windowed.Span], names: Sequence[str]) -> dict[
        str, tuple[np.ndarray, np.ndarray]]:
    """The reference's values of each column with their day."""
    if not names:
        return {}
    found = {}
    zone = asked.session.declared().settings.timezone
    with windowed.rows_in(asked.session, source, spans, (*names, source.time)) as scan:
        time = f"CAST({quote(source.time)} AS TIMESTAMP)"
        where = scan.arrow(f"epoch(date_trunc('day', timezone('{zone}', {quote(source.time)}::TIMESTAMPTZ)))"
                           if "TIME ZONE" in source.manifest.columns.get(source.time, "") else
                           f"epoch(date_trunc('day', {time}))").to_numpy().astype(np.int64)
        for name in names:
            values = scan.arrow(f"CAST({quote(name)} AS DOUBLE)").to_numpy()
            there = np.isfinite(values)
            found[name] = values[there].astype(np.float64), where[there]
    return found


def _column(name: str, told: Mapping[str, float | str | None], values: tuple[np.ndarray, np.ndarray] | None,
            limits: Limits, asked: Asked) -> Row:
    """What the rows of one column can see; the shift in the column's own units where it is a number."""
    limit = limits.ks if told["test"] == "ks" else limits.v
    sees, usual = _number(told["detectable"]), _number(told["usual"])
    needed = max(each for each in (limit, sees, usual) if each is not None)
    row: dict[str, Cell] = {"column": name, "test": {"ks": "KS", "chi2": "V"}[str(told["test"])], "limit": limit,
                            "sees": sees, "usual": usual, "needed": needed, "shift": None, "shift_sd": None,
                            "rows_needed": None, "note": None}
    if sees is not None and values is not None:
        rows = values[0].size
        row["rows_needed"] = rounded_up(math.ceil(rows * (sees / limit) ** 2)) if sees > limit else None
    if values is not None and values[0].size > 1 and needed <= 1:
        shift, spread = shift_for(values[0], needed), float(values[0].std())
        if shift is not None and spread > 0 and shift < ANY * spread:
            row["note"] = "any shift: many rows have one value"
        elif shift is not None and spread > 0:
            row |= {"shift": finite(shift), "shift_sd": shift / spread}
        else:
            row["note"] = "no shift moves it so far"
    return row


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _blind(blind: Sequence[Row], finding: Finding) -> str:
    row = max(blind, key=lambda each: each["sees"] if isinstance(each["sees"], float) else 0.0)
    return (f"The limit {row['limit']:g} is below what {finding.n:,} rows can see of {row['column']}: "
            f"{row['sees']:.3f}")


def _fine(asked: Asked, rows: Sequence[Row]) -> str:
    shifts = [(row["shift_sd"], row["column"]) for row in rows if isinstance(row["shift_sd"], float)]
    name = asked.name or asked.monitor.subject
    if not shifts:
        return f"{name} sees whatever its limits want to be seen"
    return f"{name} sees shifts of {min(shifts)[0]:.2f} to {max(shifts)[0]:.2f} sd; the hardest is {max(shifts)[1]}"


def _notes(asked: Asked, blind: Sequence[Row]) -> list[Text]:
    if not blind:
        return []
    most = max(row["sees"] for row in blind if isinstance(row["sees"], float))
    ratio = max(row["sees"] / row["limit"] for row in blind
                if isinstance(row["sees"], float) and isinstance(row["limit"], float))
    days = asked.monitor.window.total_seconds() / 86400
    raised, longer = math.ceil(most * 200) / 200, math.ceil(days * ratio ** 2)
    or_wait = f"or look at windows of {longer:,} days" if longer <= 366 else "no window within a year would do"
    return [Text(f"Raise the limit to {raised:g}, {or_wait}. Until then such columns are unknown, never a pass.")]


def _curve(asked: Asked, name: str, values: Mapping[str, tuple[np.ndarray, np.ndarray]], row: Row, tests: int,
           limits: Limits) -> tuple[Part, ...]:
    """How often a shift is seen, by its size: windows of half, once and twice the days, drawn from its own days."""
    sample, day = values[name]
    shift, needed = row["shift"], row["needed"]
    if not isinstance(shift, float) or not isinstance(needed, float) or np.unique(day).size < 2:
        return ()
    spread, length = float(sample.std()), max(round(asked.monitor.window.total_seconds() / 86400), 1)
    least = max(_number(row["limit"]) or 0.0, _number(row["usual"]) or 0.0)
    column = Values(sample, day, length, max(tests, 1), limits, least)
    points, found = [shift * each for each in CURVE], {}
    for number, factor in enumerate((0.5, 1.0, 2.0)):
        other = replace(column, days=max(round(length * factor), 1))
        asked.session.progress(number, 3, f"Drawing windows of {other.days} days")
        found[factor] = [seen_share(other, each, DRAWS if factor == 1 else DRAWS // 2, SEED) for each in points]
    asked.session.progress(3, 3, "Drawing windows: done")
    x = tuple(each / spread for each in points)
    middle = {factor: tuple((each.low + each.high) / 2 for each in share) for factor, share in found.items()}
    return (Series("power", "band", x, middle[1.0], tuple(each.low for each in found[1.0]),
                   tuple(each.high for each in found[1.0]), title=f"How often a shift of {name} is seen, {length} days",
                   names=("seen",), x_label="shift, sd", y_label="share of looks",
                   marks=(("should be seen", shift / spread),)),
            Series("power_by_size", "line", x, middle[0.5], other=middle[2.0],
                   names=(f"{max(round(length / 2), 1)} days", f"{2 * length} days"),
                   title="The same in windows half and twice as long", x_label="shift, sd"))


# -- metrics, with intervals that count days ------------------------------------------------------------------------


def _metrics(asked: Asked) -> View:
    """How far beyond its limit each measure must lie for one look to be sure of it."""
    findings = [entry.fact for entry in asked.session.ledger.entries("finding") if isinstance(entry.fact, Finding)
                and entry.fact.monitor == asked.name][-RECENT:]
    findings = findings or [_now(asked)]
    limits = asked.monitor.limits or {key: value for fact in findings[-1:] if fact.limit is not None
                                      for key, value in ((str(fact.detail.get("metric", "ece")), fact.limit),)}
    if not limits:
        raise BadInput("Without a limit there is nothing that must be seen.", next="Give the monitor one: limits: {…}")
    rows = [_metric(name, limit, findings, asked) for name, limit in limits.items()]
    first = next((row for row in rows if row["seen_at"] is not None), None)
    if first is None:
        raise BadInput("No look had an interval yet, so nothing is known of what it can see.",
                       next=f"Try: mlops-tui {asked.monitor.check} {asked.monitor.subject}")
    table = Table.of("metrics", rows, "metric", Column("limit", digits=3), Column("now", digits=3),
                     Column("half", "± usually", digits=3), Column("seen_at", "seen from", digits=3),
                     Column("beyond", "beyond by", digits=3),
                     Column("days_needed", "days to halve", digits=0))
    facts: dict[str, Cell] = {"looks": len(findings), "power": asked.power, "fires_after": str(asked.policy.after),
                              "looks_until_it_fires": round(asked.looks, 1),
                              "method": "the usual half-width of its 95 % intervals, normal"}
    title = (f"{asked.name} sees {first['metric']} from {first['seen_at']:.3f} on: "
             f"{first['beyond']:.3f} beyond its limit {first['limit']:g}")
    return View(title, Status.DONE, (table, Facts(facts)), _replay(asked))


def _metric(name: str, limit: float, findings: Sequence[Finding], asked: Asked) -> Row:
    found = [bounds for fact in findings if (bounds := _bounds(fact, name)) is not None]
    half = median([(high - low) / 2 for _, low, high in found])
    below = name not in LESS_IS_BETTER and asked.monitor.check == "performance"
    row: dict[str, Cell] = {"metric": name, "limit": limit, "now": found[-1][0] if found else None, "half": half,
                            "seen_at": None, "beyond": None, "days_needed": None, "low": None, "high": None}
    if half is None:
        return row
    at = value_seen(limit, half, asked.power, below=below)
    days = asked.monitor.window.total_seconds() / 86400
    return row | {"seen_at": at, "beyond": abs(limit - at), "days_needed": days_wanted(half, half / 2, days),
                  "low": min(at, limit), "high": max(at, limit)}


def _bounds(fact: Finding, name: str) -> tuple[float, float, float] | None:
    told = fact.detail.get("metrics", {}).get(name)
    several = (told.get("value"), told.get("low"), told.get("high")) if told else \
        (fact.detail.get("measures", {}).get(name), *fact.detail.get("bounds", {}).get(name, (None, None)))
    value, low, high = (_number(each) for each in several)
    return None if value is None or low is None or high is None else (value, low, high)


# -- batches --------------------------------------------------------------------------------------------------------


def _health(asked: Asked) -> View:
    """By how many rows a batch must differ from the usual to be odd."""
    findings = [entry.fact for entry in asked.session.ledger.entries("finding") if isinstance(entry.fact, Finding)
                and entry.fact.monitor == asked.name][-RECENT:]
    limit, spreads, usual = asked.monitor.limits.get("z", 5.0), [], []
    for fact in findings or [_now(asked)]:
        expected = _number(fact.detail.get("expected"))
        if expected and fact.n is not None and fact.value and abs(fact.n - expected) >= 1:
            spreads.append(abs((fact.n - expected) / fact.value) / expected)
            usual.append(expected)
    spread, rows = median(spreads), median(usual)
    if spread is None or rows is None:
        raise BadInput("No batch was seen to differ from the usual by so much as a row: nothing is known of how they "
                       "vary.", next=f"Try: mlops-tui health {asked.monitor.subject}")
    share = limit * spread
    facts: dict[str, Cell] = {"usual_rows": round(rows), "seen_from_rows": round(rows * share), "share": share,
                              "limit_z": limit, "fires_after": str(asked.policy.after), "batches": len(spreads),
                              "method": "the limit times the usual spread of batches of its kind"}
    return View(f"{asked.name} sees a batch that is {share:.0%} larger or smaller than usual", Status.DONE,
                (Facts(facts),), _replay(asked))


def _replay(asked: Asked) -> tuple[Action, ...]:
    return (Action("How often would it have fired?", ("backtest", asked.name)),) if asked.name else ()
