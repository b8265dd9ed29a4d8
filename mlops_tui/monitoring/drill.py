"""A fault planted into a copy of a model's data, and which monitors notice it."""

from collections.abc import Sequence
from datetime import date, timedelta

import click

from mlops_tui.capability import measure
from mlops_tui.errors import BadInput, nearest
from mlops_tui.inputs.moments import moment, span
from mlops_tui.monitoring._coverage import covered
from mlops_tui.monitoring._faults import FAULTS, Fault
from mlops_tui.monitoring._planted import DAY, Ground, Planted, Seen
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Column, Facts, Part, Row, Series, Status, Table, Text, View, counted, worst
from store.facts import Drilled, Finding
from store.overlay import overlaid

ALL = "all"


@measure(looks="coverage")
@click.argument("model")
@click.option("--fault", default=ALL, show_default=True, metavar="NAME", help=f"One of: {', '.join(FAULTS)}.")
@click.option("--size", type=float, default=None, help="How large it is, in the fault's own unit.")
@click.option("--column", default=None, help="Into this column, where the fault is of one.")
@click.option("--day", default=None, help="The first faulty day; by default of the newest days without a failure.")
@click.option("--for", "length", default="7d", show_default=True, help="How long it lasts, and is looked at.")
@click.option("--coverage", is_flag=True, help="Only show which monitor is known to see which fault.")
def drill(session: Session, model: str, fault: str, size: float | None, column: str | None, day: str | None,
          length: str, coverage: bool) -> View:
    """Plant a fault into a copy of MODEL's data, run its monitors over it as their timetable would, and say who saw it.

    The copy holds the faulty days alone and is removed afterwards: data, history and people notice nothing. A faulty
    batch goes through `ingest` and its contract. Features and predictions are those that were built and logged: what
    the model would have answered to faulty inputs is not reckoned. A monitor has seen a fault when it fails where it
    does not fail without it.

    \b
    Example: mlops-tui drill flights-delay --fault swapped-units
             mlops-tui drill flights-delay --coverage
    """
    name = session.declared().subject(model, "model").name
    if coverage:
        return covered(session, name)
    faults = _faults(fault, size)
    ground = _ground(session, name, day, span(length))
    if not ground.monitors:
        raise BadInput(f"Nothing watches '{name}', nor the datasets it lives on.", next="Declare one in monitors/.")
    found = []
    for number, each in enumerate(faults):
        session.progress(number, len(faults), f"Planting {each.name}")
        found.append(_drilled(session, ground, each, size, column or ""))
    session.progress(len(faults), len(faults), "Planting faults: done")
    session.ledger.append(*(_fact(session, ground, planted, seen) for planted, seen in found if planted.places))
    return _one(ground, *found[0]) if len(found) == 1 else _several(ground, found)


Found = tuple[Planted, list[Seen]]


def _faults(name: str, size: float | None) -> list[Fault]:
    if name == ALL:
        if size is not None:
            raise BadInput("A size is one fault's own.", next="Name it: --fault NAME --size X")
        return list(FAULTS.values())
    if name not in FAULTS:
        raise BadInput(f"No fault '{name}'.", next=nearest(name, FAULTS) or f"Faults: {', '.join(FAULTS)}.")
    if size is not None and not 0 < size <= FAULTS[name].most:
        most = f" and at most {FAULTS[name].most:g}" if FAULTS[name].most < float("inf") else ""
        raise BadInput(f"The size of {name} is above 0{most}, not {size:g}.")
    return [FAULTS[name]]


def _ground(session: Session, model: str, day: str | None, length: timedelta) -> Ground:
    """The days to plant into: those asked for, else the newest in which no monitor failed."""
    zone, now = session.declared().zone, session.now()
    if length < DAY:
        raise BadInput("A fault lasts a day or longer.", next="Try: --for 7d")
    newest = (now.astimezone(zone) - length).date()
    if day is not None:
        first = moment(day, zone, now).astimezone(zone).date()
        if first > (now.astimezone(zone) - DAY).date():
            raise BadInput(f"{first} has no whole day of data yet.", next=f"Name a day up to {newest}.")
        return Ground(session, model, first, length)
    return Ground(session, model, _quiet(session, Ground(session, model, newest, length)), length)


def _quiet(session: Session, newest: Ground) -> date:
    """The first day of the newest span in which no monitor was found to fail; the newest span where there is none."""
    failed = [entry.recorded_at for entry in session.ledger.entries("finding") if isinstance(entry.fact, Finding)
              and entry.fact.monitor in newest.monitors and entry.fact.status == Status.FAIL]
    dataset = newest.declared.label.dataset
    began = session.ledger.entries("snapshot", subject=dataset)
    first = newest.first
    while began and newest.begin - (newest.first - first) - newest.length >= began[0].recorded_at:
        begin = newest.begin - (newest.first - first)
        if not any(begin <= at <= begin + newest.length + DAY / 2 for at in failed):
            return first
        first -= DAY
    return newest.first


def _drilled(session: Session, ground: Ground, fault: Fault, size: float | None, column: str) -> Found:
    with overlaid(session.data(), ground.session.declared().root / ".mlops" / "drills") as lake:
        planted = Planted(ground, fault, fault.size if size is None else size, lake)
        planted.plant(column)
        return planted, list(planted.seen()) if planted.places else []


def _fact(session: Session, ground: Ground, planted: Planted, seen: Sequence[Seen]) -> Drilled:
    told = {each.monitor: {
        "word": each.word, "after": each.after.total_seconds() if each.after is not None else None,
        "looks": each.looks, "meant": each.monitor in planted.meant,
        "declaration": session.declaration("monitor", each.monitor)} for each in seen}
    return Drilled(subject=ground.model, fault=planted.fault.name, size=planted.size, meant=tuple(planted.meant),
                   seen={each.monitor: each.failed.total_seconds() for each in seen if each.failed is not None},
                   window=(ground.begin.isoformat(), ground.end.isoformat()),
                   detail={"monitors": told, "into": [str(place) for place in planted.places],
                           "not_into": planted.refused})


