"""A person who was erased is nowhere any more, whatever happens on the way; and who objects is not trained on."""

import json
import multiprocessing
import os
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest

from mlops_tui import gates
from mlops_tui.governance._evidence import case_of
from mlops_tui.modeling._training import Rows, job_of
from mlops_tui.modeling._training import rows as training_rows
from mlops_tui.opening import open_project
from mlops_tui.privacy import kept
from mlops_tui.session import ReplayClock
from store.facts import Hold, Promotion, Trained
from store.lake import Lake
from store.queues import Outbox

WHO = "PLANTED-PERSON-é7"
NOW = datetime(2024, 3, 1, tzinfo=UTC)
FILES = {
    "mlops.yaml": "project: loans\ntimezone: UTC\nclock: replay\n",
    "team.yaml": """\
people:
  ana: {roles: [engineer, steward, legal], simulated: true}
  bo: {roles: [approver], simulated: true}
  vera: {roles: [viewer], simulated: true}
""",
    "datasets/loans.yaml": """\
apiVersion: v3.1.0
kind: DataContract
id: loans
version: 1.0.0
status: active
schema:
  - name: loans
    properties:
      - {name: loan, logicalType: integer, required: true, primaryKey: true}
      - {name: person, logicalType: string, required: true}
      - {name: taken, logicalType: timestamp, required: true}
      - {name: income, logicalType: number}
      - {name: good, logicalType: boolean}
customProperties:
  - {property: dataSubject, value: person}
  - {property: eventTime, value: taken}
  - {property: partitionBy, value: day}
""",
    "models/credit.yaml": """\
task: binary
label: {dataset: loans, column: good, delay: 1d}
features: []
columns: [income]
candidates: {logistic: {estimator: sklearn.linear_model.LogisticRegression}}
split: {time: taken, gap: 1d, test: 3d}
gate: [consent]
""",
    "pipelines/daily.yaml": "steps: [{name: rich, sql: rich.sql, inputs: [loans]}]\n",
    "pipelines/rich.sql": "SELECT person AS who, person, loan, income FROM loans WHERE income > 20\n",
    "features/people.sql": "-- entity: person\n-- time: taken\nSELECT person, taken, income FROM loans\n",
}
PEOPLE = """SELECT (1000 * {day} + i)::BIGINT AS loan, CASE WHEN {mine} THEN '{who}' ELSE 'C-' || (10000 + i % 90) END
  AS person, TIMESTAMP '2024-01-01' + INTERVAL ({day}) DAY + INTERVAL (i) SECOND AS taken,
  (20 + hash(i + {day} * 1000) % 100)::DOUBLE AS income, hash(i + {day} * 1000) % 100 + hash(i * 3) % 80 > 90 AS good
  FROM range(100) t(i)"""


def rows(path: Path, day: int, *, mine: str = "false", without: bool = False) -> Path:
    query = PEOPLE.format(day=day, mine=mine, who=WHO)
    duckdb.execute(f"COPY (SELECT * FROM ({query}) {f'WHERE person <> {WHO!r}' if without else ''}) TO '{path}' "
                   "(FORMAT parquet)")
    return path


def training(desk: "Desk") -> Rows:
    """The rows that the model would be trained on now."""
    return training_rows(desk.session, job_of(desk.session, "credit"))


class Desk:
    """A project with a person in it, and whoever works there."""

    def __init__(self, root: Path, **how: object) -> None:
        self.root, self.clock = root, ReplayClock(NOW)
        self.session = open_project(root, person="ana", clock=self.clock, source="terminal", **how)

    def do(self, *argv: str, who: str = "ana", status: str = "", **how: str):
        session = open_project(self.root, person=who, clock=self.clock, source="terminal")
        outcome = session.perform(argv, **how)
        if outcome.plan is not None and outcome.view.status == "confirm":
            outcome = session.perform(argv, consent=outcome.plan, **how)
        assert outcome.error is None or status == "error", outcome.error
        assert not status or outcome.view.status == status, outcome.view
        return outcome

    def asked(self, person: str = WHO, **how: str) -> str:
        found = self.do("optout", "take", "--person", person, *(word for key, value in how.items()
                                                                for word in (f"--{key}", value)))
        id = found.view.title.partition(":")[0].partition(" ")[0]
        self.do("optout", "verify", id, reason=f"{person} called back")
        return id

    @property
    def lake(self) -> Lake:
        assert self.session.lake is not None
        return self.session.lake

    def where(self, word: str = WHO) -> list[str]:
        """Every place under `.mlops` with the word: bytes of files, decoded Parquet, texts of every SQLite table."""
        found, needle = [], word.encode()
        escaped = json.dumps(word)[1:-1].encode()
        for path in sorted((self.root / ".mlops").rglob("*")):
            if not path.is_file():
                continue
            content = path.read_bytes()
            if path.suffix == ".parquet":
                content += repr(pq.read_table(path).to_pylist()).encode()
            if needle in content or escaped in content or word in str(path):
                found.append(str(path.relative_to(self.root)))
        return found


