"""The rows of the dashboard's lists: what of the answers of commands becomes one, and how each is painted."""

from collections.abc import Sequence
from datetime import datetime, tzinfo

from rich.text import Text

from mlops_tui.render.cells import fit, number, width_of
from mlops_tui.tui.ordering import SEVERITIES
from mlops_tui.tui.paint import brief, glyph, lines_of, short_time, sides, word
from mlops_tui.view import Cell, Column, Row, Status, View

ROOMY = 70  # columns from which a row has room for who and when
MARKS = {"challenger": ("◇", "dim"), "taken back": ("↩", "yellow")}
OF_MODELS = ("drift", "performance", "calibration", "bias")  # checks whose subject is a model


# -- pipelines ----------------------------------------------------------------------------------------------------


def pipelines(views: Sequence[View]) -> list[Row]:
    return [{**row, "key": row["pipeline"], "kind": "pipeline", "name": row["pipeline"],
             "argv": ("pipeline", "status", str(row["pipeline"]))}
            for row in views[0].table("pipelines").rows]


def pipeline(row: Row, width: int, zone: tzinfo) -> list[Text]:
    seconds = row.get("seconds")
    took = f"{seconds:.1f} s" if isinstance(seconds, (int, float)) else ""
    when = f"last run {short_time(row.get('last_run'), zone)}" if row.get("last_run") else "never run"
    return lines_of(glyph(row.get("status")), (str(row["pipeline"]), Text(str(row["state"]), style=glyph(
        row.get("status"))[1])), (f"{when} · {row['steps']} steps", took), width)


# -- models -------------------------------------------------------------------------------------------------------


def versions(views: Sequence[View]) -> list[Row]:
    found = [(row, f"{row['model']}@{row['version']}") for row in views[0].table("versions").rows]
    return [{**row, "key": name, "name": name, "kind": "version" if row["version"] is not None else "",
             "rival": None if row["role"] == "champion" else name} for row, name in found]


def version(row: Row, width: int, zone: tzinfo) -> list[Text]:
    if row["version"] is None:
        return lines_of(("○", "dim"), (str(row["model"]), Text("not trained", style="dim")), ("", ""), width)
    role = str(row["role"])
    mark = glyph(row["status"]) if role == "champion" else MARKS.get(role, ("·", "dim"))
    style = {"champion": "bold", "challenger": "blue", "taken back": "yellow"}.get(role, "dim")
    made = f"{row['candidate']} · {'other days' if row.get('other_days') else _day(row.get('trained_at'), zone)}"
    return lines_of(mark, (f"{row['model']} {row['version']}", Text(role, style=style)),
                    (made, _interval(row, str(row["metric"]))), width)


# -- monitoring ---------------------------------------------------------------------------------------------------


def monitors(views: Sequence[View]) -> list[Row]:
    """The monitors, then of each model that is watched what they are known to see."""
    rows = views[0].table("monitors").rows
    found: list[Row] = [{**row, "key": row["monitor"], "name": row["monitor"], "kind": row["check"]} for row in rows]
    models = dict.fromkeys(str(row["subject"]) for row in rows if row["check"] in OF_MODELS)
    return found + [{"key": f"service/{name}", "name": name, "kind": "service", "monitor": f"{name} in service",
                     "found": "traffic · labels · features by week · faults seen", "status": None} for name in models]


def monitor(row: Row, width: int, zone: tzinfo) -> list[Text]:
    mark = glyph(row["status"]) if row["status"] else ("◆", "dim")
    when = f"  {short_time(row.get('at'), zone)}".rstrip() if width >= ROOMY else ""
    said = Text.assemble(strip(row.get("recent")), "  ", (f"{row['status'] or ''}{when}", mark[1]))
    comes = f"↻ {short_time(row['next'], zone)}" if row.get("next") else ""
    return lines_of(mark, (str(row["monitor"]), said),
                    (brief(row["found"], row.get("subject"), width - width_of(comes) - 5), comes), width)


def strip(verdicts: Cell) -> Text:
    """The last verdicts in a line, the oldest first."""
    marks = [glyph(Status(word)) for word in _names(verdicts)]
    return Text.assemble(*marks)


# -- incidents ----------------------------------------------------------------------------------------------------


def incidents(views: Sequence[View]) -> list[Row]:
    """What is open first, the gravest of it first; then what is over, the newest first."""
    incidents, alerts = views[0].table("incidents").rows, views[1].table("alerts").rows
    inside = {name for row in incidents if row["state"] == "open" for name in _names(row["alerts"])}
    found: list[Row] = [{**row, "key": row["incident"], "name": row["incident"], "kind": "incident",
                         "since": row["opened_at"], "who": row["lead"],
                         "written": row["incident"] if row.get("post_mortem") else None} for row in incidents]
    found += [{**row, "key": row["alert"], "name": row["alert"], "kind": "alert", "who": row["owner"],
               "within": row["alert"] in inside} for row in alerts]
    return sorted(found, key=_urgency)


