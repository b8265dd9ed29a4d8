"""How the rows of the first screen are painted: models, what needs you, jobs, what comes next."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta, tzinfo

from rich.text import Text

from mlops_tui.oversight.inbox import at_once
from mlops_tui.render.cells import clean, fit, wrap
from mlops_tui.render.charts import draw
from mlops_tui.tui.paint import brief, glyph, lines_of, short_time, sides, word
from mlops_tui.view import Action, Cell, Column, Row, Series, Status, Table, View
from mlops_tui.view import Text as Said

Facets = Sequence[Column]  # what a model's health is made of, as the table of models names it
NARROW, WIDE = 6, 10  # columns of one facet: its glyph, or glyph and word
LABEL = 7
REASON = 11  # columns before a reason: glyph and word


def model_head(facets: Facets, width: int) -> list[Text]:
    name, version, size = _widths(len(facets), width)
    line = Text.assemble(" " * 3, fit("model", name), " ", fit("version" if version else "", version))
    for facet in facets:
        line.append(fit(facet.id if size > len(facet.id) else facet.heading, size))
    line.stylize("dim")
    return [line]


def model(row: Row, facets: Facets, width: int) -> list[Text]:
    """A model on one line: below the name of each facet its glyph, and its word where there is room."""
    name, version, size = _widths(len(facets), width)
    mark, colour = glyph(row.get("status"))
    line = Text.assemble((f" {mark} ", colour), (word(row["model"], name), "bold"), " ")
    told = f"{row['version']} {row['role']}" if row["version"] and version > 10 else row["version"] or "none"
    line.append(word(told, version), style="dim")
    for facet in facets:
        mark, colour = glyph(status := row.get(facet.id))
        line.append(fit(f" {mark}" if size == NARROW else f"{mark} {status}", size), style=colour)
    return [line]


def _widths(facets: int, width: int) -> tuple[int, int, int]:
    """The columns for the name, for the version and for each facet."""
    facet = WIDE if width >= 4 + WIDE * facets + 24 else NARROW
    room = max(width - 4 - facet * facets, 8)
    version = min(12, room // 3) if room >= 18 else 0
    return room - version, version, facet


def model_words(row: Row | None, facets: Facets, width: int, zone: tzinfo) -> list[Text]:
    """Why the facets of a model stand as they do, the worst first; those with one reason together."""
    if row is None:
        return []
    rank = [Status.ERROR, Status.FAIL, Status.WARN, Status.RUNNING, Status.PASS, Status.DONE, Status.UNKNOWN]
    alike: dict[tuple[Cell, Cell, Cell], list[str]] = {}
    for facet in facets:
        told = row.get(facet.id), row.get(f"{facet.id}_why"), row.get(f"{facet.id}_at")
        alike.setdefault(told, []).append(facet.id)
    ordered = sorted(alike.items(), key=lambda item: next(
        (place for place, status in enumerate(rank) if status is item[0][0]), len(rank)))
    return [line for told, names in ordered for line in _reason(names, *told, width, zone)]


def _reason(facets: list[str], status: Cell, why: Cell, at: Cell, width: int, zone: tzinfo) -> list[Text]:
    mark, colour = glyph(status)
    told = f"{why}: {', '.join(facets)}" if len(facets) > 1 else f"{facets[0]}: {why}"
    when = f" · {short_time(at, zone)}" if at else ""
    first, *further = wrap(clean(told + when), max(width - REASON, 8))
    return [Text.assemble((f" {mark} ", colour), (fit(str(status), REASON - 3), colour), first),
            *(Text(" " * REASON + line) for line in further)]


def share(series: Series | None, width: int, height: int, zone: tzinfo) -> list[Text]:
    """The picture of one model, or what to wait for."""
    if series is None:
        told = "Nothing has matured yet: the picture comes with the first findings of performance or calibration."
        return [Text(f" {line}", style="dim") for line in wrap(told, max(width - 2, 8))]
    high = height - 2
    lines = list(draw(series, max(width, 12), zone, max(high, 3)))
    over = len(lines) - height  # what is marked is named below, on as many lines as that takes
    return lines if over <= 0 else list(draw(series, max(width, 12), zone, max(high - over, 3)))[:height]


def need(row: Row, width: int) -> list[Text]:
    """What waits, on two lines: what it is, and why now."""
    mark, colour = glyph(row.get("status"))
    first = Text.assemble((f" {mark} ", colour), (word(row["label"], LABEL), "bold" if row.get("yours") else ""), " ",
                          brief(row["title"], row.get("about"), width - LABEL - 4))
    first.truncate(width, overflow="ellipsis")
    second = Text(" " * (LABEL + 4) + word(row["detail"], 400).rstrip(), style="dim")
    second.truncate(width, overflow="ellipsis")
    return [first, second]


def job(row: Row, width: int) -> list[Text]:
    """A job on one line: what, how far, how long still."""
    mark, colour = glyph(row.get("status"))
    share = row.get("done")
    far = f"{share:4.0%}  " if isinstance(share, float) and row.get("left") else ""
    right = Text.assemble((far, colour), (f"{row.get('left') or _ended(row)} ", "dim"))
    return [sides(Text.assemble((f" {mark} ", colour), word(row["command"], 400).rstrip()), right, width)]


def job_lines(row: Row, width: int) -> list[Text]:
    """A job on two lines: what and how far; who began it where and when, and how long still."""
    mark, colour = glyph(row.get("status"))
    share = row.get("done")
    far = f"{share:.0%}" if isinstance(share, float) and row.get("ended_at") is None else ""
    right = " ".join(filter(None, (far, str(row.get("left") or _ended(row)))))
    who = f"job {row['job']} · {row['who']} through {row['through']}"
    return lines_of((mark, colour), (str(row["command"]), Text(right, style=colour)), (who, _begun(row)), width)


def _begun(row: Row) -> str:
    """How long ago it was asked for, by the machine's clock."""
    asked = row.get("asked_at")
    return f"{ago(datetime.now(UTC) - asked)} ago" if isinstance(asked, datetime) else ""


