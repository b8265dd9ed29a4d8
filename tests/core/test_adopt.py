"""Adopting writes one file of the project, whole or not at all, and never over somebody's own change."""

import hashlib
import shutil
import stat
import subprocess

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


# -- on a branch of its own ---------------------------------------------------------------------------------------


def git(project, *words):
    return subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@localhost", *words], cwd=project, check=True,
                          capture_output=True, text=True).stdout


@pytest.fixture
def repository(ana, project, monkeypatch):
    """The project in git, whose person is not known to it, with a change staged and one that is not."""
    for name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"):
        monkeypatch.setenv(name, "/dev/null")
    git(project, "init", "-q", "-b", "main")
    (project / ".gitignore").write_text(".mlops/\n")
    git(project, "add", ".")
    git(project, "commit", "-q", "-m", "first")
    (project / "staged.txt").write_text("staged\n")
    git(project, "add", "staged.txt")
    (project / "mlops.yaml").write_text((project / "mlops.yaml").read_text() + "# not staged\n")
    return ana


def untouched(project):
    """All that a person has under way: the working tree, the index, the branch that is checked out."""
    return git(project, "status", "--porcelain=v2", "--branch"), git(project, "ls-files", "-s"), sha(project / PATH)


def test_a_proposal_becomes_a_commit_on_a_branch_and_nothing_else_changes(repository, project):
    before = untouched(project)
    outcome = do(repository, "adopt P-1 --branch lesson/p-1", yes=True)
    assert (outcome.exit, untouched(project)) == (0, before)
    assert git(project, "diff", "--name-only", "main", "lesson/p-1").split() == [PATH]
    assert "labels-in" in git(project, "show", f"lesson/p-1:{PATH}")
    told = git(project, "log", "-1", "--format=%s|%b|%an|%ad", "--date=short", "lesson/p-1")
    assert told.startswith("labels were late|Proposal P-1 of mlops-tui, from INC-1, adopted by ana.")
    assert told.strip().endswith("|ana|2013-09-14")
    assert (state(repository), proposals(repository.ledger.entries())["P-1"].branch) == ("open", "lesson/p-1")
    assert git(project, "fsck", "--strict").strip() == ""


def test_once_it_is_merged_adopting_says_so(repository, project):
    do(repository, "adopt P-1 --branch p1", yes=True)
    git(project, "merge", "-q", "p1")
    assert do(repository, "adopt P-1", yes=True).exit == 0
    assert state(repository) == "adopted"


def test_it_says_how_to_push_where_there_is_somewhere_to(repository, project):
    assert do(repository, "adopt P-1 --branch p1", yes=True).view.facts()["push"] == ""
    git(project, "remote", "add", "upstream", "/nowhere")
    assert do(repository, "adopt P-1 --branch p2", yes=True).view.facts()["push"] == "git push -u upstream p2"


def test_a_project_below_the_top_of_its_repository_is_committed_in_its_place(ana, project):
    git(project.parent, "init", "-q", "-b", "main")
    try:
        git(project.parent, "add", f"{project.name}/{PATH}")
        git(project.parent, "commit", "-q", "-m", "first")
        assert do(ana, "adopt P-1 --branch p1", yes=True).exit == 0
        assert "labels-in" in git(project.parent, "show", f"p1:{project.name}/{PATH}")
    finally:
        shutil.rmtree(project.parent / ".git")


@pytest.mark.parametrize(("branch", "change", "said"), [
    ("main", "", "There is a branch 'main' already"), ("a..b", "", "no name of a branch"),
    ("-d", "", "no name of a branch"), ("p1", "edited", "changed since P-1 was proposed"),
    ("p1", "uncommitted", "not as it was when P-1 was proposed"), ("p1", "no git", "lies in no git repository"),
    ("p1", "no commit", "has no commit yet")])
def test_what_cannot_become_a_branch_is_refused_and_makes_none(repository, project, branch, change, said):
    path, text = project / PATH, (project / PATH).read_text()
    if change == "edited":
        path.write_text(text + "# later\n")
    elif change == "uncommitted":
        path.write_text(text + "# later\n")
        git(project, "commit", "-q", "-am", "later")
        path.write_text(text)
    elif change:
        shutil.rmtree(project / ".git")
        if change == "no commit":
            git(project, "init", "-q", "-b", "trunk")
    outcome = do(repository, f"adopt P-1 --branch={branch}", yes=True)
    assert (outcome.exit, said in outcome.error["what"]) == (2, True), outcome.error
    assert change == "no git" or [each for each in git(project, "branch", "--format=%(refname:short)").split()
                                  if each not in ("main", "trunk")] == []
    assert state(repository) == "open"


def test_a_branch_that_was_made_meanwhile_is_not_moved(repository, project):
    plan = do(repository, "adopt P-1 --branch p1").plan
    git(project, "branch", "p1")
    at = git(project, "rev-parse", "p1")
    outcome = repository.perform(("adopt", "P-1", "--branch", "p1"), consent=plan)
    assert (outcome.exit, git(project, "rev-parse", "p1")) == (2, at)


def test_a_new_file_and_a_reason_full_of_marks_are_only_text(repository, project):
    proposed(repository, path="notes/a b;$(touch x).md")
    repository.ledger.append(Proposal(subject="P-3", event="proposed", path="c.md", content="c", before="",
                                      why="--amend `x`\n\n$(touch y) #1", origin=""))
    for name in ("P-2", "P-3"):
        assert do(repository, f"adopt {name} --branch {name}", yes=True).exit == 0
    assert git(project, "show", "P-2:notes/a b;$(touch x).md") == "new\n"
    assert git(project, "log", "-1", "--format=%s", "P-3") == "--amend `x` $(touch y) #1\n"
    assert not {"x", "y"} & {path.name for path in project.iterdir()}
