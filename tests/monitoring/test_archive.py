"""Versions that nobody needs are found, packed away and given back to the byte; what must be kept is kept."""

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from mlops_tui.commands import Outcome
from mlops_tui.session import ReplayClock, Session
from mlops_tui.view import Status
from store.facts import Approval, Archived, Hold, IncidentEvent, Promotion, Trained
from store.tracking import Input, Record, Tracking, digest_of

NAME = "flights-delay"
ROWS = np.random.default_rng(5).normal(size=(400, 3))


def promotion(version: str) -> Promotion:
    return Promotion(subject=NAME, version=version, previous="", approval="", evidence="")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Path:
    """An MLflow store with four versions of a model, a run that was never registered and one that was deleted."""
    root = tmp_path_factory.mktemp("models") / "first"
    root.mkdir()
    shutil.copy(empty_store, root / "mlflow.db")
    tracking = Tracking(f"sqlite:///{root}/mlflow.db", root / "artifacts")
    record = Record(tuple(Input(name, "double") for name in "abc"))
    for seed in range(4):
        fitted = LogisticRegression(C=seed + 1).fit(ROWS, ROWS[:, seed % 3] > 0)
        tracking.log_version(NAME, fitted, record)
    client = tracking._client
    experiment = client.get_experiment_by_name(NAME).experiment_id
    for name in ("tried", "deleted"):
        run = client.create_run(experiment, run_name=name)
        client.log_text(run.info.run_id, name * 100, "notes.txt")
        client.set_terminated(run.info.run_id)
        if name == "deleted":
            client.delete_run(run.info.run_id)
    client.delete_experiment(client.create_experiment("abandoned"))
    (root / "artifacts" / NAME / ("0" * 32) / "artifacts").mkdir(parents=True)
    (root / "artifacts" / NAME / ("0" * 32) / "artifacts" / "left.bin").write_bytes(b"x" * 1000)
    return root.rename(root.parent / "moved")  # what MLflow has written down is where it was


@pytest.fixture
def ana(project: Path, session: Callable[..., Session], models: Path, clock: ReplayClock) -> Session:
    """Ana's session: four versions, of which 1 was never used, 2 served, 3 serves and 4 is the newest."""
    shutil.copytree(models, project / ".mlops")
    opened = session()
    for each in opened.tracking().versions(NAME):
        opened.ledger.append(Trained(
            subject=NAME, version=str(each.version), candidate="boosted", key="k", run_id=each.run_id,
            artifact=each.digest, training="", declaration="", seed=1, window=("2013-01-01", "2013-06-01"), metrics={}))
    clock.advance(clock() + timedelta(days=1))
    opened.ledger.append(promotion("2"), promotion("3"))
    clock.advance(datetime.now(UTC) + timedelta(days=100))  # MLflow's own times are those of today
    return opened


def act(session: Session, *argv: str) -> Outcome:
    """The command with consent to its plan; its refusal where there is none."""
    plan = session.perform(argv)
    return session.perform(argv, consent=plan.plan) if plan.plan else plan


def scores(session: Session, version: str) -> bytes:
    return bytes(session.tracking().load(NAME, version).predict_proba(ROWS).tobytes())


def folder(session: Session, version: str) -> Path:
    return session.tracking().fetch(NAME, version)


def listed(session: Session, *more: str) -> dict[str, dict[str, object]]:
    rows = session.perform(("archive", "list", *more)).view.table("versions").rows
    return {str(row["version"]): dict(row) for row in rows}


def test_what_was_archived_answers_the_same_to_the_byte_once_it_is_back(ana: Session) -> None:
    before, place = scores(ana, "1"), folder(ana, "1")
    digest = digest_of(place)
    done = act(ana, "archive", "take", f"{NAME}@1")
    assert (done.exit, done.view.status, done.view.title) == (0, Status.DONE, f"{NAME}@1 is archived")
    assert "not encrypted" in str(done.view.parts), "that is said, not hidden"
    assert not place.exists()
    with pytest.raises(Exception, match=f"archive restore {NAME}@1"):
        ana.tracking().load(NAME, "1")
    assert act(ana, "archive", "restore", f"{NAME}@1").view.status is Status.DONE
    assert digest_of(place) == digest
    assert scores(ana, "1") == before
    assert [entry.fact.event for entry in ana.ledger.entries("archive") if isinstance(entry.fact, Archived)] == [
        "began", "taken", "restored"]