def ago(span: timedelta) -> str:
    """A span in the one unit that tells it: `40 s`, `12 min`, `3 h`, `5 d`."""
    seconds = max(span.total_seconds(), 0)
    size, unit = next((each for each in ((86400, "d"), (3600, "h"), (60, "min")) if seconds >= each[0]), (1, "s"))
    return f"{int(seconds // size)} {unit}"


def job_words(row: Row, width: int) -> list[Text]:
    """How a job stands: its command with its state, what it does or answered, and who wanted it."""
    mark, colour = glyph(row.get("status"))
    share = row.get("done")
    far = f"{share:.0%}  {row.get('left')}" if isinstance(share, float) and row.get("ended_at") is None else \
        str(row.get("left") or _ended(row))
    head = Text.assemble((f" {mark} {row['state']} ", colour), (word(row["command"], 400).rstrip(), "bold"))
    said = Text(f"   {word(row.get('now') or row.get('answer') or '', 400).rstrip()}")
    said.truncate(width, overflow="ellipsis")
    who = f"   {row['who']} through {row['through']} · {_begun(row)}"
    keys = "x stops · a answer" if row.get("ended_at") is None else "a answer"
    return [sides(head, Text(f"{far} ", style=colour), width), said,
            sides(Text(clean(who), style="dim"), Text(f"{keys} ", style="dim"), width)]


def _ended(row: Row) -> str:
    seconds = row.get("seconds")
    took = f" in {seconds:.0f} s" if isinstance(seconds, (int, float)) else ""
    return f"{row.get('state')}{took}"


def following(row: Row, width: int, zone: tzinfo) -> list[Text]:
    """A period that comes: when, and what."""
    when = short_time(row.get("at"), zone) or "■"
    line = Text.assemble((f" {when}  ", "dim"), word(row["what"], 400).rstrip())
    line.truncate(width, overflow="ellipsis")
    return [line]


