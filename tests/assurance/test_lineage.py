"""The gate asks where a version comes from, and takes nothing but the newest check of that very version."""

from datetime import timedelta
from pathlib import Path

from mlops_tui.assurance.lineage import lineage
from mlops_tui.assurance.requirement import Case
from mlops_tui.project import Project
from mlops_tui.view import Status
from tests.conftest import History, Made


def case(root: Path, version: str = "2", age: timedelta = timedelta(0), now: History | None = None) -> Case:
    project = Project(root)
    return Case("flights-delay", version, project.model("flights-delay"), "1", None,
                {"model flights-delay": project.fingerprint("model", "flights-delay")}, now.now + age)


def judged(history: History, root: Path, **how: object) -> tuple[Status, tuple[str, ...]]:
    (found,) = lineage(case(root, now=history, **how), history.entries)
    return found.status, found.next


def test_only_a_whole_chain_of_this_version_passes(history: History, made: Made, project: Path) -> None:
    def finding(status: str, **more: object) -> None:
        history.add(made.finding(status, check="lineage", monitor="",
                                 declaration=Project(project).fingerprint("model", "flights-delay"), **more))

    ask = ("provenance", "check", "flights-delay@2")
    assert judged(history, project) == (Status.UNKNOWN, ask)
    finding("pass", version="1")
    assert judged(history, project) == (Status.UNKNOWN, ask)
    finding("pass", version="2")
    assert judged(history, project) == (Status.PASS, ())
    assert judged(history, project, age=timedelta(days=31)) == (Status.UNKNOWN, ask)
    finding("fail", version="2")
    assert judged(history, project) == (Status.FAIL, ask)


def test_a_check_under_another_declaration_is_not_known(history: History, made: Made, project: Path) -> None:
    history.add(made.finding("pass", check="lineage", version="2", declaration="yesterday's"))
    assert judged(history, project)[0] is Status.UNKNOWN
