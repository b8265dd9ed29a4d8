"""For continuous integration: whether versions may serve and declarations are sound, as an exit code and as reports."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from mlops_tui.capability import TargetPath, look
from mlops_tui.core import _checked
from mlops_tui.core._checked import Checked
from mlops_tui.core._junit import as_junit
from mlops_tui.core._sarif import as_sarif
from mlops_tui.errors import Denied
from mlops_tui.project import Project
from mlops_tui.render.markdown import as_markdown
from mlops_tui.session import Session
from mlops_tui.view import Action, Column, Facts, Row, Status, Table, Text, View, counted
from store.written import whole

_ORDER = (Status.FAIL, Status.UNKNOWN, Status.WARN, Status.PASS)


@look
@click.argument("subject", metavar="[MODEL[@VERSION]]", required=False)
@click.option("--junit", type=TargetPath(), help="Write a JUnit report, which build servers show as tests.")
@click.option("--sarif", type=TargetPath(), help="Write a SARIF 2.1.0 log, which code hosts show beside the lines.")
@click.option("--summary", type=TargetPath(), help="Write the answer as Markdown, for the summary of a job.")
def check(session: Session, subject: str | None, junit: Path | None, sarif: Path | None,
          summary: Path | None) -> View:
    """Judge the gate of a version, or of every challenger, and every declaration; nothing is recorded.

    It exits with 0 where all of it stands, 1 where a gate is red or does not know, 2 where a declaration is not sound.
    It takes the project's folder and its ledger, and no more rights than to look.

    \b
    Example: mlops-tui check
    Example: mlops-tui check flights-delay@8 --junit gate.xml --sarif gate.sarif --summary gate.md
    """
    project = Project(session.declared().root)
    if session.read_only and (junit or sarif or summary):
        raise Denied("This session is read-only, and writes no report.", next="Open it without --read-only: check "
                     "records nothing anyway.")
    found = _checked.soundness(project)
    unsound = [each for each in found if each.bad]
    versions: dict[str, tuple[Action, ...]] = {}  # and what would settle the gate of each
    if not unsound:
        for text in [subject] if subject else _checked.candidates(session, project):
            version, items, settling = _checked.gate(session, project, text)
            versions[version] = settling
            found += items
    trained = versions or not project.models or session.ledger.entries("trained")
    view = _view(found, unsound, versions) if trained or unsound else _without_history(found)
    for path, content in ((junit, as_junit(found)), (sarif, as_sarif(found)),
                          (summary, as_markdown(view, zone=project.zone).encode())):
        if path is not None:
            with whole(path) as staged:
                staged.write_bytes(content)
    return view


def _view(found: Sequence[Checked], unsound: Sequence[Checked], versions: Mapping[str, Sequence[Action]]) -> View:
    bad = [each for each in found if each.bad]
    shut = list(dict.fromkeys(each.suite for each in bad))
    silent = [each for each in versions if not any(one.suite == each for one in found)]
    waits = [each for each in versions if each not in {*silent, *shut}]
    if unsound:
        count = counted(len(unsound), "declaration is not", "declarations are not")
        said, status, exit = f"{count} sound: no gate was judged", Status.FAIL, 2
    elif shut:
        said, status, exit = f"{' and '.join(shut)} may not serve: {_worst(bad)}", Status.FAIL, 1
    else:
        said = f"{' and '.join(waits)} may serve" if waits else \
            f"{' and '.join(silent)} serves already" if silent else "No version waits to serve"
        said, status, exit = f"{said}; every declaration is sound", Status.PASS, 0
    shown = sorted((each for each in found if each.status is not Status.PASS or each.suite in versions),
                   key=lambda each: _ORDER.index(each.status) if each.status in _ORDER else len(_ORDER))
    rows: list[Row] = [{"status": each.status, "of": each.suite, "item": each.name, "requirement": each.title,
                        "detail": each.detail, "where": f"{each.path}:{each.line}" if each.path else "",
                        "stands": ": ".join(filter(None, (each.title, each.detail)))}
                       for each in shown]
    several = len({each.suite for each in shown}) > 1
    table = Table.of("checked", rows, "status", *(["of"] if several else []), "item",
                     Column("stands", "what is required: how it stands"),
                     *([Column("where", worth=-1)] if unsound else []))
    actions: list[Action] = [Action(f"Let {each} serve", ("promote", each)) for each in waits]
    for each in (each for each in shut if each in versions):
        settling = versions[each] if len(versions) == 1 else ()
        actions += settling or [Action(f"The gate of {each}", ("promote", each))]
    facts = Facts({"versions": tuple(versions), "checked": len(found), "red_or_unknown": len(bad)})
    actions += [Action("All of it", ("doctor",))] * bool(unsound)
    return View(said[:100], status, (facts, table), tuple(actions), exit)


def _without_history(found: Sequence[Checked]) -> View:
    """What is said where models are declared and the history knows no version: a clone without its ledger, say."""
    return View("No gate was judged: this history knows no version; every declaration is sound", Status.WARN,
                (Facts({"versions": (), "checked": len(found), "red_or_unknown": 0}),
                 Text("Versions and their evidence are in the ledger that mlops.yaml names. Where that is a file in "
                      ".mlops, a clone has none of its own: name a server, or bring the file along.")),
                (Action("What is reached", ("doctor",)),))


def _worst(bad: Sequence[Checked]) -> str:
    red, unknown = (sum(each.status is status for each in bad) for status in (Status.FAIL, Status.UNKNOWN))
    return " and ".join([f"{red} red"] * bool(red) + [f"{unknown} unknown"] * bool(unknown))