# -- what is under the cursor, and what can be done about it ------------------------------------------------------

CHECKS = {"features": "drift", "performance": "performance", "calibration": "calibration", "fairness": "bias"}
OUTCOMES = ("performance", "calibration")  # facets that a remedy is for
SICK = (Status.FAIL, Status.WARN)


def model_view(row: Row, facets: Facets, series: Series | None) -> View:
    """Everything the first screen knows of one model, and what can be looked at next."""
    name, status = str(row["model"]), row.get("status")
    rows: list[Row] = [{"facet": facet.id, "status": row.get(facet.id), "why": row.get(f"{facet.id}_why"),
                        "at": row.get(f"{facet.id}_at"),
                        **({"argv": ("monitor", "show", str(by))} if (by := row.get(f"{facet.id}_by")) else {})}
                       for facet in facets]
    table = Table.of("facets", rows, "facet", "status", Column("why", "what says so"), Column("at", "when"))
    title = f"{name} {row['version']} is the champion" if row["version"] else f"{name} has no champion"
    return View(title, status if isinstance(status, Status) else Status.UNKNOWN,
                (table, *((series,) if series is not None else ())), tuple(_model_steps(row, facets)))


def _model_steps(row: Row, facets: Facets) -> Iterator[Action]:
    """What is sick is looked into first, then what nobody knows is checked."""
    name = str(row["model"])
    stands = {facet.id: row.get(facet.id) for facet in facets}
    sick = [facet for status in SICK for facet, stand in stands.items() if stand is status]
    for facet in sick[:2]:
        if by := row.get(f"{facet}_by"):
            yield Action(f"What says {facet}", ("monitor", "show", str(by)))
    if any(facet in CHECKS for facet in sick):
        yield Action("Why?", ("why", name))
    if any(facet in OUTCOMES for facet in sick):
        yield Action("Compare remedies", ("remedy", name))
    for facet, stand in stands.items():
        if facet in CHECKS and stand is not Status.PASS and row["version"]:
            yield Action(f"Check {facet} now", (CHECKS[facet], name))
    if row.get("versions"):
        yield Action("All of it", ("model", "show", name))
    if row.get("challenger"):
        yield Action("The gate of its challenger", ("check", f"{name}@{row['challenger']}"))
    yield Action("Train its candidates", ("train", name))


def need_view(row: Row, *, locked: bool = False) -> View:
    """What waits in full, who can settle it, and what can be done about it at once, where anything can be done."""
    opens, status = row.get("argv"), row.get("status")
    steps = at_once(row) if row.get("yours") and not locked else ()
    looks = (Action("Look at it", opens),) if isinstance(opens, tuple) and opens else ()
    parts = [str(row["detail"]), *([] if row.get("yours") else [f"not yours to settle: {row.get('who')}"]),
             *(["locked: it is only looked at"] if locked else [])]
    return View(f"{row['title']}", status if isinstance(status, Status) else Status.UNKNOWN, (Said("\n".join(parts)),),
                (*steps, *(each for each in looks if each.argv not in [step.argv for step in steps])))


def job_view(row: Row) -> View:
    """A job, and the keys for it."""
    status = row.get("status")
    told = [f"job {row['job']} of {row.get('who')}, {row.get('state')}"]
    told.append("Enter or l: its log · x: stop it" if status is Status.RUNNING else "Enter: what it answered")
    return View(str(row["command"]), status if isinstance(status, Status) else Status.UNKNOWN, (Said("\n".join(told)),))


def next_view(row: Row, zone: tzinfo) -> View:
    """What the timetable does next, and doing it now."""
    argv, at = row.get("argv"), row.get("at")
    when = f"by itself at {short_time(at, zone)}" if at else ""
    return View(str(row["what"]), Status.DONE if when else Status.FAIL, (Said(when),) if when else (),
                (Action("Run it now", argv),) if isinstance(argv, tuple) and argv else ())
