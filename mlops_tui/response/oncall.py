"""Who is on call now and next, who took over from whom, and where nobody is."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import click

from mlops_tui.alerts import oncall as rules
from mlops_tui.alerts.notifying import ON_CALL
from mlops_tui.alerts.oncall import Plan, Shift
from mlops_tui.capability import act, look, noun
from mlops_tui.errors import BadInput, NotDeclared, nearest
from mlops_tui.inputs.moments import after, moment
from mlops_tui.render import cells
from mlops_tui.response import _people
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Facts, Row, Status, Table, Text, View, counted
from store.facts import OnCallSwap

oncall = noun("oncall", __doc__ or "", bare="show", subject="show", package="mlops_tui.response")
LONGEST = timedelta(days=28)
FAR = 366  # days ahead that can be looked at
NONE = "No rotation is declared in oncall/; alerts for 'oncall' go to all who hold that role."


@look(of=oncall, fold=True)
@click.argument("rotation", required=False)
@click.option("--days", default=28, show_default=True, type=click.IntRange(1, FAR), help="How far ahead.")
def show(session: Session, rotation: str | None, days: int) -> View:
    """Who is on call now, until when, and who comes next.

    \b
    Example: mlops-tui oncall show --days 14
    """
    plans, now = rules.plans(session.declared()), session.now()
    if not plans:
        return _by_role(session)
    chosen = [_plan(plans, rotation)] if rotation else list(plans.values())
    swapped = rules.swaps(session.ledger.entries("oncall"))
    until, rows = now + timedelta(days=days), list[Row]()
    for plan in chosen:
        rows += [_row(session, plan, shift, now) for shift in plan.shifts(swapped, now, until)]
    first = rules.meant({plan.name: plan for plan in chosen}, ON_CALL) or chosen[0]
    title, facts = _now_and_next(session, first, swapped, (now, until))
    faults = [fault for plan in chosen for fault in plan.faults(swapped, now, until)]
    wrong = (Text(f"{counted(len(faults), 'time')} ahead without exactly one person: mlops-tui oncall check"),)
    table = Table.of("shifts", sorted(rows, key=lambda row: (str(row["rotation"]) != first.name, str(row["rotation"]))),
                     "who", "from", "to", "rotation", "instead_of")
    status = Status.PASS if facts["now"] else Status.FAIL
    return View(title, Status.WARN if faults and facts["now"] else status,
                (Facts(facts), table, *(wrong if faults else ())), _steps(session, facts))


def _steps(session: Session, facts: dict[str, Cell]) -> tuple[Action, ...]:
    mine = session.actor.name in session.declared().team.people and session.actor.name not in str(facts["now"])
    return (*((Action("Take over for 8 h", ("oncall", "swap", session.actor.name, "--for", "8h")),) if mine else ()),
            Action("Is it whole?", ("oncall", "check")))


def _by_role(session: Session) -> View:
    """Without a rotation."""
    held = rules.reached(session.declared(), (), ON_CALL, session.now())
    said = f"{', '.join(held)} {'holds' if len(held) == 1 else 'hold'} the role oncall" if held else \
        "Nobody is on call: nobody in team.yaml holds the role oncall"
    return View(said, Status.WARN, (Facts({"now": held}), Text(NONE)))


def _row(session: Session, plan: Plan, shift: Shift, now: datetime) -> Row:
    known = shift.who in session.declared().team.people
    return {"status": (Status.RUNNING if shift.holds(now) else Status.DONE) if known else Status.FAIL,
            "who": shift.who if known else f"{shift.who} (not in team.yaml)", "from": shift.start, "to": shift.end,
            "rotation": plan.name, "instead_of": shift.swapped or None}


def _now_and_next(session: Session, plan: Plan, swapped: Sequence[OnCallSwap],
                  span: tuple[datetime, datetime]) -> tuple[str, dict[str, Cell]]:
    """The answer in one line, and the same as values."""
    now, until = span
    people, zone = session.declared().team.people, plan.zone
    shifts = [each for each in plan.shifts(swapped, now, until) if each.who in people]
    on = [each for each in shifts if each.holds(now)]
    ends = min((each.end for each in on), default=None)
    after = next((each for each in shifts if each.start > now and each.who not in {one.who for one in on}), None)
    facts: dict[str, Cell] = {"rotation": plan.name, "now": tuple(each.who for each in on), "until": ends,
                              "next": after.who if after else None, "from": after.start if after else None}
    said = f"{' and '.join(each.who for each in on)} {'are' if len(on) > 1 else 'is'} on call" if on else \
        f"Nobody is on call by {plan.name}"
    said += f" until {cells.moment(ends, zone)}" if ends else ""
    return f"{said}{f', then {after.who}' if after else ''}", facts


def _plan(plans: dict[str, Plan], name: str) -> Plan:
    if (found := rules.meant(plans, name)) is None:
        raise NotDeclared(f"No rotation '{name}' in oncall/.", next=nearest(name, plans) or (
            f"There are {', '.join(plans)}." if plans else "Declare one: oncall/primary.yaml"))
    return found


@act(of=oncall, confirm=False)
@click.argument("person")
@click.option("--rotation", default=None, help="Which; the primary one by default.")
@click.option("--from", "start", default=None, help="From when on, such as 2026-11-02T22:00; now by default.")
@click.option("--for", "length", default=None, help="How long, such as 8h.")
@click.option("--until", default=None, help="Until when, such as 2026-11-03T09:00.")
@click.option("--note", default="", help="Why.")
def swap(session: Session, person: str, rotation: str | None, start: str | None, length: str | None,
         until: str | None, note: str) -> View:
    """PERSON is on call for a while instead of whoever would be.

    \b
    Example: mlops-tui oncall swap me --for 8h --note "ana sees her dentist"
    """
    plans = rules.plans(session.declared())
    plan, who = _plan(plans, rotation or ON_CALL), _people.person(session, person)
    since, end = _span(session, plan, start, length, until)
    made = OnCallSwap(subject=plan.name, who=who, since=since.isoformat(), until=end.isoformat(), note=note)
    instead = sorted({each.who for each in plan.shifts(rules.swaps(session.ledger.entries("oncall")), since, end)
                      if each.start < end and each.end > since} - {who})
    session.ledger.append(made)
    facts: dict[str, Cell] = {"rotation": plan.name, "who": who, "from": since, "until": end,
                              "instead_of": tuple(instead)}
    of = f"for {', '.join(instead)} " if instead else ""
    return View(f"{who} is on call {of}until {cells.moment(end, plan.zone)}", Status.DONE, (Facts(facts),),
                (Action("Who is on call", ("oncall",)),))


def _span(session: Session, plan: Plan, start: str | None, length: str | None,
          until: str | None) -> tuple[datetime, datetime]:
    now = session.now()
    since = moment(start, plan.zone, now) if start is not None else now
    if (length is None) == (until is None):
        raise BadInput("Say how long.", next="Give --for 8h or --until 2026-11-03T09:00.")
    end = moment(until, plan.zone, now) if until is not None else after(since, length or "", none=True)
    if end <= since or end <= now:
        raise BadInput("That time is over before it begins.", next="Give --for 8h, and a --from that is to come.")
    if end - since > LONGEST:
        raise BadInput(f"A swap lasts {LONGEST.days} days at most.", next="Change the rotation's file.")
    return since, end


@look(of=oncall, fold=True)
@click.option("--days", default=90, show_default=True, type=click.IntRange(1, FAR), help="How far ahead.")
def check(session: Session, days: int) -> View:
    """Where nobody is on call, more than one is, or somebody whom the team does not know.

    \b
    Example: mlops-tui oncall check --days 90
    """
    plans, now = rules.plans(session.declared()), session.now()
    if not plans:
        view = _by_role(session)
        return replace(view, title=f"No rotation to check: {view.title[0].lower()}{view.title[1:]}")
    swapped, until = rules.swaps(session.ledger.entries("oncall")), now + timedelta(days=days)
    rows: list[Row] = [
        {"status": Status.WARN if fault.what.endswith("at once") else Status.FAIL, "rotation": plan.name,
         "what": fault.what, "from": fault.start, "to": fault.end,
         "hours": round((fault.end - fault.start) / timedelta(hours=1), 1)}
        for plan in plans.values() for fault in plan.faults(swapped, now, until)]
    first = f": {rows[0]['what']} from {cells.moment(rows[0]['from'], session.declared().zone)}" \
        if rows and isinstance(rows[0]["from"], datetime) else ""
    title = f"{counted(len(rows), 'time')} in {days} days without exactly one person on call{first}" if rows else \
        f"Somebody is on call at every hour of the next {days} days"
    bad = any(row["status"] is Status.FAIL for row in rows)
    return View(title, Status.FAIL if bad else Status.WARN if rows else Status.PASS,
                (Facts({"days": days, "rotations": tuple(plans)}),
                 Table.of("faults", rows, "rotation", "what", "from", "to", "hours")),
                (Action("Who is on call", ("oncall",)),))
