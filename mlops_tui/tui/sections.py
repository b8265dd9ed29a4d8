"""The parts of the dashboard that are a list beside the detail of its row: which commands fill them, and show a row."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo

from rich.text import Text

from mlops_tui.tui import governed, listed
from mlops_tui.view import Row, View

Lines = Callable[[Row, int, tzinfo], list[Text]]


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


FOUND, RULE = Side("Found", ("monitor", "show", "{name}")), Side("Rule", ("alert", "rules", "{name}"))
SECTIONS: Mapping[str, Section] = {section.id: section for section in (
    Section("pipelines", "Pipelines", "No pipeline is declared yet.\n\npipelines/NAME.yaml   declares one",
            listed.pipeline, (("pipeline", "status"),), listed.pipelines, sides={"pipeline": (
                Side("Steps", ("pipeline", "status", "{name}")),
                Side("Graph", ("pipeline", "graph", "{name}")),
                Side("Log", ("pipeline", "log", "{name}")),
                Side("Plan", ("pipeline", "plan", "{name}")))}),
    Section("models", "Models", "No model is declared yet.\n\nmodels/NAME.yaml   declares one", listed.version,
            (("model", "list"),), listed.versions, sides={"version": (
                Side("Model", ("model", "show", "{name}")),
                Side("Evaluation", ("evaluate", "{name}", "--preview")),
                Side("Calibration", ("calibration", "{name}", "--test", "--preview")),
                Side("Cost", ("metric", "{name}", "--preview")),
                Side("Rival", ("compare", "{rival}", "--preview")),
                Side("Baseline", ("baseline", "{name}")),
                Side("Split", ("split", "{model}", "--preview")),
                Side("Work", ("footprint", "show", "{name}")))}),
    Section("monitoring", "Monitors", "Nothing is watched yet.\n\nmonitors/NAME.yaml   declares a monitor",
            listed.monitor, (("monitor", "list"),), listed.monitors, sides={
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
    Section("incidents", "Incidents and alerts", "● Nothing has ever gone wrong here.", listed.incident,
            (("incident", "list", "--all"), ("alert", "list", "--all")), listed.incidents, works=True, sides={
                "incident": (
                    Side("Standing", ("incident", "show", "{name}")),
                    Side("Runbook", ("runbook", "show", "{run}")),
                    Side("Like it", ("incident", "similar", "{name}")),
                    Side("Post-mortem", ("postmortem", "show", "{written}"))),
                "alert": (
                    Side("Alert", ("alert", "show", "{name}")),
                    Side("Its monitor", ("monitor", "show", "{monitor}")),
                    Side("Its rule", ("alert", "rules", "{monitor}")))}),
    Section("data", "Data", "No dataset is declared yet.\n\ninit --from FILE   declares one from data", listed.datum,
            (("catalog", "list"), ("model", "list"), ("feature", "list")), listed.data, sides={
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
    Section("activity", "Activity", "Nothing has happened yet.", listed.entry, tall=1, head=listed.entry_head),
)}
