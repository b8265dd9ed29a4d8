"""The rows of the dashboard's Governance: what waits for votes, and the versions that serve or want to."""

from collections.abc import Sequence
from datetime import tzinfo

from rich.text import Text

from mlops_tui.tui.paint import glyph, lines_of, short_time
from mlops_tui.view import Row, Status, View

OVER = {"done": Status.PASS, "rejected": Status.FAIL, "review": Status.FAIL}
CASES = {"approved": Status.PASS, "rejected": Status.FAIL, "open": Status.WARN}
SERVING = ("champion", "challenger")
STANDS = {"taken back": Status.WARN}


def rows(views: Sequence[View]) -> list[Row]:
    """What waits first; then each model's version that serves and the one that wants to; then what is over."""
    approvals, cases, versions = (view.table(id).rows for view, id in zip(
        views, ("approvals", "cases", "versions"), strict=True))
    asked: list[Row] = [{**row, "kind": "approval", "name": row["approval"], "asked": row["title"],
                         "tells": f"{row['yes']} of {row['quorum']} votes · asked by {row['requester']}",
                         "status": _asked(row), "waits": row["state"] in ("open", "met", "review"),
                         "until": row["expires_at"]} for row in approvals]
    asked += [{**row, "kind": "case", "name": row["case"], "asked": f"{row['board']}: {row['about']}",
               "tells": row["votes"], "status": CASES.get(str(row["state"]), Status.UNKNOWN),
               "waits": row["state"] == "open", "until": row["expires_at"]} for row in cases]
    newest = {row["model"]: row["version"] for row in reversed(versions)}
    served: list[Row] = [
        {**row, "kind": "version", "name": f"{row['model']}@{row['version']}",
         "asked": f"{row['model']} {row['version']}",
         "tells": str(row["candidate"]), "state": row["role"], "waits": None, "until": None,
         "opens": "Decisions" if row["role"] == "champion" else "Gate",
         "status": row["status"] if row["role"] == "champion" else STANDS.get(str(row["role"]), Status.UNKNOWN)}
        for row in versions if row["role"] in SERVING or (
            row["role"] == "taken back" and newest[row["model"]] == row["version"])]
    asked.sort(key=lambda row: str(row["name"]), reverse=True)
    found = [*(row for row in asked if row["waits"]), *served, *(row for row in asked if not row["waits"])]
    return [{**row, "key": f"{row['kind']}/{row['name']}"} for row in found]


def _asked(row: Row) -> Status:
    return OVER.get(str(row["state"]), Status.WARN if row["state"] in ("open", "met") else Status.UNKNOWN)


def lines(row: Row, width: int, zone: tzinfo) -> list[Text]:
    """What is asked or what serves, and how it stands."""
    mark = glyph(row["status"])
    until = f"until {short_time(row['until'], zone)}" if row["waits"] and row["until"] else ""
    name = f"{row['name']}  {row['asked']}" if row["kind"] != "version" else str(row["asked"])
    return lines_of(mark, (name, Text(str(row["state"]), style=mark[1])), (str(row["tells"]), until), width)