def test_stale_versions_are_listed_with_why_size_and_what_they_cost(ana: Session) -> None:
    root = ana.declared().root
    (root / "mlops.yaml").write_text((root / "mlops.yaml").read_text() + "compute: {gib_month: 1024, currency: USD}\n")
    del ana.declared().__dict__["settings"]
    found = listed(ana)
    assert found[f"{NAME}@1"]["status"] is Status.WARN
    assert found[f"{NAME}@1"]["why"][0] == "superseded by 3"  # type: ignore[index]
    assert found[f"{NAME}@2"]["kept"] == ("the fallback", "was a champion")
    assert found[f"{NAME}@3"]["kept"] == ("the champion",)
    assert found[f"{NAME}@4"]["kept"] == ("the challenger",)
    size = sum(path.stat().st_size for path in folder(ana, "1").rglob("*") if path.is_file())
    assert found[f"{NAME}@1"]["bytes"] == size
    assert found[f"{NAME}@1"]["cost"] == pytest.approx(size / 2**20)
    view = ana.perform(("archive", "list")).view
    assert view.title == "1 version is needed by nobody; MLflow keeps 4 things of nothing"
    assert (view.facts()["stale"], view.facts()["archived"], view.facts()["bytes"]) == (1, 0, size)


def test_who_answered_lately_is_not_stale_and_whose_day_has_come_is(ana: Session) -> None:
    lake, today = ana.data(), ana.now().date()
    log = lake.write(f"{NAME}.predictions", f"SELECT '4' AS version, '{today}' AS day, 0.5 AS score UNION ALL "
                     f"SELECT '1', '{today - timedelta(days=40)}', 0.5", partition_by=("day",))
    ana.commit(log)
    found = listed(ana, "--idle", "60d")
    assert found[f"{NAME}@4"]["why"] is None
    assert found[f"{NAME}@1"]["last_answer"] == str(today - timedelta(days=40))
    assert found[f"{NAME}@1"]["why"] == ("superseded by 3",)
    assert listed(ana, "--idle", "30d")[f"{NAME}@1"]["why"] == ("superseded by 3", "no answer for 40 days")
    path = ana.declared().path_of("model", NAME)
    path.write_text(path.read_text() + f"expires: {today}\n")
    del ana.declared().__dict__["models"]
    assert listed(ana)[f"{NAME}@4"]["why"] == (f"expired on {today:%-d %b %Y}",)
    path.write_text(path.read_text().replace(str(today), "soon"))
    del ana.declared().__dict__["models"]
    assert "expires is a day" in str(ana.perform(("archive", "list")).error)


@pytest.mark.parametrize(("version", "facts", "why"), [
    ("3", (), "the champion"), ("4", (), "the challenger"), ("2", (), "the fallback, was a champion"),
    ("1", (Hold(subject=NAME, event="held", version="1"),), "legal hold"),
    ("1", (Hold(subject=NAME, event="held", version="every"),), "legal hold"),
    ("1", (IncidentEvent(subject="INC-1", event="opened", title="late", severity="high", about=NAME),),
     "INC-1 is open"),
    ("1", (Approval(subject="AP-1", event="asked", argv=("promote", f"{NAME}@1"), quorum=2, role="approver",
                    requester="ana", expires_at="2099-01-01T00:00:00+00:00"),), "AP-1 is about it"),
])
def test_what_must_be_kept_is_kept_and_it_is_said_why(ana: Session, version: str, facts: tuple, why: str) -> None:
    ana.ledger.append(*facts)
    refused = ana.perform(("archive", "take", f"{NAME}@{version}"))
    assert (refused.exit, refused.plan, refused.view.title) == (1, None, f"{NAME}@{version} must be kept: {why}")
    assert folder(ana, version).is_dir()


def test_a_former_champion_is_archived_where_that_is_said_and_a_hold_still_holds(ana: Session) -> None:
    ana.ledger.append(promotion("4"))  # so that 2 is not even what one falls back to
    assert ana.perform(("archive", "take", f"{NAME}@2")).view.title.endswith("must be kept: was a champion")
    ana.ledger.append(Hold(subject=NAME, event="held", version="2"))
    assert ana.perform(("archive", "take", f"{NAME}@2", "--was-champion")).plan is None
    ana.ledger.append(Hold(subject=NAME, event="released", version="2"))
    assert act(ana, "archive", "take", f"{NAME}@2", "--was-champion").view.status is Status.DONE


def test_what_became_needed_between_plan_and_consent_stays(ana: Session) -> None:
    plan = ana.perform(("archive", "take", f"{NAME}@1"))
    ana.ledger.append(promotion("1"))
    assert ana.perform(("archive", "take", f"{NAME}@1"), consent=plan.plan).exit in (1, 2)
    assert folder(ana, "1").is_dir()


def test_a_hold_is_for_legal_to_set_and_to_lift(ana: Session) -> None:
    words = ("archive", "hold", f"{NAME}@1")
    assert ana.perform(words, reason="case 4711").exit == 4
    legal = ana.acting_as(replace(ana.actor, name="lea", roles=frozenset({"legal"})))
    assert legal.perform(words, reason="case 4711").view.title == f"{NAME}@1 is under legal hold"
    assert ana.perform(("archive", "take", f"{NAME}@1")).plan is None
    assert legal.perform(("archive", "release", NAME), reason="closed").error is not None, "it was named otherwise"
    assert legal.perform(("archive", "release", f"{NAME}@1"), reason="closed").exit == 0
    assert ana.perform(("archive", "take", f"{NAME}@1")).plan is not None


