"""Deployers: what was begun ends whole or not at all, wherever a process dies; what fails is taken back and said."""

import json
import os
import subprocess
import sys
from itertools import count

import pytest

from mlops_tui.assurance.deployments import deployments
from mlops_tui.folds import alerts, approvals, model_state
from mlops_tui.governance import _deployed
from mlops_tui.view import Status
from store.facts import Promotion
from tests.bots.mortal import dying
from tests.doing import do

SUBJECT, MODEL = "flights-delay@2", "models/flights-delay.yaml"
EVERY = int(os.environ.get("DEATHS_EVERY", "3"))  # 1: at each of the twenty writes, for some CPU seconds more
PROGRAM = """\
import os, sys
step, version, log = sys.argv[1:4]
print(step, version, os.environ["MLOPS_DEPLOYMENT"], "TOKEN" in os.environ, os.environ.get("SAID", ""))
with open(log, "a") as file:
    file.write(f"{step} {version}\\n")
state = log + ".state"
if step == "apply":
    open(state, "w").write(version)
elif step == "undo":
    open(state, "w").write("1")
elif step == "verify" and open(state).read() != version:
    sys.exit(1)
sys.exit(step in open(log + ".breaks").read().split() if os.path.exists(log + ".breaks") else 0)
"""


class Died(BaseException):
    """The process is gone: nothing of ours catches it."""


@pytest.fixture
def done(project, made, person):
    """Ana's session where version 1 serves and version 2 may, without votes, by the deployer that is declared."""

    def ready(deploy: str = ""):
        settings = project / "mlops.yaml"
        settings.write_text(settings.read_text() + "approvals: {quorum: 0}\n")
        (project / MODEL).write_text((project / MODEL).read_text().replace(
            "calibrated, checklist]", "calibrated]").replace("no_worse_than_champion, ", "") + deploy)
        ana = person("ana")
        ana.ledger.append(made.trained("1"), made.finding(), Promotion(subject="flights-delay", version="1",
                                                                       previous="", approval="", evidence=""),
                          made.trained("2"))
        return ana

    return ready


def program(project):
    (project / "deploy.py").write_text(PROGRAM)
    step = f"[{sys.executable}, deploy.py, STEP, '{{version}}', {project / 'log'}]"
    return "deploy: {command: {" + ", ".join(f"{each}: {step.replace('STEP', each)}" for each in (
        "apply", "verify", "undo")) + ", environment: [SAID]}}\n"


def said(project):
    path = project / "log"
    return path.read_text().split("\n")[:-1] if path.exists() else []


