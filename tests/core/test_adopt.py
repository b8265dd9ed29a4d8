"""Adopting writes one file of the project, whole or not at all, and never over somebody's own change."""

import hashlib
import stat

import pytest

from mlops_tui.folds import proposals
from mlops_tui.view import Status
from store.facts import Proposal
from tests.doing import do

PATH = "checklists/standard.yaml"


def sha(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def ana(session, project):
    opened = session("ana")
    path = project / PATH
    text = path.read_text()
    opened.ledger.append(Proposal(subject="P-1", event="proposed", path=PATH, before=sha(path), why="labels were late",
                                  content=text + "  - {id: labels-in, finding: health}\n", origin="INC-1", lesson=True))
    return opened


def state(session, name="P-1"):
    return proposals(session.ledger.entries())[name].state


def proposed(session, name="P-2", path="notes/new.md", content="new\n", before=""):
    session.ledger.append(Proposal(subject=name, event="proposed", path=path, content=content, before=before))


def test_what_waits_is_listed(ana):
    view = do(ana, "adopt list").view
    assert view.status is Status.WARN
    [row] = view.table("proposals").rows
    assert (row["proposal"], row["path"], row["lesson"], row["why"]) == ("P-1", PATH, True, "labels were late")


def test_the_plan_is_the_difference_and_writes_nothing(ana, project):
    before = sha(project / PATH)
    outcome = do(ana, "adopt P-1")
    assert (outcome.view.status, outcome.exit) == (Status.CONFIRM, 2)
    [diff] = [part.body for part in outcome.view.parts if getattr(part, "kind", "") == "code"]
    assert "+  - {id: labels-in, finding: health}" in diff
    assert (sha(project / PATH), state(ana)) == (before, "open")


def test_adopting_writes_the_file_and_reads_the_project_anew(ana, project):
    (project / PATH).chmod(0o640)
    assert len(ana.project.checklists["standard"].items) == 2
    outcome = do(ana, "adopt P-1", yes=True)
    assert (outcome.exit, state(ana)) == (0, "adopted")
    assert len(ana.project.checklists["standard"].items) == 3
    assert stat.S_IMODE((project / PATH).stat().st_mode) == 0o640
    assert [path.name for path in (project / "checklists").iterdir()] == ["standard.yaml"], "nothing is left over"
    assert not (project / ".git").exists()


def test_a_new_file_gets_its_folder(ana, project):
    proposed(ana)
    assert do(ana, "adopt P-2", yes=True).exit == 0
    assert (project / "notes" / "new.md").read_text() == "new\n"


@pytest.mark.parametrize("when", ["before the plan", "after the plan"])
def test_a_file_that_changed_since_is_not_overwritten(ana, project, when):
    path = project / PATH
    plan = do(ana, "adopt P-1").plan if when == "after the plan" else None
    path.write_text(path.read_text() + "# mine\n")
    outcome = do(ana, "adopt P-1", consent=plan)
    assert (outcome.exit, outcome.error["code"], state(ana)) == (2, "conflict", "open")
    assert path.read_text().endswith("# mine\n")


def test_a_file_that_appeared_meanwhile_is_not_overwritten(ana, project):
    proposed(ana)
    (project / "notes").mkdir()
    (project / "notes" / "new.md").write_text("somebody's\n")
    assert do(ana, "adopt P-2").error["code"] == "conflict"


def test_line_ends_are_part_of_the_file(ana, project):
    (project / "win.md").write_bytes(b"a\r\n")
    proposed(ana, path="win.md", content="a\r\nb\r\n", before=hashlib.sha256(b"a\r\n").hexdigest())
    assert do(ana, "adopt P-2", yes=True).exit == 0
    assert (project / "win.md").read_bytes() == b"a\r\nb\r\n"


def test_cut_off_between_writing_and_recording_it_is_adopted_by_doing_it_again(ana, project):
    (project / PATH).write_text(proposals(ana.ledger.entries())["P-1"].content)
    assert do(ana, "adopt P-1", yes=True).exit == 0
    assert state(ana) == "adopted"


def test_adopting_twice_is_like_adopting_once_unless_the_file_is_another_by_now(ana, project):
    do(ana, "adopt P-1", yes=True)
    outcome = do(ana, "adopt P-1", yes=True)
    assert (outcome.exit, "is adopted already" in outcome.view.title) == (0, True)
    assert len(ana.ledger.entries("proposal")) == 2
    (project / PATH).write_text("items: []\n")
    outcome = do(ana, "adopt P-1", yes=True)
    assert (outcome.error["code"], (project / PATH).read_text()) == ("conflict", "items: []\n")


def test_one_that_builds_upon_another_says_which_comes_first(ana, project):
    first = proposals(ana.ledger.entries())["P-1"].content
    proposed(ana, path=PATH, content=first + "# more\n", before=hashlib.sha256(first.encode()).hexdigest())
    outcome = do(ana, "adopt P-2")
    assert (outcome.error["code"], outcome.error["next"]) == ("conflict", "Try: mlops-tui adopt P-1")
    do(ana, "adopt P-1", yes=True)
    assert do(ana, "adopt P-2", yes=True).exit == 0


@pytest.mark.parametrize("path", ["../out.md", "/etc/passwd", "a/../../out.md", ".", "", ".git/hooks/pre-commit",
                                  ".mlops/ledger.db", "link/out.md", "loose.md"])
def test_nothing_is_written_outside_the_project(ana, project, path, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    (project / "link").symlink_to(outside)
    (project / "loose.md").symlink_to(outside / "target.md")
    proposed(ana, path=path)
    outcome = do(ana, "adopt P-2", yes=True)
    assert (outcome.exit, outcome.error["code"], state(ana, "P-2")) == (2, "bad_input", "open")
    assert list(outside.iterdir()) == []


def test_declining_is_a_decision_with_a_reason(ana):
    assert do(ana, "adopt decline P-1").exit == 2
    assert do(ana, "adopt decline P-1", reason="the source is gone").exit == 0
    found = proposals(ana.ledger.entries())["P-1"]
    assert (found.state, found.reason) == ("declined", "the source is gone")
    assert do(ana, "adopt P-1").error["code"] == "conflict"
    assert do(ana, "adopt list").view.table("proposals").rows == ()


@pytest.mark.parametrize("who", ["bo", "dee", "vera"])
def test_only_engineers_change_the_project(ana, session, who):
    assert do(session(who), "adopt P-1").exit == 4
    assert do(session(who), "adopt decline P-1", reason="r").exit == 4
    assert state(ana) == "open"


def test_an_unknown_one_is_told_which_there_are(ana):
    assert do(ana, "adopt P-9").error["next"] == "There is P-1 only."
