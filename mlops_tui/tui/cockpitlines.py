"""How the cockpit puts an incident into lines: what it is about, its steps, what was found, what came of it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta, tzinfo

from rich.text import Text

from mlops_tui.health import SEVERE
from mlops_tui.render.cells import clean, fit, width_of
from mlops_tui.tui.cases import Case
from mlops_tui.tui.paint import glyph, short_time, sides, word
from mlops_tui.view import Cell, Column, Facts, Part, Row, Status, Table, View, counted, lasting
from mlops_tui.view import Text as Prose

SETTLED = ("pass", "warn", "done", "skipped", "diverted")
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
KINDS = {"query": "looks", "check": "checks", "command": "acts", "approve": "asks for votes", "wait": "waits",
         "notify": "tells", "manual": "asks you"}


# -- what it is about ---------------------------------------------------------------------------------------------


def headline(case: Case, now: datetime | None, width: int) -> list[Text]:
    """What is wrong and how bad it is, who is on it; what it costs, what changed last, what it takes to close it."""
    facts = case.facts
    mark, colour = glyph(_standing(case))
    title = case.shown.title.removeprefix(f"{case.id}: ")
    live = not case.over
    people = [f"lead {facts['lead']}" if facts.get("lead") else "nobody leads" if case.incident and live else ""]
    people += [f"on call {_plain(case.told.get('for'))}" if case.told.get("for") and live else ""]
    right = " · ".join(part for part in (str(facts.get("severity") or ""), _age(case, now), *people) if part)
    left = Text.assemble((f" {mark} ", colour), (word(title, 400).rstrip(), "bold"))
    first = sides(left, Text(f"{word(right, 400).rstrip()} ", style=colour), width) if width >= 90 else left
    first.truncate(width, overflow="ellipsis")
    lower = [right] if width < 90 else []
    lower += [str(case.told[name]).partition(" more than ")[0] for name in ("loss", "touches", "changed")
              if case.told.get(name)]
    due = Text.assemble("  ", _due(case))  # else what is cut short runs into it
    second = sides(Text(f"   {word(' · '.join(lower), 400).rstrip()}", style="dim"), due, width)
    return [first, second]


def _standing(case: Case) -> Status:
    if case.over:
        return Status.PASS
    return Status.FAIL if case.facts.get("severity") in SEVERE else Status.WARN


def _age(case: Case, now: datetime | None) -> str:
    state = str(case.facts.get("state") or "")
    began = case.facts.get("detected") or case.facts.get("since")
    ended = case.facts.get("resolved")
    until = ended if isinstance(ended, datetime) else now
    if not isinstance(began, datetime) or until is None or (case.over and ended is None):
        return state
    return f"{state} {'after' if ended else 'for'} {lasting(until - began)}"


def _due(case: Case) -> Text:
    facts = case.facts
    if facts.get("late"):
        return Text(f"■ {facts['late']} ", style="bold red")
    if given_to(case):
        return Text(f"▲ {word(given_to(case), 40).rstrip()} is asked to take it over ", style="yellow")
    lacks = [each for each in str(facts.get("to_close") or "").split("; ") if each and not each.startswith("RUN-")]
    if lacks:
        return Text(f"to close: {word('; '.join(lacks), 200).rstrip()} ", style="dim")
    return Text(f"post-mortem: {facts.get('post_mortem') or 'none yet'} " if case.incident and case.over else "")


def given_to(case: Case) -> str:
    """Who has been asked to take it over, and has not done so yet; empty where nobody is."""
    return str(case.facts.get("handed_over") or "").rpartition(" to ")[2].partition(",")[0]


def _plain(who: Cell) -> str:
    return str(who or "").rpartition(": ")[2].partition(" (")[0]


# -- its steps ----------------------------------------------------------------------------------------------------


def steps_title(case: Case) -> str:
    if not case.runbook:
        return "Which runbook?" if case.steps else "Runbook"
    if not case.run:
        return f"{case.runbook} · {counted(len(case.steps), 'step')}, not begun"
    done = sum(str(row["status"]) in SETTLED for row in case.steps)
    return f"{case.runbook} {done}/{len(case.steps)} · {case.run}"


def step(row: Row, width: int, now: datetime | None) -> list[Text]:
    """A step on one line: how it stands, who did it and how long that took; of what is to come, what it does."""
    if "step" not in row:
        when = row.get("when")
        fits = ", ".join(when) if isinstance(when, tuple) else ""
        mark, colour = glyph(Status.FAIL) if row.get("status") is Status.FAIL else ("◇", "dim")
        title = Text.assemble((f" {mark} ", colour), word(row["title"], 200).rstrip())
        return [sides(title, Text(f"{word(fits, 24).rstrip()} ", style="dim"), width)]
    here, status = bool(row["here"]), str(row["status"] or "")
    mark, colour = glyph(row.get("stands")) if status and status != "skipped" else ("·", "dim")
    if here and status not in ("fail", "unknown", "error", "interrupted"):
        mark, colour = "▶", "bold yellow"
    if status in ("intent", "waiting") or row.get("runs"):
        mark, colour = glyph(Status.RUNNING)
    title = Text.assemble((f" {mark} ", colour), (f"{row['step']:>2} ", "dim"),
                          (word(row["title"], 200).rstrip(), "bold" if here else "dim" if status == "skipped" else ""))
    return [sides(title, Text(f"{_who(row, now, here=here)} ", style=colour if here else "dim"), width)]


def _who(row: Row, now: datetime | None, *, here: bool) -> str:
    status, kind = str(row["status"] or ""), str(row["kind"])
    if row.get("runs"):
        return "runs"
    if not status:
        does = f"asks for {row['votes']} votes" if row.get("votes") else KINDS[kind]
        since = row.get("since")
        waits = now - since if here and now is not None and isinstance(since, datetime) else timedelta(0)
        return f"{does} {lasting(waits)}" if waits >= MINUTE else does
    began, at = row.get("began_at"), row.get("at")
    until = now if here and status in ("intent", "waiting") and now is not None else at
    took = lasting(until - began) if isinstance(began, datetime) and isinstance(until, datetime) and \
        until - began >= SECOND else ""
    said = "" if status in ("pass", "done", "warn") else "runs" if status == "intent" else status
    return " ".join(part for part in (said, _plain(row.get("by")), took) if part)


# -- the step under the cursor ------------------------------------------------------------------------------------


def text_of(case: Case, row: Row | None) -> View:
    """What the runbook says of a step, what it would run, and what came of it."""
    if row is None and case.refused is not None:
        return case.refused
    if row is None:
        return View("", parts=(Prose(_alone(case)),))
    if "step" not in row:
        return View("", parts=(Prose(str(row["title"])), Facts({
            "answers": row.get("when"), "severity": row.get("severity"), "steps": row.get("steps"),
            "asks": row.get("asks")})))
    parts: list[Part] = [Prose(str(row["text"]), "markdown")] if row["text"] else []
    command = str(row["command"])
    if command:
        lead = "" if row["kind"] in ("manual", "notify") else "mlops-tui "
        parts.append(Prose(f"{lead}{command}", "code" if lead else "plain"))
    note = str(row["note"] or "")
    if note and note != command:
        parts.append(Prose(f"{row['status']}: {note}"))
    if row["undo"]:
        parts.append(Prose(f"taken back by: {row['undo']}"))
    return View("", parts=tuple(parts))


def _alone(case: Case) -> str:
    """What to say where there is no runbook to work through."""
    if case.facts.get("merged_into"):
        return f"It goes on as {case.facts['merged_into']}."
    if case.incident and case.over:
        return "It is over, and no runbook was worked through. m opens the post-mortem: what would have helped?"
    return "It is over." if case.over else "There is no runbook to work through."


# -- what was found -----------------------------------------------------------------------------------------------


def found(view: View) -> View:
    """An answer with what one looks at first: remedies by cost, tables and pictures; named values come last."""
    parts = [_seen_first(part) for part in view.parts]
    return View(view.title, view.status, tuple(sorted(parts, key=lambda part: isinstance(part, Facts))))


def _seen_first(part: Part) -> Part:
    """What each remedy costs a day with its interval, or why that is unknown; the cheapest one is pointed at."""
    if not isinstance(part, Table) or part.id != "remedies":
        return part
    table = part
    unit = next((column.unit for column in table.columns if column.id == "cost_a_day"), "")
    judged = [row for row in table.rows if isinstance(row["cost_a_day"], (int, float))]
    best = min(judged, key=lambda row: float(str(row["cost_a_day"])), default=None)
    rows: list[Row] = [{**row, "interval": _between(row), "best": "◀" if row is best else ""} for row in table.rows]
    return replace(table, rows=tuple(rows), columns=(
        Column("remedy", worth=2), Column("cost_a_day", "a day", unit, 0, worth=2),
        Column("interval", "95 % interval", worth=1), Column("best", " ", worth=2)))


def _between(row: Row) -> str:
    low, high = row.get("low"), row.get("high")
    if not isinstance(low, (int, float)) or not isinstance(high, (int, float)):
        return str(row.get("detail") or "")
    return f"{low:,.0f} – {high:,.0f}"


def so_far(case: Case, row: Row | None) -> View:
    """What is known where a step has found nothing yet: what its looks have found, and how things stand by now."""
    parts: list[Part] = []
    if case.book is not None and case.running and row is not None and str(row.get("step")) == case.stands_at:
        _, *rest = case.book.parts
        parts = [_seen_first(part) for part in rest if not isinstance(part, Facts) and not (
            isinstance(part, Table) and part.id == "steps")]
        parts.sort(key=lambda part: isinstance(part, Prose))
    parts += [part for part in case.shown.parts if isinstance(part, Table) and part.id in ("newest", "similar")]
    told = {name: value for name, value in case.told.items() if name in (
        "loss", "touches", "since", "changed", "since_then", "by_now", "on_it", "rule_was")}
    return View("", parts=(*parts, Facts(told)) if told else tuple(parts))


# -- what came of it ----------------------------------------------------------------------------------------------


def timeline(case: Case) -> list[Row]:
    """What happened, the newest first."""
    rows = case.shown.rows("timeline")
    return [{**row, "key": f"{row['entry']}/{place}"} for place, row in reversed(list(enumerate(rows)))]


def event(row: Row, width: int, zone: tzinfo) -> list[Text]:
    """Something that happened, on one line."""
    when = fit(short_time(row["at"], zone), 13)
    line = Text.assemble((f" {when}", "dim"), (fit(clean(_plain(row["who"])), 10), "cyan"), " ",
                         word(row["what"], 400).rstrip())
    line.truncate(width, overflow="ellipsis")
    return [line]


def said(case: Case, *, given: bool) -> list[tuple[str, str]]:
    """The letters of what people say by now; `given`: it is handed over to whoever sits here."""
    if case.incident and case.over:
        return [("m", "post-mortem"), ("n", "note")]
    taken = case.over or (case.incident and bool(case.facts.get("lead")))
    first = [("a", "take it over")] if given else [("a", "I am on it")] if not taken else []
    return [*first, *((("n", "note"), ("u", "update"), ("h", "hand over"), ("v", "severity"), ("o", "over"))
                      if case.incident else ())]


def hints(offered: Sequence[tuple[str, str]], width: int) -> Text:
    """The keys that do something here, as far as there is room."""
    line = Text(" ")
    for key, does in offered:
        piece = Text.assemble((key, "bold cyan"), f" {does}")
        if width_of(line.plain) + width_of(piece.plain) > width:
            break
        line.append_text(piece).append("   ")
    return line