def filled(root: Path, *, without: bool = False, objects: str = "") -> Desk:
    """Nine days of loans, one of them restated; rows set aside, features online, a pipeline, a model, predictions."""
    for name, text in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    desk = Desk(root)
    if objects:
        desk.asked(objects, kind="objection")
    files = [rows(root / f"{day}.parquet", day, mine="i % 25 = 3" if day % 4 == 0 else "false", without=without)
             for day in range(9)]
    desk.do("ingest", "loans", *(word for path in files for word in ("--file", str(path))))
    desk.do("ingest", "loans", "--file", str(rows(root / "again.parquet", 4, mine="i % 20 = 7", without=without)))
    if not without:
        bad = root / "bad.csv"
        bad.write_text(f"loan,person,taken,income,good\n,{WHO},2024-01-09 00:00:00,3,true\n", encoding="utf-8")
        desk.do("ingest", "loans", "--file", str(bad))
    return desk


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project as it is before anybody asks."""
    desk = filled(tmp_path_factory.mktemp("loans"))
    made = training(desk)
    declared = desk.session.declaration("model", "credit")
    desk.session.ledger.append(Trained(
        subject="credit", version="1", candidate="logistic", key="k", run_id="r", artifact="a", training=made.rows.id,
        declaration=declared, seed=1, window=("2024-01-01", "2024-01-12"), metrics={},
        detail={"labels": made.labels.id}),
        Promotion(subject="credit", version="1", previous="", approval="", evidence=""))
    query = (f"SELECT loan, taken, income, 0.5 AS score, '1' AS version, day, 'p' || loan AS prediction_id FROM "
             f"{desk.lake.scan(made.labels)} WHERE day > '2024-01-07'")
    answered = desk.lake.write("credit.predictions", query, sort=("taken", "loan"), partition_by=("day",))
    desk.session.commit(answered, source="score credit@1")
    desk.do("pipeline", "run", "daily")
    desk.do("feature", "build", "people")
    desk.do("feature", "materialize", "people")
    desk.do("profile", "loans")
    desk.do("samples", "take", "credit")
    outbox = Outbox(desk.session.ledger.engine)
    outbox.put("said/1", "chat.postMessage", "C01", {"text": f"loan of {WHO} refused", "channel": "C01"})
    outbox.sent(outbox.one("said/1").id, "C01/17.5")
    (desk.root / ".mlops" / "logs").mkdir(exist_ok=True)
    (desk.root / ".mlops" / "logs" / "job-1.log").write_text(f"a line\nrow of {WHO} is odd\n", encoding="utf-8")
    desk.session.data().put_object(f"a report on {WHO}".encode())
    return desk.root


@pytest.fixture
def desk(grown: Path, tmp_path: Path) -> Desk:
    copied(grown, tmp_path / "project")
    return Desk(tmp_path / "project")


def copied(source: Path, target: Path) -> None:
    """A copy of the project; databases by their own means, since they may have a log."""
    for path in source.rglob("*"):
        if path.is_file() and path.suffix not in (".db", ".db-wal", ".db-shm"):
            (target / path.relative_to(source)).parent.mkdir(parents=True, exist_ok=True)
            (target / path.relative_to(source)).write_bytes(path.read_bytes())
    for path in source.rglob("*.db"):
        with sqlite3.connect(path) as one, sqlite3.connect(target / path.relative_to(source)) as other:
            one.backup(other)
        one.close()
        other.close()
    for path in (target / ".mlops").rglob("*.key"):
        path.chmod(0o600)


# -- absence --------------------------------------------------------------------------------------------------------


def test_a_person_who_was_erased_is_on_no_byte_of_the_project_and_the_chain_holds(desk: Desk) -> None:
    before = {(each.subject, each.fact.snapshot): each.fact.rows for each in desk.session.ledger.entries("snapshot")}
    assert len(desk.where()) > 10
    id = desk.asked()
    found = desk.do("optout", "locate", id).view
    held = {row["dataset"]: row["rows"] for row in found.parts[1].rows}
    assert {"loans", "loans.quarantine", "daily.rich", "people.view", "credit.features", "credit.training",
            "credit.predictions"} <= set(held)
    done = desk.do("optout", "erase", id).view
    assert done.facts()["models_to_train_again"] == ("credit@1",)
    assert done.facts()["messages"] == done.facts()["documents"] == done.facts()["lines"] == 1
    assert done.facts()["online_entities"] == 1
    assert desk.where() == [f".mlops/optout/{id}"]  # until it is attested
    attested = desk.do("optout", "attest", id).view
    by_hand = attested.parts[2].rows
    assert {row["place"] for row in by_hand} >= {"bad.csv", "0.parquet", "again.parquet"}
    assert desk.where() == []
    assert desk.session.ledger.verify() is None
    for (dataset, snapshot), count in before.items():  # every earlier state reads what is left, and says so
        state = desk.lake.manifest(dataset, snapshot)
        [(left,)] = desk.lake.connect().execute(f"SELECT count(*) FROM {desk.lake.scan(state)}").fetchall()
        assert left == state.rows == count - sum(each["rows"] for each in state.erased)
        assert not state.erased or state.erased[0]["requests"] == [id]
    assert desk.do("snapshot", "verify").view.status == "pass"
    assert "called back" not in json.dumps(desk.do("optout", "show", id).view.facts(), default=str)


def test_a_dataset_that_does_not_say_whose_it_is_is_found_out_and_erased_once_it_does(desk: Desk) -> None:
    text = FILES["datasets/loans.yaml"].replace("loans", "calls")
    path = desk.root / "datasets" / "calls.yaml"
    path.write_text(text.replace("  - {property: dataSubject, value: person}\n", ""), encoding="utf-8")
    desk.do("ingest", "calls", "--file", str(desk.root / "again.parquet"))
    id = desk.asked()
    desk.do("optout", "erase", id)
    assert "still found" in desk.do("optout", "attest", id, status="fail").view.title
    path.write_text(text, encoding="utf-8")
    desk.do("optout", "erase", id)
    assert desk.do("optout", "attest", id).view.status == "warn"
    assert desk.where() == []


def test_what_was_posted_in_slack_is_replaced_by_the_sender(desk: Desk) -> None:
    desk.do("optout", "erase", desk.asked())
    [update] = Outbox(desk.session.ledger.engine).naming("erase/")
    assert (update.method, update.status, update.body) == (
        "chat.update", "new", {"channel": "C01", "text": "loan of [erased] refused", "ts": "17.5"})


def test_files_without_the_person_are_those_of_a_project_that_never_had_him(desk: Desk, tmp_path: Path) -> None:
    desk.do("optout", "erase", desk.asked())
    other = filled(tmp_path / "other", without=True)
    mine, theirs = (each.session.current("loans") for each in (desk, other))
    assert mine is not None
    assert theirs is not None
    assert mine.id == theirs.id
    assert training(desk).rows.id == training(other).rows.id  # so that what is fitted on them is the same


def test_what_comes_in_again_is_left_out_and_kept_nowhere(desk: Desk) -> None:
    id = desk.asked()
    desk.do("optout", "erase", id)
    desk.do("optout", "attest", id)
    for name in ("again.parquet", "bad.csv"):
        desk.do("ingest", "loans", "--file", str(desk.root / name))
        assert desk.where() == []
    assert desk.do("optout", "attest", id, "--person", WHO).view.status == "warn"


# -- what may go wrong ----------------------------------------------------------------------------------------------


def killed_at(root: Path, id: str, step: int) -> None:
    """Erase, and die at the n-th change of a file or a table."""
    count = [0]
    real = {"replace": Path.replace, "unlink": Path.unlink}

    def counted(name: str):
        def call(path: Path, *args: object, **more: object) -> object:
            if ".mlops" in str(path) and "optout" not in str(path):
                count[0] += 1
                if count[0] == step:
                    os._exit(9)
            return real[name](path, *args, **more)
        return call

    Path.replace, Path.unlink = counted("replace"), counted("unlink")  # type: ignore[method-assign]
    Desk(root).do("optout", "erase", id)
    os._exit(0)


def killed(root: Path, id: str, step: int) -> int:
    child = multiprocessing.get_context("fork").Process(target=killed_at, args=(root, id, step))
    child.start()
    child.join(60)
    assert child.exitcode is not None
    return child.exitcode


@pytest.mark.parametrize("step", [1, 20, 38])
def test_whoever_is_killed_half_way_says_it_again_and_nothing_is_half(desk: Desk, step: int) -> None:
    id = desk.asked()
    assert killed(desk.root, id, step) == 9
    after = Desk(desk.root)
    for entry in after.session.ledger.entries("snapshot"):  # every state can be read, before or after
        state = after.lake.manifest(entry.subject, entry.fact.snapshot)
        after.lake.connect().execute(f"SELECT count(*) FROM {after.lake.scan(state)}").fetchall()
    after.do("optout", "erase", id)
    after.do("optout", "attest", id)
    assert after.where() == []
    assert after.session.ledger.verify() is None
    assert after.do("optout", "show", id).view.parts[0].items["state"] == "attested"


def test_each_step_says_what_is_missing_and_no_reason_of_an_earlier_one(desk: Desk) -> None:
    taken = desk.do("optout", "take", "--person", WHO).view.facts()["request"]
    refused = desk.do("optout", "erase", str(taken), status="error")
    assert refused.view.title == f"{taken} is received: nobody has verified yet that it is the person."
    desk.do("optout", "refuse", str(taken), reason="a court asked for it", status="done")
    assert desk.do("optout", "list").view.actions == ()


def test_of_two_at_once_the_second_is_told_to_wait(desk: Desk) -> None:
    id = desk.asked()
    with kept.alone(desk.session):
        refused = desk.do("optout", "erase", id, status="error")
    assert refused.error is not None
    assert refused.error["code"] == "conflict"
    desk.do("optout", "erase", id)


def test_a_full_disk_changes_nothing_that_is_read(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    id, state = desk.asked(), desk.session.current("loans")

    def full(*_: object, **__: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("store.erasing.copied", full)
    refused = desk.do("optout", "erase", id, status="error")
    assert "no room" in refused.view.title
    assert Desk(desk.root).session.current("loans") == state
    monkeypatch.undo()
    desk.do("optout", "erase", id)
    desk.do("optout", "attest", id)
    assert desk.where() == []


def test_a_legal_hold_refuses_with_its_reason_and_the_rows_are_not_trained_on(desk: Desk) -> None:
    id = desk.asked()
    desk.session.ledger.append(Hold(subject="loans", event="held", reason="court order 12/24"))
    shut = desk.do("optout", "erase", id, status="fail").view
    assert "court order 12/24" in shut.parts[1].body
    assert desk.do("optout", "show", id).view.status == "warn"
    assert len(desk.where()) > 10
    assert training(Desk(desk.root)).left_out > 0
    desk.session.ledger.append(Hold(subject="loans", event="released"))
    desk.do("optout", "erase", id)
    desk.do("optout", "attest", id)
    assert desk.where() == []


# -- requests -------------------------------------------------------------------------------------------------------


def test_the_same_request_twice_is_one_and_nobody_learns_whether_somebody_is_known(desk: Desk) -> None:
    first, again, stranger = (desk.do("optout", "take", "--person", each).view for each in (WHO, WHO, "NOBODY-4711"))
    assert "OO-1 is the same request" in again.title
    assert first.title.replace("OO-1", "") == stranger.title.replace("OO-2", "")
    argv = [word for entry in desk.session.ledger.entries("command") for word in entry.fact.argv]
    assert "…" in argv
    assert WHO not in argv
    desk.do("optout", "verify", "OO-2", reason="called back")
    desk.do("optout", "erase", "OO-2")
    assert desk.do("optout", "attest", "OO-2").view.status == "pass"


def test_a_link_is_for_one_right_once_and_until_its_day(desk: Desk) -> None:
    token = desk.do("optout", "link", "--person", WHO, "--valid", "2d").view.parts[1].body
    assert WHO not in token
    assert desk.do("optout", "redeem", f"{token[:-3]}AAA", status="error").view.title == "This link is none of ours."
    first = desk.do("optout", "redeem", token).view
    assert desk.do("optout", "redeem", token).view.title == first.title
    assert desk.do("optout", "show", "OO-1").view.parts[0].items["state"] == "verified"
    late = desk.do("optout", "link", "--person", "C-10004", "--valid", "2d").view.parts[1].body
    desk.clock.advance(NOW + timedelta(days=3))
    assert desk.do("optout", "redeem", late, status="error").view.title == "This link is too old."


def test_an_id_is_kept_letter_by_letter_or_refused(desk: Desk) -> None:
    desk.do("optout", "take", "--person", "C\r\n-1\r0004")
    assert (desk.root / ".mlops" / "optout" / "OO-1").read_bytes() == b"C\r\n-1\r0004"
    assert kept.known(desk.session, "OO-1") == "C\r\n-1\r0004"
    for words in (("take",), ("link",)):
        refused = desk.do("optout", *words, "--person", "C-\udcff", status="error")
        assert (refused.exit, refused.view.title) == (2, "The id is no text in UTF-8.")


def test_nobody_knows_any_more_for_whom_a_link_was_made_that_is_old_or_whose_person_was_erased(desk: Desk) -> None:
    def known():
        return sorted(path.read_text() for path in (desk.root / ".mlops" / "optout").glob("link-*"))

    for person, valid in ((WHO, "9d"), ("C-10004", "2d"), ("C-10005", "9d")):
        desk.do("optout", "link", "--person", person, "--valid", valid)
    assert known() == sorted([WHO, "C-10004", "C-10005"])
    desk.clock.advance(NOW + timedelta(days=3))
    desk.do("optout", "erase", desk.asked())
    desk.do("optout", "attest", "OO-1")
    assert known() == ["C-10005"]


def test_a_request_that_nobody_answers_is_overdue_and_can_be_extended_once_in_time(desk: Desk) -> None:
    desk.do("optout", "take", "--person", WHO)
    desk.do("optout", "extend", "OO-1", reason="the tapes")
    refused = desk.do("optout", "extend", "OO-1", reason="again", status="error")
    assert "extended before" in refused.view.title
    desk.clock.advance(datetime(2024, 6, 1, 12, tzinfo=UTC))
    assert desk.do("optout", "list").view.status == "pass"
    desk.clock.advance(datetime(2024, 6, 2, 12, tzinfo=UTC))
    assert desk.do("optout", "list").view.status == "fail"
    assert desk.do("optout", "check").view.status == "fail"
    finding = desk.session.ledger.entries("finding", subject="requests")[-1].fact
    assert (finding.check, finding.status, finding.value) == ("optout", "fail", 1.0)


def test_opting_out_in_california_has_15_working_days_and_no_more(desk: Desk) -> None:
    taken = desk.do("optout", "take", "--person", WHO, "--kind", "optout-automated", "--jurisdiction", "ccpa")
    day = desk.session.now().astimezone(desk.session.declared().zone).date()
    due = np.busday_offset(day, 15, roll="backward").item()
    assert f"due by {due:%-d %b %Y}" in taken.view.title
    refused = desk.do("optout", "extend", "OO-1", reason="the tapes", status="error")
    assert "no longer time is given" in refused.view.title
    assert "11 CCR" in refused.error["where"]


def test_who_objects_to_training_is_served_and_not_trained_on_and_the_gate_knows(desk: Desk) -> None:
    def gate() -> str:
        case, evidence = case_of(desk.session, "credit@1")
        return str(gates.gate(case, evidence, desk.session.ledger.entries())[0].status)

    assert gate() == "unknown"
    desk.do("optout", "check", "credit@1")
    assert gate() == "pass"
    desk.asked(kind="objection")
    assert gate() == "unknown"  # the list is another one
    desk.do("optout", "check", "credit@1")
    assert gate() == "fail"
    before, made = desk.session.current("loans"), training(Desk(desk.root))
    assert made.left_out > 0
    assert WHO not in {row for row, in desk.lake.connect().execute(
        f"SELECT person FROM {desk.lake.scan(made.rows)} JOIN {desk.lake.scan(made.labels)} USING (loan)").fetchall()}
    desk.do("ingest", "loans", "--file", str(desk.root / "again.parquet"))
    assert desk.session.current("loans") == before  # still served, so still taken in
    desk.do("optout", "answer", "OO-1", reason="out of training since")
    desk.do("optout", "withdraw", "OO-1", reason="he agreed")
    assert training(Desk(desk.root)).left_out == 0


def test_a_viewer_may_look_and_no_more(desk: Desk) -> None:
    desk.asked()
    assert desk.do("optout", "show", "OO-1", who="vera").view.status == "done"
    session = open_project(desk.root, person="vera", clock=desk.clock, source="terminal")
    for words in (("erase", "OO-1"), ("take", "--person", "x"), ("verify", "OO-1"), ("attest", "OO-1")):
        assert session.perform(("optout", *words), reason="r").exit == 4


def test_requests_are_erased_together_in_one_pass(desk: Desk) -> None:
    ids = [desk.asked(person) for person in (WHO, "C-10004", "C-10005")]
    desk.do("optout", "erase", "--all")
    for id in ids:
        desk.do("optout", "attest", id)
    assert desk.where() == desk.where("C-10004") == desk.where("C-10005") == []