def test_files_that_were_changed_are_not_packed_away_as_if_they_were_the_version(ana: Session) -> None:
    place = folder(ana, "1")
    (place / "MLmodel").write_text("flavors: {}\n")
    refused = ana.perform(("archive", "take", f"{NAME}@1"))
    assert refused.error is not None
    assert "not the ones that were registered" in refused.error["what"]
    assert place.is_dir()


def test_an_archive_that_was_damaged_or_lost_is_said_so(ana: Session) -> None:
    done = act(ana, "archive", "take", f"{NAME}@1")
    path = Path(str(done.view.facts()["where"]))
    whole = path.read_bytes()
    path.write_bytes(whole[:-3] + b"abc")
    assert "is damaged" in str(ana.perform(("archive", "restore", f"{NAME}@1")).error)
    path.unlink()
    view = ana.perform(("archive", "list")).view
    assert (view.status, view.title) == (Status.FAIL, f"The archive of {NAME}@1 is not there")


@pytest.mark.parametrize(("argv", "what"), [
    (("archive", "take", NAME), "Which version?"), (("archive", "take", f"{NAME}@9"), f"No version '{NAME}@9'."),
    (("archive", "restore", f"{NAME}@1"), f"{NAME}@1 was never archived."),
    (("archive", "list", "--idle", "soon"), "'soon'")])
def test_what_cannot_be_is_refused_with_what_to_do(ana: Session, argv: tuple[str, ...], what: str) -> None:
    refused = ana.perform(argv)
    assert refused.error is not None
    assert refused.exit == 2
    assert what in refused.error["what"]
    assert refused.error["next"]


def test_clutter_is_removed_for_real_and_no_version_with_it(ana: Session) -> None:
    database, artifacts = ana.declared().root / ".mlops/mlflow.db", ana.declared().root / ".mlops/artifacts"
    before = {each: scores(ana, each) for each in ("1", "2", "3", "4")}
    kinds = {row["kind"] for row in ana.perform(("archive", "list")).view.table("clutter").rows}
    assert kinds == {"unregistered run", "deleted run", "deleted experiment", "orphan files"}
    assert act(ana, "archive", "purge").view.title == "3 things are gone for good"
    assert [row["kind"] for row in ana.perform(("archive", "list")).view.table("clutter").rows] == ["unregistered run"]
    assert act(ana, "archive", "purge", "--unregistered").view.title == "1 thing is gone for good"
    with sqlite3.connect(database) as connection:
        runs = {row[0] for row in connection.execute("SELECT run_uuid FROM runs")}
        versions = {row[0] for row in connection.execute("SELECT run_id FROM model_versions")}
        assert runs == versions, "runs of versions, and no other"
        assert not list(connection.execute("SELECT 1 FROM experiments WHERE lifecycle_stage = 'deleted'"))
    assert not list(artifacts.rglob("notes.txt")) + list(artifacts.rglob("left.bin"))
    assert {each: scores(ana, each) for each in before} == before
    assert ana.perform(("archive", "purge")).view.title == "MLflow keeps nothing that could be removed"


def test_what_is_less_than_a_day_old_may_be_somebody_who_trains(ana: Session, clock: ReplayClock) -> None:
    clock.moment = datetime.now(UTC)
    assert ana.perform(("archive", "purge", "--unregistered")).plan is None


def test_a_project_that_was_copied_removes_nothing_of_the_one_it_was_copied_from(ana: Session, models: Path) -> None:
    """MLflow's records name the folders of the first one."""
    first = shutil.copytree(models, models.parent / "first")
    there = sorted(path for path in first.rglob("*") if path.is_file())
    act(ana, "archive", "purge", "--unregistered")
    act(ana, "archive", "take", f"{NAME}@1")
    assert sorted(path for path in first.rglob("*") if path.is_file()) == there
    shutil.rmtree(first)


def test_whoever_archives_may_be_killed_at_any_step_and_nothing_is_lost(ana: Session, tmp_path_factory) -> None:
    ana.ledger.close()  # type: ignore[attr-defined]
    root, scratch = ana.declared().root, tmp_path_factory.mktemp("killed")
    for path in (root / ".mlops/artifacts" / NAME / "models").iterdir():  # one model is enough, and quicker to copy
        if not path.samefile(folder(ana, "1").parent):
            shutil.rmtree(path)
    done = subprocess.run([sys.executable, "-W", "ignore", "-m", "tests.monitoring.archiver", str(root), str(scratch)],
                          capture_output=True, text=True, check=True, timeout=300)
    told = [json.loads(line) for line in done.stdout.splitlines()]
    for verb in ("take", "restore"):
        mine = [each for each in told if each["verb"] == verb]
        assert len(mine) > 8, mine
        assert [each["killed"] for each in mine] == [True] * (len(mine) - 1) + [False]
    wrong = [each for each in told if not (each["whole"] and each["same"] and each["taken"] == 0)]
    assert wrong == []
    assert all(each["left"] == [] for each in told), "what was on its way out is gone"
    assert {tuple(each["events"]) for each in told if each["verb"] == "take"} == {(), ("began",), ("began", "taken")}
