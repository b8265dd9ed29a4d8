"""What follows from judged rows: the status, the finding and the table of rules that ingest and validate share."""

from collections.abc import Mapping, Sequence
from typing import Any

from mlops_tui.data._batch import Batch, Judged
from mlops_tui.declarations.kinds import Monitor
from mlops_tui.quality.rowrules import Rule
from mlops_tui.session import Session
from mlops_tui.view import Row, Status, Table
from store.facts import Finding


def verdict(batch: Batch, judged: Judged, monitor: Monitor | None = None) -> Status:
    """Fails where rows are bad, unless the monitor allows such a share of them (`limits: {bad_share: 0.01}`)."""
    allowed = monitor.limits.get("bad_share", 0.0) if monitor is not None else 0.0
    if any(not rule.warns for rule in judged.failed) or judged.bad_rows > allowed * judged.rows:
        return Status.FAIL
    doubtful = judged.bad_rows or judged.warned_rows or judged.failed or batch.rules.unchecked or not judged.rows
    return Status.WARN if doubtful else Status.PASS


def summary(batch: Batch, judged: Judged, name: str) -> str:
    """The verdict in one line; what only warns is named, and what could not be checked."""
    if not judged.rows:
        return f"{name} has no rows"
    if judged.bad_rows:
        return f"{judged.bad_rows:,} of {judged.rows:,} rows of {name} break the contract"
    if judged.failed:
        failed = ", ".join(f"{rule.id} ({rule.says})" for rule in judged.failed)
        return f"{name} breaks {failed}: it has {judged.rows:,} rows"
    said = [f"All {judged.rows:,} rows of {name} keep the contract"]
    if judged.warned_rows:
        broken = [rule.id for rule in judged.meant if judged.counts[rule.id]]
        said.append(f"{judged.warned_rows:,} warn: {_few(broken)}")
    if batch.rules.unchecked:
        said.append(f"not checked: {_few(batch.rules.unchecked)}")
    return "; ".join(said)


def _few(names: Sequence[str]) -> str:
    """The first three; a title has no room for more."""
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def finding(session: Session, check: str, dataset: str, status: Status, batch: Batch, judged: Judged, *, title: str,
            monitor: str = "", data: Sequence[str] = (), limit: float = 0.0, digests: Sequence[str] = ()) -> Finding:
    """The judged rows as an entry of the history; `digests` are the SHA-256 of the files that they came in."""
    broken = {id: count for id, count in judged.counts.items() if count}
    detail: dict[str, Any] = {"rules": broken, "good_rows": judged.good_rows, "bad_rows": judged.bad_rows,
              "warned_rows": judged.warned_rows, "files": [path.name for path in batch.paths],
              "unchecked": list(batch.rules.unchecked)}
    if digests:
        detail["digests"] = list(digests)
    if batch.evolved:
        detail["evolution"] = [{"kind": each.kind, "column": each.column, "was": each.was, "now": each.now}
                               for each in batch.evolved]
    return Finding(check=check, subject=dataset, status=status.value, title=title, value=float(judged.bad_rows),
                   limit=limit * judged.rows, unit="bad rows", n=judged.rows, data=(*data, *batch.references.snapshots),
                   declaration=session.declaration("dataset", dataset), monitor=monitor, detail=detail)


def rules_table(batch: Batch, judged: Judged) -> Table:
    """Every rule with the number of rows that break it, in the contract's order."""
    rows: list[Row] = [
        {"rule": rule.name, "column": rule.column, "violations": judged.counts[rule.id], "id": rule.id,
         "expects": rule.says, "effect": _effect(rule, judged)}
        for rule in batch.rules.rules]
    return Table.of("rules", rows, "rule", "column", "violations", "expects", "effect")


def bad_rows(found: Sequence[Mapping[str, Any]], title: str) -> Table:
    """Bad rows: where they are in their file, which rules they break, and what stands there."""
    rows: list[Row] = []
    several = len({each.get("_file") for each in found}) > 1
    for each in found:
        columns = dict.fromkeys(name for rule in each["_rules"] for name in rule.rpartition(":")[0].split(","))
        place = {"file": each["_file"]} if "_file" in each else {}
        rows.append({**place, "row": each["_row"], "rules": tuple(each["_rules"]),
                     "values": tuple(f"{name}={_value(each[name])}" for name in columns if name in each)})
    return Table.of("bad_rows", rows, *["file"] * several, "row", "rules", "values", title=title)


def _value(value: object) -> str:
    return "(nothing)" if value is None else str(value)


def evolution(batch: Batch) -> list[str]:
    """What a person should know of columns that have another type than the contract says."""
    return [f"{each.kind}: {each.column} is {each.now} in the file where the contract says {each.was}; {each.why}."
            for each in batch.evolved if each.kind != "added"]


def advice(batch: Batch, judged: Judged) -> list[str]:
    """What helps against times whose zone is not as declared: the file's times, or the contract, are to be changed."""
    return [(f"{rule.column}: {judged.counts[rule.id]:,} times are not {rule.says}. Write them so (2013-06-01T12:00:00"
             f"{'-04:00' if zoned else ''}), or declare logicalTypeOptions: {{timezone: {str(not zoned).lower()}}}.")
            for rule in batch.rules.rules if rule.name == "time_zone" and judged.counts[rule.id]
            for zoned in (rule.says.startswith("with a"),)]


def _effect(rule: Rule, judged: Judged) -> str:
    """What breaking the rule means: for the rows that do, or for all of them."""
    if rule.broken is None:
        return "warns" if rule.warns else "fails the file"
    if rule.bound is not None and rule not in judged.meant:
        return "tolerated"
    return "warns" if rule.warns else "bad row"
