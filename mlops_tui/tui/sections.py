"""The parts of the dashboard that are a list beside the detail of its row: which commands fill them, how rows look."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo

from rich.text import Text

from mlops_tui.render.cells import fit, number, width_of
from mlops_tui.tui import governed
from mlops_tui.tui.paint import brief, glyph, sides, word
from mlops_tui.tui.panels import lines_of, short_time
from mlops_tui.view import Cell, Column, Row, Status, View

Lines = Callable[[Row, int, tzinfo], list[Text]]
ROOMY = 70  # columns from which a row has room for who and when
MARKS = {"challenger": ("◇", "dim"), "taken back": ("↩", "yellow")}
SEVERITIES = ("critical", "high", "medium", "low")


@dataclass(frozen=True)
class Side:
    """One side of a row: what it is called, and the command that shows it; a word `{name}` stands for that cell.

    A row has it where each of those cells has something in it.
    """

    title: str
    words: tuple[str, ...]

    def of(self, row: Row) -> bool:
        """Whether the row has this side."""
        return all(row.get(word[1:-1]) for word in self.words if word.startswith("{"))

    def command(self, row: Row) -> tuple[str, ...]:
        """The command line for a row."""
        return tuple(str(row[word[1:-1]]) if word.startswith("{") else word for word in self.words)


@dataclass(frozen=True)
class Section:
    """`looks` are the commands whose answers `rows` makes a list of; a row's `argv` shows its detail.

    With `sides`, a row's `name` is that of a thing with several details, one shown at a time; its `kind` says which.
    """

    id: str
    title: str
    empty: str
    lines: Lines
    looks: tuple[tuple[str, ...], ...] = ()
    rows: Callable[[Sequence[View]], list[Row]] = lambda views: []
    tall: int = 2
    sides: Mapping[str, tuple[Side, ...]] = field(default_factory=dict)
    head: Callable[[int], Text] | None = None  # the names of the columns, where rows are one line
    works: bool = False  # whether Enter works on the row, instead of reading its detail

    @property
    def twin(self) -> tuple[str, ...]:
        """The command that shows the same in a terminal."""
        return self.looks[0] if self.looks else ("audit", "log")

    def sides_of(self, row: Row | None) -> tuple[Side, ...]:
        """The sides that the row has."""
        sides = self.sides.get(str(row.get("kind") or ""), ()) if row is not None else ()
        return tuple(side for side in sides if side.of(row or {}))

    def seen(self, row: Row | None, side: str) -> Side | None:
        """The side that is shown: the one of that title where the row has it, else the one that the row opens on."""
        sides = {each.title: each for each in self.sides_of(row)}
        opens = str(row.get("opens") or "") if row is not None else ""
        return sides.get(side) or sides.get(opens) or next(iter(sides.values()), None)

    def detail(self, row: Row, side: str) -> tuple[str, ...]:
        """The command that shows the row on the side of that title, or on the one it opens on."""
        chosen = self.seen(row, side)
        argv = chosen.command(row) if chosen is not None else row.get("argv")
        return argv if isinstance(argv, tuple) else ()


# -- pipelines ----------------------------------------------------------------------------------------------------


def _pipelines(views: Sequence[View]) -> list[Row]:
    return [{**row, "key": row["pipeline"], "kind": "pipeline", "name": row["pipeline"],
             "argv": ("pipeline", "status", str(row["pipeline"]))}
            for row in views[0].table("pipelines").rows]


def _pipeline(row: Row, width: int, zone: tzinfo) -> list[Text]:
    seconds = row.get("seconds")
    took = f"{seconds:.1f} s" if isinstance(seconds, (int, float)) else ""
    when = f"last run {_when(row.get('last_run'), zone)}" if row.get("last_run") else "never run"
    return lines_of(glyph(row.get("status")), (str(row["pipeline"]), Text(str(row["state"]), style=glyph(
        row.get("status"))[1])), (f"{when} · {row['steps']} steps", took), width)


# -- models -------------------------------------------------------------------------------------------------------


def _versions(views: Sequence[View]) -> list[Row]:
    found = [(row, f"{row['model']}@{row['version']}") for row in views[0].table("versions").rows]
    return [{**row, "key": name, "name": name, "kind": "version" if row["version"] is not None else "",
             "rival": None if row["role"] == "champion" else name} for row, name in found]


def _version(row: Row, width: int, zone: tzinfo) -> list[Text]:
    if row["version"] is None:
        return lines_of(("○", "dim"), (str(row["model"]), Text("not trained", style="dim")), ("", ""), width)
    role = str(row["role"])
    mark = glyph(row["status"]) if role == "champion" else MARKS.get(role, ("·", "dim"))
    style = {"champion": "bold", "challenger": "blue", "taken back": "yellow"}.get(role, "dim")
    made = f"{row['candidate']} · {'other days' if row.get('other_days') else _day(row.get('trained_at'), zone)}"
    return lines_of(mark, (f"{row['model']} {row['version']}", Text(role, style=style)),
                    (made, _interval(row, str(row["metric"]))), width)


# -- monitoring ---------------------------------------------------------------------------------------------------


def _monitors(views: Sequence[View]) -> list[Row]:
    """The monitors, then of each model that is watched what they are known to see."""
    rows = views[0].table("monitors").rows
    found: list[Row] = [{**row, "key": row["monitor"], "name": row["monitor"], "kind": row["check"]} for row in rows]
    models = dict.fromkeys(str(row["subject"]) for row in rows if row["check"] in OF_MODELS)
    return found + [{"key": f"service/{name}", "name": name, "kind": "service", "monitor": f"{name} in service",
                     "found": "traffic · labels · features by week · faults seen", "status": None} for name in models]


def _monitor(row: Row, width: int, zone: tzinfo) -> list[Text]:
    mark = glyph(row["status"]) if row["status"] else ("◆", "dim")
    when = f"  {_when(row.get('at'), zone)}".rstrip() if width >= ROOMY else ""
    said = Text.assemble(strip(row.get("recent")), "  ", (f"{row['status'] or ''}{when}", mark[1]))
    comes = f"↻ {_when(row['next'], zone)}" if row.get("next") else ""
    return lines_of(mark, (str(row["monitor"]), said),
                    (brief(row["found"], row.get("subject"), width - width_of(comes) - 5), comes), width)


def strip(verdicts: Cell) -> Text:
    """The last verdicts in a line, the oldest first."""
    marks = [glyph(Status(word)) for word in _names(verdicts)]
    return Text.assemble(*marks)


# -- incidents ----------------------------------------------------------------------------------------------------


def _incidents(views: Sequence[View]) -> list[Row]:
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


def _incident(row: Row, width: int, zone: tzinfo) -> list[Text]:
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
                    (f"{row['about']} · {row['severity']} · since {_when(row['since'], zone)}", who), width)


# -- data ---------------------------------------------------------------------------------------------------------


def _data(views: Sequence[View]) -> list[Row]:
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


def _datum(row: Row, width: int, zone: tzinfo) -> list[Text]:
    mark = glyph(row["status"]) if row["status"] else ("◆", "dim")
    said = Text(str(row["status"] or row["kind"]), style=mark[1])
    newest = row.get("newest")
    when = f" · newest {_day(newest, zone) or newest}" if newest else ""
    return lines_of(mark, (str(row["name"]), said), (f"{row['tells']}{when}", str(row["who"])), width)


# -- activity -----------------------------------------------------------------------------------------------------


def _entry(row: Row, width: int, zone: tzinfo) -> list[Text]:
    """One entry on one line; where there is room, who did it stands at the end."""
    mark, colour = glyph(row.get("status"))
    said = row["what"] if row["kind"] == "command" else f"{row['subject']} · {row['what']}"
    line = Text.assemble((f" {mark} ", colour), (fit(_when(row["recorded_at"], zone), 13), "dim"),
                         fit(str(row["kind"]), 10), " ", word(said, 400).rstrip())
    who = f"{word(row['actor'], 18).rstrip()} " if width >= ROOMY else ""
    return [sides(line, Text(who, style="dim"), width)]


def _entry_head(width: int) -> Text:
    line = Text.assemble(" " * 3, fit("recorded", 13), fit("kind", 10), " what")
    return Text.assemble(sides(line, Text("who " if width >= ROOMY else ""), width), style="dim")


def _when(value: Cell, zone: tzinfo) -> str:
    return short_time(value, zone) if isinstance(value, datetime) else ""


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


FOUND, RULE = Side("Found", ("monitor", "show", "{name}")), Side("Rule", ("alert", "rules", "{name}"))
OF_MODELS = ("drift", "performance", "calibration", "bias")  # checks whose subject is a model
SECTIONS: Mapping[str, Section] = {section.id: section for section in (
    Section("pipelines", "Pipelines", "No pipeline is declared yet.\n\npipelines/NAME.yaml   declares one", _pipeline,
            (("pipeline", "status"),), _pipelines, sides={"pipeline": (
                Side("Steps", ("pipeline", "status", "{name}")),
                Side("Graph", ("pipeline", "graph", "{name}")),
                Side("Log", ("pipeline", "log", "{name}")),
                Side("Plan", ("pipeline", "plan", "{name}")))}),
    Section("models", "Models", "No model is declared yet.\n\nmodels/NAME.yaml   declares one", _version,
            (("model", "list"),), _versions, sides={"version": (
                Side("Model", ("model", "show", "{name}")),
                Side("Evaluation", ("evaluate", "{name}", "--preview")),
                Side("Calibration", ("calibration", "{name}", "--test", "--preview")),
                Side("Cost", ("metric", "{name}", "--preview")),
                Side("Rival", ("compare", "{rival}", "--preview")),
                Side("Baseline", ("baseline", "{name}")),
                Side("Split", ("split", "{model}", "--preview")),
                Side("Work", ("footprint", "show", "{name}")))}),
    Section("monitoring", "Monitors", "Nothing is watched yet.\n\nmonitors/NAME.yaml   declares a monitor", _monitor,
            (("monitor", "list"),), _monitors, sides={
                "drift": (FOUND, Side("Columns", ("drift", "{subject}", "--monitor", "{name}", "--preview")), RULE),
                "performance": (FOUND, Side("Days", ("performance", "{subject}", "--monitor", "{name}", "--preview")),
                                Side("Labels", ("maturity", "{subject}")), RULE),
                "calibration": (FOUND, Side("Reliability", ("calibration", "{subject}", "--monitor", "{name}",
                                                            "--preview")), RULE),
                "bias": (FOUND, Side("Groups", ("bias", "{subject}", "--monitor", "{name}", "--preview")), RULE),
                "health": (FOUND, Side("Calendar", ("health", "{subject}", "--preview")), RULE),
                "stability": (FOUND, Side("Periods", ("stability", "show", "{subject}", "--preview")), RULE),
                "triggers": (FOUND, Side("Triggers", ("triggers", "{subject}", "--monitor", "{name}", "--preview"))),
                "traffic": (FOUND, Side("Traffic", ("traffic", "show", "{subject}", "--monitor", "{name}",
                                                    "--preview")), RULE),
                **dict.fromkeys(("ingest", "validate", "payloads"), (FOUND, RULE)),
                "service": (Side("Traffic", ("traffic", "show", "{name}", "--preview")),
                            Side("Labels", ("maturity", "{name}")),
                            Side("Features", ("stability", "show", "{name}", "--preview")),
                            Side("Coverage", ("drill", "{name}", "--coverage")))}),
    Section("governance", "Governance", "No model is trained yet, and nothing waits for a vote.", governed.lines,
            (("approve", "list", "--all"), ("board", "list", "--all"), ("model", "list")), governed.rows, sides={
                "version": (
                    Side("Gate", ("check", "{name}")),
                    Side("Checklist", ("checklist", "show", "{name}")),
                    Side("Card", ("card", "show", "{name}")),
                    Side("Impact", ("impact", "show", "{model}")),
                    Side("Comes from", ("provenance", "of", "{name}")),
                    Side("Decisions", ("promote", "{model}", "--history"))),
                "approval": (Side("Approval", ("approve", "show", "{name}")),),
                "case": (Side("Case", ("board", "show", "{name}")), Side("Minutes", ("board", "minutes", "{name}")))}),
    Section("incidents", "Incidents and alerts", "● Nothing has ever gone wrong here.", _incident,
            (("incident", "list", "--all"), ("alert", "list", "--all")), _incidents, works=True, sides={
                "incident": (
                    Side("Standing", ("incident", "show", "{name}")),
                    Side("Runbook", ("runbook", "show", "{run}")),
                    Side("Like it", ("incident", "similar", "{name}")),
                    Side("Post-mortem", ("postmortem", "show", "{written}"))),
                "alert": (
                    Side("Alert", ("alert", "show", "{name}")),
                    Side("Its monitor", ("monitor", "show", "{monitor}")),
                    Side("Its rule", ("alert", "rules", "{monitor}")))}),
    Section("data", "Data", "No dataset is declared yet.\n\ninit --from FILE   declares one from data", _datum,
            (("catalog", "list"), ("model", "list"), ("feature", "list")), _data, sides={
                "dataset": (
                    Side("Fields", ("catalog", "show", "{name}")),
                    Side("Contract", ("contract", "show", "{name}")),
                    Side("Quarantine", ("quarantine", "list", "{name}")),
                    Side("Calendar", ("health", "{name}", "--preview")),
                    Side("Snapshots", ("snapshot", "log", "{name}")),
                    Side("Lineage", ("provenance", "of", "{name}"))),
                "model": (
                    Side("Stability", ("stability", "show", "{name}", "--preview")),
                    Side("Dictionary", ("dictionary", "list", "--model", "{name}"))),
                "feature": (Side("View", ("feature", "show", "{name}")),)}),
    Section("activity", "Activity", "Nothing has happened yet.", _entry, tall=1, head=_entry_head),
)}