def _names(value: Cell) -> tuple[str, ...]:
    return value if isinstance(value, tuple) else ()


def _urgency(row: Row) -> tuple[bool, bool, bool, int, float]:
    over = row["state"] in ("resolved", "merged")
    severity = SEVERITIES.index(str(row["severity"])) if row["severity"] in SEVERITIES else len(SEVERITIES)
    since = row["since"]
    age = since.timestamp() if isinstance(since, datetime) else 0.0
    return over, row["state"] == "recovered", "incident" not in row, 0 if over else severity, -age


def incident(row: Row, width: int, zone: tzinfo) -> list[Text]:
    state = str(row["state"])
    grave = row["severity"] in SEVERITIES[:2]
    if state in ("resolved", "merged", "recovered", "silenced"):
        mark = glyph(Status.PASS if state != "silenced" else Status.UNKNOWN)
    else:
        mark = glyph(Status.FAIL if grave and state != "acked" else Status.WARN)
    who = f"{row['who'] or 'nobody'} is on it" if state in ("open", "firing", "acked") else ""
    room = width - width_of(f"{row['key']}{state}") - 9
    said = f"{row['key']}  {brief(row['title'] or row['about'], row['about'], room)}"
    return lines_of(mark, (said, Text(f"  {state}", style=mark[1])),
                    (f"{row['about']} · {row['severity']} · since {short_time(row['since'], zone)}", who), width)


# -- data ---------------------------------------------------------------------------------------------------------


def data(views: Sequence[View]) -> list[Row]:
    """The datasets, then what each model learns from, then the feature views."""
    datasets, versions, views_of = (view.table(id).rows for view, id in zip(
        views, ("datasets", "versions", "features"), strict=True))
    found: list[Row] = [{**row, "kind": "dataset", "name": row["dataset"], "status": row["quality"],
                         "opens": _reason(row),
                         "tells": f"{_count(row['rows'])} rows",
                         "who": ", ".join(_names(row["steward"]))} for row in datasets]
    found += [{"kind": "model", "name": model, "status": None, "tells": "its features", "who": ""}
              for model in dict.fromkeys(row["model"] for row in versions)]
    found += [{**row, "kind": "feature", "name": row["feature"],
               "who": f"online: {row['online']}" if row["online"] else "",
               "tells": f"feature view of {', '.join(_names(row['entity']))} · built: {row['built']}"}
              for row in views_of]
    return [{**row, "key": f"{row['kind']}/{row['name']}"} for row in found]


def _reason(row: Row) -> str:
    """The side that tells why a dataset does not stand well; empty where it does."""
    if row["quality"] not in (Status.FAIL, Status.WARN):
        return ""
    return "Quarantine" if row["waiting"] else "Calendar" if row["looked"] == "health" else "Contract"


def _count(value: Cell) -> str:
    return f"{value:,}" if isinstance(value, int) else "no"


def datum(row: Row, width: int, zone: tzinfo) -> list[Text]:
    mark = glyph(row["status"]) if row["status"] else ("◆", "dim")
    said = Text(str(row["status"] or row["kind"]), style=mark[1])
    newest = row.get("newest")
    when = f" · newest {_day(newest, zone) or newest}" if newest else ""
    return lines_of(mark, (str(row["name"]), said), (f"{row['tells']}{when}", str(row["who"])), width)


# -- activity -----------------------------------------------------------------------------------------------------


def entry(row: Row, width: int, zone: tzinfo) -> list[Text]:
    """One entry on one line; where there is room, who did it stands at the end."""
    mark, colour = glyph(row.get("status"))
    said = row["what"] if row["kind"] == "command" else f"{row['subject']} · {row['what']}"
    line = Text.assemble((f" {mark} ", colour), (fit(short_time(row["recorded_at"], zone), 13), "dim"),
                         fit(str(row["kind"]), 10), " ", word(said, 400).rstrip())
    who = f"{word(row['actor'], 18).rstrip()} " if width >= ROOMY else ""
    return [sides(line, Text(who, style="dim"), width)]


def entry_head(width: int) -> Text:
    line = Text.assemble(" " * 3, fit("recorded", 13), fit("kind", 10), " what")
    return Text.assemble(sides(line, Text("who " if width >= ROOMY else ""), width), style="dim")


def _day(value: Cell, zone: tzinfo) -> str:
    return f"{value.astimezone(zone):%-d %b %Y}" if isinstance(value, datetime) else ""


def _interval(row: Row, name: str) -> str:
    """A measure with its interval, as far as there is one."""
    value, low, high = row.get("value"), row.get("low"), row.get("high")
    if not isinstance(value, float):
        return ""
    shown = Column("", digits=3)
    known = isinstance(low, float) and isinstance(high, float)
    return f"{name} {number(value, shown)}" + (f" {low:.3f}–{high:.3f}" if known else "")
