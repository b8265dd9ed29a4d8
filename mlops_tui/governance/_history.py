"""What was asked of the gate and of the voters about a model, and what they answered."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from mlops_tui import folds
from mlops_tui.assurance.deployments import deployments
from mlops_tui.assurance.watches import watch_of
from mlops_tui.render import cells
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Column, Facts, Row, Status, Table, View, counted
from store.facts import Approval, Finding, Promotion
from store.ledger import Entry

CHECK = "gate"
_ORDER = (Status.FAIL, Status.UNKNOWN, Status.WARN, Status.PASS)
_ENDED = {"asked": "votes were asked for", "rejected": "was rejected", "void": "is void", "expired": "has expired"}


def stands(item: Mapping[str, str]) -> str:
    """What is required and how it stands, with the entry that shows it, in one line."""
    shown = item.get("evidence", "")
    told = f"{item['requirement']}: {item['detail']}" if item["detail"] else item["requirement"]
    return f"{told} ({shown})" if shown.startswith("entry ") else told


def gate_table(items: Iterable[Mapping[str, str]], title: str = "") -> Table:
    """The gate as a table `gate`, what stands in the way first."""
    rows: list[Row] = [{**item, "status": Status(item["status"]), "stands": stands(item)} for item in items]
    rows.sort(key=lambda row: _ORDER.index(row["status"]) if row["status"] in _ORDER else len(_ORDER))
    return Table.of("gate", rows, "status", "item", Column("stands", "what is required: how it stands"), title=title)


def history_of(session: Session, text: str) -> View:
    """Every refusal by the gate, vote that was asked for, promotion and rollback of a model, the newest first."""
    subject = session.declared().subject(text, "model")
    entries = session.ledger.entries("finding", "promotion", "approval", "deployment", "trained")
    rows = [row for row in _rows(entries, subject.name) if subject.version in ("", row["version"])]
    refused = [entry for entry in folds.findings_of(entries, check=CHECK, subject=subject.name)
               if isinstance(entry.fact, Finding) and subject.version in ("", entry.fact.version)]
    promoted = [row for row in rows if row["came_of_it"] == "promoted"]
    said = f"{subject}: promoted {counted(len(promoted), 'time')}, refused by the gate {counted(len(refused), 'time')}"
    table = Table.of("asked", list(reversed(rows)), Column("at", worth=1), Column("version", worth=3),
                     Column("came_of_it", "came of it", worth=3), "why", "who",
                     Column("entry", digits=0), Column("evidence", cut=12, worth=-1))
    facts: dict[str, Cell] = {"model": subject.name, "promoted": len(promoted), "refused": len(refused)}
    back = folds.model_state(entries, subject.name).previous
    actions = (*([Action(f"Back to version {back}", ("promote", "--rollback", subject.name))] if back else ()),
               Action("How it stands", ("status",)))
    return View(said if rows else f"Nobody has asked for {subject} to serve yet", Status.DONE,
                (Facts(facts), *_watch(session, entries, subject.name), table, *_deployments(entries, subject.name),
                 *_newest(refused)), actions)


def _watch(session: Session, entries: Sequence[Entry], name: str) -> Iterator[Table]:
    """What is watched of the newest promotion, until when, and what each check has said since."""
    found = watch_of(entries, name, session.declared().model(name).watch, session.now())
    if found is not None:
        rows: list[Row] = [{"status": each.status, "check": each.check, "rolls_back_at": each.level, "said": each.said,
                            "entry": each.entry} for each in found.looked]
        title = f"Version {found.version} is {found.stands}; until {cells.moment(found.until, session.declared().zone)}"
        yield Table.of("watch", rows, "status", "check", Column("rolls_back_at", "rolls back at"), "said",
                       Column("entry", digits=0), title=title)


def _deployments(entries: Sequence[Entry], name: str) -> Iterator[Table]:
    """Each deployment and what came of it, the newest first; nothing where none was kept."""
    rows: list[Row] = [{"deployment": each.id, "version": each.version, "state": each.state, "by": each.deployer,
                        "why": each.why or each.reason, "who": each.by, "began": each.began_at, "log": each.log}
                       for each in reversed(deployments(entries, name).values())]
    if rows:
        yield Table.of("deployments", rows, "deployment", "version", "state", "by", "why",
                       Column("log", cut=12, worth=-1), title="Deployments")


def _newest(refused: Sequence[Entry]) -> Iterator[Table]:
    """Every item of the gate as it was when it last said no; earlier ones are seen with --as-of."""
    for entry in refused[-1:]:
        assert isinstance(entry.fact, Finding)
        yield gate_table(entry.fact.detail["items"], f"The gate of version {entry.fact.version} when it last said no")


def _rows(entries: Sequence[Entry], name: str) -> Iterator[Row]:
    asked: dict[str, str] = {}
    for entry in entries:
        fact = entry.fact
        row: dict[str, Cell] = {"at": entry.recorded_at, "who": entry.actor, "entry": entry.seq,
                                "evidence": getattr(fact, "evidence", "")}
        if isinstance(fact, Approval):
            about = fact.argv[1] if fact.argv[:1] == ("promote",) else asked.get(fact.subject, "")
            asked[fact.subject] = about
            if about.partition("@")[0] == name and fact.event in _ENDED:
                yield row | {"version": about.partition("@")[2], "came_of_it": f"{fact.subject} {_ENDED[fact.event]}",
                             "why": fact.reason}
        elif entry.subject == name and isinstance(fact, Promotion):
            yield row | {"version": fact.version, "came_of_it": fact.event.replace("_", " "),
                         "why": _came(fact)}
        elif entry.subject == name and isinstance(fact, Finding) and fact.check == CHECK:
            yield row | {"version": fact.version, "came_of_it": f"gate: {fact.status}",
                         "why": fact.title.partition(": ")[2]}


def _came(fact: Promotion) -> str:
    place = f"in place of {fact.previous}" if fact.previous else "the first that serves"
    return f"{place}: {fact.reason}" if fact.reason else place