def git(repo, *words):
    done = subprocess.run(["git", "-C", str(repo), "-c", "user.name=t", "-c", "user.email=t@localhost", *words],
                          check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def repo(tmp_path_factory):
    """A checkout of main with a file of values."""
    path = tmp_path_factory.mktemp("infra")
    git(path, "init", "-q", "-b", "main")
    (path / "values.yaml").write_text("# who serves\nmodels:\n  delay: {version: '1'}  # by hand until now\nother: 3\n")
    git(path, "add", ".")
    git(path, "commit", "-q", "-m", "begin")
    return path


def commit(repo, file="values.yaml", branch="main"):
    return f"deploy: {{git: {{repo: {repo}, file: {file}, key: models.delay.version, branch: {branch}}}}}\n"


def champion(session):
    return model_state(session.ledger.entries(), "flights-delay").champion


def states(session):
    return [each.state for each in deployments(session.ledger.entries(), "flights-delay").values()]


# -- programs -------------------------------------------------------------------------------------------------------


def test_programs_deploy_in_order_and_see_only_what_is_declared(done, project, monkeypatch, registry):
    monkeypatch.setenv("SAID", "a secret word")
    monkeypatch.setenv("TOKEN", "not for them")
    ana = done(program(project))
    plan = do(ana, f"promote {SUBJECT}")
    assert any("deploy.py apply 2" in row["step"] for row in plan.view.table("deployment").rows)
    assert said(project) == [], "a plan does nothing"
    assert do(ana, f"promote {SUBJECT}").plan == plan.plan
    outcome = do(ana, f"promote {SUBJECT}", yes=True)
    assert (outcome.view.status, champion(ana), registry.aliases) == (Status.DONE, "2", {"champion": "2"})
    assert said(project) == ["apply 2", "verify 2"]
    [found] = deployments(ana.ledger.entries()).values()
    log = ana.data().object(found.log).decode()
    assert "apply 2 DEP-1 False …" in log, "one variable is passed, and its value hidden"
    assert "a secret word" not in log


@pytest.mark.parametrize("step", ["apply", "verify"])
def test_what_fails_is_undone_and_said(done, project, monkeypatch, step):
    monkeypatch.setenv("SAID", "")
    ana = done(program(project))
    (project / "log.breaks").write_text(step)
    outcome = do(ana, f"promote {SUBJECT}", yes=True)
    assert (outcome.view.status, outcome.exit, champion(ana), states(ana)) == (Status.FAIL, 1, "1", ["undone"])
    assert "What was done is undone" in outcome.view.title
    assert said(project)[-1] == "undo 2"
    assert [row["state"] for row in do(ana, "promote --history flights-delay").view.table("deployments").rows] == [
        "undone"]
    (project / "log.breaks").write_text("")
    assert do(ana, f"promote {SUBJECT}", yes=True).view.status is Status.DONE
    assert (champion(ana), states(ana)) == ("2", ["undone", "done"])


def test_votes_stand_for_another_try_where_the_deployment_failed(done, project, person, monkeypatch):
    monkeypatch.setenv("SAID", "")
    ana = done(program(project))
    (project / "mlops.yaml").write_text((project / "mlops.yaml").read_text().replace("quorum: 0", "quorum: 1"))
    (project / "log.breaks").write_text("verify")
    assert do(ana, f"promote {SUBJECT}", yes=True).view.facts()["approval"] == "AP-1"
    outcome = do(person("bo"), "approve AP-1", reason="fine")
    assert outcome.view.title.startswith("AP-1 has its votes, but could not be carried out: flights-delay@2 does not "
                                         "serve: ")
    assert approvals(ana.ledger.entries(), ana.now())["AP-1"].state == "met"
    (project / "log.breaks").write_text("")
    assert do(ana, f"promote {SUBJECT}", yes=True).view.status is Status.DONE
    assert (champion(ana), approvals(ana.ledger.entries(), ana.now())["AP-1"].state) == ("2", "done")


def test_broken_glass_deploys_too_and_is_reviewed_only_where_it_serves(done, project, person, monkeypatch):
    monkeypatch.setenv("SAID", "")
    done(program(project))
    bo = person("bo")
    (project / "log.breaks").write_text("apply")
    argv = f"promote {SUBJECT} --break-glass --reason 'version 1 answers nothing'"
    assert do(bo, argv, yes=True).view.status is Status.FAIL
    assert (champion(bo), approvals(bo.ledger.entries(), bo.now())) == ("1", {})
    (project / "log.breaks").write_text("")
    assert do(bo, argv, yes=True).view.status is Status.WARN
    [review] = approvals(bo.ledger.entries(), bo.now()).values()
    assert (champion(bo), review.state, review.requester) == ("2", "review", "bo")
    assert said(project)[-2:] == ["apply 2", "verify 2"]


def test_what_cannot_be_undone_wakes_somebody(done, project, monkeypatch):
    monkeypatch.setenv("SAID", "")
    ana = done(program(project))
    (project / "log.breaks").write_text("apply undo")
    outcome = do(ana, f"promote {SUBJECT}", yes=True)
    assert (outcome.view.status, champion(ana), states(ana)) == (Status.FAIL, "1", ["stuck"])
    [alert] = alerts(ana.ledger.entries()).values()
    assert (alert.severity, alert.check, alert.state) == ("critical", "deployment", "firing")


@pytest.mark.parametrize(("deploy", "words"), [
    ("deploy: {command: {apply: [/no/such/program], verify: ['true'], undo: ['true']}}\n", "could not be started"),
    ("deploy: {command: {apply: [sleep, '60'], verify: ['true'], undo: ['true'], timeout: 200ms}}\n",
     "its time was up")])
def test_a_program_that_is_not_there_or_never_ends_is_no_deployment(done, deploy, words):
    ana = done(deploy)
    outcome = do(ana, f"promote {SUBJECT}", yes=True)
    assert words in outcome.view.title
    assert (champion(ana), states(ana)) == ("1", ["undone"])


def test_a_variable_that_is_not_set_shuts_the_gate_in_the_plan(done, project, monkeypatch):
    monkeypatch.delenv("SAID", raising=False)
    ana = done(program(project).replace("environment", f"plan: [{sys.executable}, deploy.py, plan, '1', "
                                        f"{project / 'log'}], environment"))
    outcome = do(ana, f"promote {SUBJECT}")
    assert (outcome.exit, outcome.plan) == (1, None)
    assert "The environment has no SAID" in outcome.view.title


@pytest.mark.parametrize(("deploy", "words"), [
    ("deploy: {}\n", "either command or git"),
    ("deploy: {command: {apply: [], verify: [a], undo: [a]}}\n", "apply needs a program"),
    ("deploy: {command: {apply: ['{verison}'], verify: [a], undo: [a]}}\n", "Did you mean 'version'?"),
    ("deploy: {git: {repo: ., file: ../x.yaml, key: a, branch: main}}\n", "not inside the checkout"),
    ("deploy: {git: {repo: ., file: x.toml, key: a, branch: main}}\n", "neither YAML nor JSON"),
    ("deploy: {git: {repo: ., file: x.yaml, key: a., branch: main}}\n", "names no key"),
    ("deploy: {git: {repo: ., file: x.yaml, key: a, branch: --force}}\n", "is no branch"),
    ("watch: {rollback_if: {}}\n", "looks at some finding"), ("watch: {rollback_if: {drfit: fail}}\n", "'drift'"),
    ("watch: {for: 0s, rollback_if: {drift: fail}}\n", "takes some time")])
def test_a_declaration_that_means_nothing_is_refused_by_line(done, deploy, words):
    error = do(done(deploy), f"promote {SUBJECT}").error
    assert words in error["what"] + error["next"]
    assert ".yaml:" in error["where"]


# -- commits --------------------------------------------------------------------------------------------------------


def test_a_commit_writes_one_value_and_nothing_else(done, repo):
    ana = done(commit(repo))
    plan = do(ana, f"promote {SUBJECT}").view.table("deployment").rows
    assert [row["step"] for row in plan] == ["values.yaml on main: models.delay.version 1 → 2, one commit"]
    assert do(ana, f"promote {SUBJECT}", yes=True).view.status is Status.DONE
    assert (repo / "values.yaml").read_text() == \
        "# who serves\nmodels:\n  delay: {version: '2'}  # by hand until now\nother: 3\n"
    assert git(repo, "status", "--porcelain") == ""
    assert git(repo, "log", "--format=%s").splitlines() == ["Deploy flights-delay 2 in place of 1", "begin"]
    assert do(ana, "promote --rollback flights-delay", yes=True).view.status is Status.DONE
    assert "version: '1'" in git(repo, "show", "main:values.yaml")
    assert champion(ana) == "1"


def test_nothing_that_lies_in_a_checkout_is_run(done, repo):
    ran = repo / ".git" / "ran"
    program = f"#!/bin/sh\necho $0 >> {ran}\n"
    for name in ("reference-transaction", "post-checkout", "post-index-change", "pre-commit", "watch"):
        (repo / ".git" / "hooks" / name).write_text(program)
        (repo / ".git" / "hooks" / name).chmod(0o755)
    git(repo, "config", "core.fsmonitor", str(repo / ".git" / "hooks" / "watch"))
    ran.unlink(missing_ok=True)
    assert do(done(commit(repo)), f"promote {SUBJECT}", yes=True).view.status is Status.DONE
    assert not ran.exists(), ran.read_text()
    assert "version: '2'" in (repo / "values.yaml").read_text()


def test_a_branch_that_is_not_checked_out_moves_beside_the_working_tree(done, repo):
    git(repo, "branch", "live")
    (repo / "values.yaml").write_text("somebody writes here\n")
    ana = done(commit(repo, branch="live"))
    assert do(ana, f"promote {SUBJECT}", yes=True).view.status is Status.DONE
    assert (repo / "values.yaml").read_text() == "somebody writes here\n"
    assert "version: '2'" in git(repo, "show", "live:values.yaml")
    assert "version: '1'" in git(repo, "show", "main:values.yaml")


def test_a_json_file_keeps_its_form(done, repo):
    text = json.dumps({"models": {"delay": {"version": 1, "é": "ü"}}, "n": [1, 2]}, indent=4, ensure_ascii=False)
    (repo / "values.json").write_text(text + "\n")
    git(repo, "add", ".")
    git(repo, "commit", "-qm", "json")
    assert do(done(commit(repo, "values.json")), f"promote {SUBJECT}", yes=True).view.status is Status.DONE
    assert (repo / "values.json").read_text() == text.replace('"version": 1', '"version": 2') + "\n"


@pytest.mark.parametrize(("spoil", "words"), [
    (lambda repo: (repo / "values.yaml").write_text("mine\n"), "changes in the checkout that are not committed"),
    (lambda repo: git(repo, "branch", "-m", "trunk"), "git rev-parse"),
    (lambda repo: git(repo, "rm", "-q", "--cached", "values.yaml") or git(repo, "commit", "-qm", "gone"),
     "git cat-file"),
    (lambda repo: (repo / "values.yaml").write_text("models: {dealy: 1}\n") and git(repo, "commit", "-qam", "typo"),
     "has no key models.delay.version"),
    (lambda repo: (repo / "values.yaml").write_text("a: [\n") and git(repo, "commit", "-qam", "x"), "cannot be read")])
def test_a_checkout_in_which_nothing_can_be_written_shuts_the_gate(done, repo, spoil, words):
    ana = done(commit(repo))
    spoil(repo)
    outcome = do(ana, f"promote {SUBJECT}", yes=True)
    assert (outcome.exit, outcome.plan) == (1, None)
    assert words in outcome.view.title
    assert (champion(ana), states(ana)) == ("1", [])


def test_a_commit_whose_version_does_not_answer_is_reverted(done, repo, monkeypatch):
    def dumb(*_):
        raise _deployed.DeployFailed("it does not answer")

    ana = done(commit(repo))
    monkeypatch.setattr(_deployed, "_asked", dumb)
    outcome = do(ana, f"promote {SUBJECT}", yes=True)
    assert "it does not answer" in outcome.view.title
    assert git(repo, "log", "--format=%s").splitlines()[0] == 'Revert "Deploy flights-delay 2"'
    assert "version: '1'" in (repo / "values.yaml").read_text()
    assert (champion(ana), states(ana)) == ("1", ["undone"])


# -- wherever a process dies ----------------------------------------------------------------------------------------


def lives_until(session, argv, place):
    """Do it in a process that dies at its so many-th write; whether it did."""
    numbers = count(1)

    def point(_):
        if next(numbers) == place:
            raise Died

    try:
        with dying(point):
            again = session("ana")
            do(again, argv, yes=True)
    except Died:
        return True
    return False


@pytest.mark.parametrize("breaks", ["", "verify"])
def test_wherever_it_is_killed_it_ends_whole_and_once(done, project, repo, session, person, monkeypatch, registry,
                                                      breaks):
    """Killed at one write after another, then asked again: it serves by one commit, or nothing is left of it."""
    monkeypatch.setattr(_deployed, "_asked", lambda *_: (_ for _ in ()).throw(
        _deployed.DeployFailed("mute")) if breaks else "")
    begun = done(commit(repo))
    state, start = project / ".mlops", git(repo, "rev-parse", "main")
    begun.ledger.engine.dispose()
    kept = {path: path.read_bytes() for path in state.rglob("*") if path.is_file()}
    deaths = 0
    for place in count(2 if breaks else 1, EVERY):
        for path in state.glob("ledger.db*"):
            path.unlink()
        for path, content in kept.items():
            path.write_bytes(content)
        git(repo, "reset", "-q", "--hard", start)

        def opened(name="ana"):
            made = session(name)
            made.open_tracking = lambda: registry
            return made

        if not lives_until(opened, f"promote {SUBJECT}", place):
            break
        deaths += 1
        ana = opened()
        do(ana, f"promote {SUBJECT}", yes=True)
        if states(ana)[-1:] in ([], ["undone"]) and not breaks:
            do(ana, f"promote {SUBJECT}", yes=True)
        commits = git(repo, "log", "--format=%s", f"{start}..main").splitlines()
        if breaks:
            assert set(states(ana)) == {"undone"}, place
            assert champion(ana) == "1"
            assert len([each for each in commits if each.startswith("Deploy")]) == len(
                [each for each in commits if each.startswith("Revert")]), place
        else:
            assert (champion(ana), states(ana)) == ("2", ["done"]), place
            assert commits == ["Deploy flights-delay 2 in place of 1"], place
            assert len(ana.ledger.entries("promotion")) == 2
        assert git(repo, "status", "--porcelain") == "", place
        ana.ledger.engine.dispose()
    assert deaths >= 18 // EVERY


def test_who_dies_again_and_again_is_taken_back(done, project, monkeypatch):
    monkeypatch.setenv("SAID", "")
    ana = done(program(project))

    def die(*_):
        raise Died

    monkeypatch.setattr(_deployed, "_asked", die)
    for _ in range(3):
        with pytest.raises(Died):
            do(ana, f"promote {SUBJECT}", yes=True)
    outcome = do(ana, f"promote {SUBJECT}", yes=True)
    assert "it was begun 3 times and never ended" in outcome.view.title
    assert (champion(ana), states(ana), said(project)[-1]) == ("1", ["undone"], "undo 2")


def test_two_at_once_are_one(done, project, monkeypatch, person):
    monkeypatch.setenv("SAID", "")
    ana = done(program(project))
    met = []

    def meanwhile(*_):
        met.append(do(person("ana"), f"promote {SUBJECT}", yes=True).error)
        met.append(do(person("ana"), "promote --rollback flights-delay", yes=True).error)
        return ""

    monkeypatch.setattr(_deployed, "_asked", meanwhile)
    assert do(ana, f"promote {SUBJECT}", yes=True).view.status is Status.DONE
    assert [each["code"] for each in met] == ["conflict", "conflict"]
    assert "DEP-1 is under way" in met[0]["what"]
    assert said(project) == ["apply 2", "verify 2"]