# -- the view -------------------------------------------------------------------------------------------------------


def _status(planted: Planted, seen: Sequence[Seen]) -> Status:
    """Whether those who ought to see it did: all of them, some, or none; unknown where nobody ought to."""
    mine = [each for each in seen if each.monitor in planted.meant]
    if not mine or all(each.word == "fails anyway" for each in mine):
        return Status.UNKNOWN
    words = {each.word for each in mine}
    return Status.PASS if words == {"seen"} else Status.FAIL if not words & {"seen", "warns only"} else Status.WARN


def _title(planted: Planted, seen: Sequence[Seen]) -> str:
    name = planted.fault.name
    if not planted.places:
        return f"{name} could not be planted: {planted.refused[0] if planted.refused else 'there is nowhere for it'}"
    saw = sorted((each for each in seen if each.failed is not None), key=lambda each: each.failed or timedelta(0))
    mine = [each.monitor for each in seen if each.monitor in planted.meant]
    if not mine:
        return f"{name}: no monitor is meant to see it" + (f", but {saw[0].monitor} does" if saw else "")
    if saw:
        silent = len([each for each in seen if each.monitor in mine and each.word == "silent"])
        more = f"; {counted(silent, 'other was', 'others were')} silent" if silent else ""
        return f"{name}: {saw[0].monitor} saw it {_hours(saw[0].failed)} after it began{more}"
    warned = next((each.monitor for each in seen if each.monitor in mine and each.warned is not None), None)
    if warned:
        return f"{name}: {warned} only warns of it: nobody is woken"
    return f"{name}: {', '.join(mine)} did not see it"


def _hours(after: timedelta | None) -> str:
    hours = (after or timedelta(0)) / timedelta(hours=1)
    return f"{hours:.0f} h" if hours < 72 else f"{hours / 24:.0f} days"


def _row(planted: Planted, each: Seen) -> Row:
    return {"monitor": each.monitor, "meant": each.monitor in planted.meant, "saw": each.word,
            "hours": each.after / timedelta(hours=1) if each.after is not None else None, "looks": each.looks,
            "said": each.said}


def _one(ground: Ground, planted: Planted, seen: Sequence[Seen]) -> View:
    fault = planted.fault
    table = Table.of("monitors", [_row(planted, each) for each in seen], "monitor", "meant", "saw",
                     Column("hours", "after", "h", 0), "looks", Column("said", "it said", cut=60))
    facts: dict[str, Cell] = {"fault": f"{fault.name}: {fault.says}", "size": planted.size, "unit": fault.unit or None,
                              "into": tuple(map(str, planted.places)), "from": planted.days[0], "to": planted.days[-1],
                              "not_into": tuple(planted.refused) or None}
    silent = [each.monitor for each in seen if each.word == "silent" and each.monitor in planted.meant]
    actions = [*(Action(f"What {name} can see at all", ("power", name)) for name in silent[:2]),
               Action("Who sees what", ("drill", ground.model, "--coverage"))]
    return View(_title(planted, seen), _status(planted, seen) if planted.places else Status.UNKNOWN,
                (table, Facts({key: value for key, value in facts.items() if value is not None}), *_times(seen)),
                tuple(actions))


def _times(seen: Sequence[Seen]) -> tuple[Series, ...]:
    """How long each monitor took."""
    known = [(each.monitor, each.after / timedelta(hours=1)) for each in seen if each.after is not None]
    return (Series("after", "bar", tuple(name for name, _ in known), tuple(hours for _, hours in known),
                   title="Hours until it was seen", y_label="h"),) if len(known) > 1 else ()


def _several(ground: Ground, found: Sequence[Found]) -> View:
    rows: list[Row] = []
    for planted, seen in found:
        mine = planted.meant if planted.places else []
        first = min((each for each in seen if each.failed is not None and each.monitor in mine),
                    key=lambda each: each.failed or timedelta(0), default=None)
        stands = _status(planted, seen) if planted.places else Status.UNKNOWN
        hours = first.after / timedelta(hours=1) if first is not None and first.after is not None else None
        rows.append({"fault": planted.fault.name, "status": stands, "into": tuple(map(str, planted.places)),
                     "seen_by": first.monitor if first else None, "hours": hours,
                     "silent": tuple(each.monitor for each in seen if each.monitor in mine and each.word == "silent"),
                     "said": _title(planted, seen), "argv": ("drill", ground.model, "--fault", planted.fault.name)})
    rows.sort(key=lambda row: (row["status"] is not Status.FAIL, row["status"] is not Status.UNKNOWN,
                               row["status"] is not Status.WARN))
    status = worst([row["status"] for row in rows if isinstance(row["status"], Status)])
    seen_ = sum(row["seen_by"] is not None for row in rows)
    table = Table.of("faults", rows, "status", "fault", "seen_by", Column("hours", "after", "h", 0), "silent",
                     title="Faults, what nobody saw first")
    parts: list[Part] = [table, Facts({"from": ground.begin, "to": ground.end, "faults": len(rows), "seen": seen_})]
    unplanted = [str(row["said"]) for row in rows if not row["into"]]
    parts += [Text("\n".join(unplanted))] if unplanted else []
    return View(f"{seen_} of {len(rows)} faults in {ground.model} are seen by a monitor meant for them", status,
                tuple(parts), (Action("Who sees what", ("drill", ground.model, "--coverage")),))
