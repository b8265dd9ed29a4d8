"""Models are sealed, rotated and signed from the command line; whoever may read them before may read them after."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from mlops_tui import gates
from mlops_tui.assurance.requirement import Case
from mlops_tui.assurance.signed import signed
from mlops_tui.governance._vault_destroy_key import _destroyed
from mlops_tui.governance._vault_rotate import _rotated
from mlops_tui.opening import open_project
from mlops_tui.session import ReplayClock, Session
from mlops_tui.view import Status
from store.facts import Finding, Kept, Trained, body_of
from store.modelfiles import HEADER, SEALED, SIGNATURE
from store.refusal import Conflict, Refusal
from store.signing import Unsigned, public_key, verified
from store.tracking import Input, Record, Tracking
from tests.doing import do
from tests.dying import killed

NAME = "flights-delay"
ROWS = np.random.default_rng(5).normal(size=(400, 3))
VERSIONS = ("1", "2", "3")
WANTED = "vault: {models: encrypted, signatures: required}\n"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Path:
    """An MLflow store with three versions of a model."""
    root = tmp_path_factory.mktemp("models") / "store"
    root.mkdir()
    shutil.copy(empty_store, root / "mlflow.db")
    tracking = Tracking(f"sqlite:///{root}/mlflow.db", root / "artifacts")
    record = Record(tuple(Input(name, "double") for name in "abc"))
    for seed in range(3):
        tracking.log_version(NAME, LogisticRegression(C=seed + 1).fit(ROWS, ROWS[:, seed] > 0), record)
    return root.rename(root.parent / "moved")


@pytest.fixture
def ana(project: Path, session: Callable[..., Session], models: Path) -> Session:
    """Ana's session: three versions, all plain."""
    shutil.copytree(models, project / ".mlops")
    opened = session()
    for each in opened.tracking().versions(NAME):
        opened.ledger.append(Trained(
            subject=NAME, version=str(each.version), candidate="logistic", key=f"k{each.version}", run_id=each.run_id,
            artifact=each.digest, training="", declaration="", seed=1, window=("2013-01-01", "2013-06-01"), metrics={}))
    return opened


def again(ana: Session, person: str = "ana", settings: str = "", source: str = "test") -> Session:
    """A new process's session on the same project, after what was added to mlops.yaml."""
    root = ana.declared().root
    if settings:
        (root / "mlops.yaml").write_text((root / "mlops.yaml").read_text() + settings)
    assert isinstance(ana.clock, ReplayClock)
    return open_project(root, person=person, clock=ana.clock, source=source)


def admin(ana: Session) -> Session:
    path = ana.declared().root / "team.yaml"
    path.write_text(path.read_text().replace("roles: [engineer]", "roles: [engineer, admin]"))
    return again(ana)


def scores(session: Session, version: str) -> bytes:
    artifact = next(entry.fact.artifact for entry in session.ledger.entries("trained", subject=NAME)
                    if isinstance(entry.fact, Trained) and entry.fact.version == version)
    return bytes(session.tracking().load(NAME, version, digest=artifact).predict_proba(ROWS).tobytes())


def folder(session: Session, version: str) -> Path:
    return session.tracking().place(NAME, version)


def events(session: Session) -> list[str]:
    return [entry.fact.event for entry in session.ledger.entries("vault") if isinstance(entry.fact, Kept)]


def done(outcome: object) -> object:
    assert outcome.exit == 0, outcome.view  # type: ignore[attr-defined]
    return outcome.view  # type: ignore[attr-defined]


def test_sealed_versions_answer_as_before_through_rotation_and_archive(ana: Session) -> None:
    before = {version: scores(ana, version) for version in VERSIONS}
    assert ana.perform(("vault",)).view.facts()["plain"] == 3
    done(do(ana, "vault seal", yes=True))
    assert {path.name for path in folder(ana, "1").iterdir()} == {SEALED, HEADER}
    boss = admin(ana)
    assert {version: scores(boss, version) for version in VERSIONS} == before
    old = boss.tracking().vault.keys.active()

    assert do(boss, f"vault destroy-key {old[:6]}").view.title.endswith("must be kept: new models are sealed under it")
    done(do(boss, f"archive take {NAME}@1", yes=True))
    assert do(boss, "vault rotate").view.facts()["versions"] == 3, "the archived one is counted"
    done(do(boss, "vault rotate", yes=True))
    done(do(boss, f"vault destroy-key {old}", yes=True))
    done(do(boss, f"archive restore {NAME}@1", yes=True))

    last = again(boss)
    assert {version: scores(last, version) for version in VERSIONS} == before
    assert events(last) == ["created", "sealed", "sealed", "sealed", "created", "rotated", "destroyed"]
    view = last.perform(("vault", "status")).view
    assert (view.title, view.facts()["on_old_key"], view.facts()["keys"]) == (
        "3 versions are sealed under one key; mlops.yaml does not ask to seal new ones", 0, 1)
    assert last.perform(("vault", "verify")).view.status is Status.PASS
    assert last.ledger.verify() is None


def test_no_key_is_ever_in_the_history_or_on_a_screen(ana: Session) -> None:
    shown = [do(ana, line, yes=True).view for line in (
        "vault seal", "vault rotate", f"vault sign {NAME}", "vault verify", "vault status", "doctor", "vault rotate")]
    keys = ana.tracking().vault.keys
    secrets = [keys.key(id) for id in keys.ids()]
    said = json.dumps([body_of(entry.fact) for entry in ana.ledger.entries()], default=str)
    said += "".join(map(repr, shown))
    assert len(secrets) == 3
    assert not [key for key in secrets if key.hex() in said or repr(key) in said]
    assert "PRIVATE KEY" not in said


def test_no_model_comes_to_life_while_it_is_sealed_signed_verified_or_exported(
        ana: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def alive(*_: object) -> None:
        raise AssertionError("it was loaded")

    for name in ("load", "loads"):
        monkeypatch.setattr(f"store.estimators.{name}", alive)
    terminal = again(ana, settings=WANTED, source="terminal")
    for line in (f"vault sign {NAME}", "vault seal", "vault verify", "vault rotate", "vault status", "doctor",
                 f"vault export {NAME}@1 --to {tmp_path / 'out'}", f"archive take {NAME}@1",
                 f"archive restore {NAME}@1"):
        done(do(terminal, line, yes=True)) if line != "doctor" else do(terminal, line)
    with pytest.raises(AssertionError, match="was loaded"):
        scores(terminal, "2")


def test_two_rotations_at_once_make_one_new_key(ana: Session) -> None:
    done(do(ana, "vault seal", yes=True))
    first, second = ana.perform(("vault", "rotate")), again(ana).perform(("vault", "rotate"))
    assert first.plan == second.plan
    other = again(ana)
    done(other.perform(("vault", "rotate"), consent=first.plan))
    late = ana.perform(("vault", "rotate"), consent=second.plan)
    assert (late.exit, late.view.status) == (2, Status.CONFIRM), "the plan changed, so it is asked again"
    keys = again(ana).tracking().vault.keys
    assert len(keys.ids()) == 2
    with pytest.raises(Conflict, match="Somebody else rotated"):  # both were consented to before either began
        _rotated(again(ana), keys.ids()[0], begun=False)
    with pytest.raises(Conflict, match="must be kept by now"):
        _destroyed(again(ana), keys.active())
    assert again(ana).tracking().vault.keys.ids() == keys.ids()


def test_whoever_is_killed_while_rotating_can_go_on_and_the_old_key_is_kept_until_then(ana: Session) -> None:
    done(do(ana, "vault seal", yes=True))
    boss, root = admin(ana), ana.declared().root / ".mlops"
    before, first = {version: scores(ana, version) for version in VERSIONS}, ana.tracking().vault.keys.active()
    ends = set()
    for step in (0, 6, 9, 14, 17, 21):
        old = again(boss).tracking().vault.keys.active()
        if not killed(step, root / "keys" if step < 9 else root, lambda: do(again(boss), "vault rotate", yes=True)):
            break
        now = again(boss)
        assert {version: scores(now, version) for version in VERSIONS} == before, f"killed at step {step}"
        behind = now.perform(("vault",)).view.facts()["on_old_key"]
        ends.add(behind)
        if behind:
            assert do(now, f"vault destroy-key {old}").view.status is Status.FAIL
            assert do(now, "vault rotate").view.title.startswith("The rotation to key")
            made = now.tracking().vault.keys.ids()
            done(do(now, "vault rotate", yes=True))
            assert again(now).tracking().vault.keys.ids() == made, "it was finished, not begun anew"
    assert ends > {0}, "it was killed in the middle of it as well"
    last = again(boss)
    done(do(last, "vault rotate", yes=True))
    created = [entry.subject for entry in last.ledger.entries("vault")
               if isinstance(entry.fact, Kept) and entry.fact.event == "created"]
    assert sorted(created) == sorted(last.tracking().vault.keys.ids()), "each key is told of once"
    done(do(last, f"vault destroy-key {first}", yes=True))


def test_whoever_is_killed_while_sealing_is_told_of_and_goes_on(ana: Session) -> None:
    root, before = ana.declared().root / ".mlops", {version: scores(ana, version) for version in VERSIONS}
    for step in (3, 12, 19, 26):
        assert killed(step, root, lambda: do(again(ana), "vault seal", yes=True))
        now = again(ana)
        assert {version: scores(now, version) for version in VERSIONS} == before, f"killed at step {step}"
    last = again(ana)
    done(do(last, "vault seal", yes=True))
    assert do(last, "vault seal").view.title == "Every version that is there is sealed"
    told = [(entry.fact.event, entry.fact.version) for entry in last.ledger.entries("vault", subject=NAME)
            if isinstance(entry.fact, Kept)]
    assert {version for event, version in told if event == "sealed"} == set(VERSIONS)


def test_archives_that_were_packed_plainly_are_sealed_as_well(ana: Session) -> None:
    before = {version: scores(ana, version) for version in VERSIONS}
    for version in ("1", "2"):
        done(do(ana, f"archive take {NAME}@{version}", yes=True))
    done(do(ana, f"archive restore {NAME}@2", yes=True))
    kept = ana.declared().root / ".mlops" / "archive"
    assert len(list(kept.glob("*/*.tar"))) == 2, "what was given back is there still, plainly"
    assert ana.perform(("vault", "status")).view.facts()["plain"] == 4
    view = do(ana, "vault seal", yes=True).view
    assert (view.status, view.facts()["versions"], view.facts()["archives"]) == (Status.DONE, 2, 2)
    assert not [path for path in kept.rglob("*.tar") if b"skops" in path.read_bytes()]
    assert ana.perform(("vault", "status")).view.facts()["plain"] == 0
    assert [row["status"] for row in ana.perform(("archive", "list")).view.table("versions").rows]
    done(do(ana, "vault rotate", yes=True))
    done(do(ana, f"archive restore {NAME}@1", yes=True))
    assert {version: scores(again(ana), version) for version in VERSIONS} == before
    assert do(ana, "vault seal").view.status is Status.PASS


def test_a_key_in_a_variable_is_rotated_by_naming_another(ana: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    before = scores(ana, "1")
    monkeypatch.setenv("VAULT_ONE", "a1" * 32)
    one = again(ana, settings="vault: {models: encrypted, key_env: VAULT_ONE}\n")
    done(do(one, "vault seal", yes=True))
    assert do(one, "vault rotate", yes=True).view.title == "$VAULT_ONE holds the active key already."
    (ana.declared().root / "mlops.yaml").write_text(
        (ana.declared().root / "mlops.yaml").read_text().replace("VAULT_ONE", "VAULT_TWO"))
    two = again(ana)
    assert do(two, "vault rotate", yes=True).view.title == "The vault's key is in $VAULT_TWO, which is not set."
    monkeypatch.setenv("VAULT_TWO", "b2" * 32)
    done(do(again(ana), "vault rotate", yes=True))
    monkeypatch.delenv("VAULT_ONE")
    assert scores(again(ana), "1") == before
    monkeypatch.delenv("VAULT_TWO")
    with pytest.raises(Refusal, match=r"\$VAULT_TWO, which is not set"):
        scores(again(ana), "1")
    assert b"b2" * 32 not in b"".join(path.read_bytes() for path in (ana.declared().root / ".mlops").rglob("*")
                                      if path.is_file())


def test_damage_is_named_and_nothing_is_answered(ana: Session) -> None:
    done(do(ana, "vault seal", yes=True))
    path = folder(ana, "2") / SEALED
    path.write_bytes(path.read_bytes()[:-1])
    view = ana.perform(("vault", "verify")).view
    assert (view.status, view.facts()["damaged"]) == (Status.FAIL, 1)
    assert f"{NAME}@2" in view.title
    assert str(path) in view.facts()["where"]
    with pytest.raises(Refusal, match="damaged"):
        scores(ana, "2")
    done(do(ana, f"archive take {NAME}@1", yes=True))
    (archive,) = (ana.declared().root / ".mlops" / "archive").glob("*/*.tar")
    archive.write_bytes(archive.read_bytes()[:-1] + b"x")
    view = ana.perform(("vault", "verify")).view
    assert (view.facts()["damaged"], str(archive) in view.facts()["where"]) == (2, True)
    archive.unlink()
    (folder(ana, "3") / HEADER).write_bytes(b"short")
    assert ana.perform(("vault", "status")).view.facts()["unreadable"] == 1
    assert admin(ana).perform(("vault", "destroy-key", ana.tracking().vault.keys.active())).view.status is Status.FAIL
    whole = next(row for row in again(ana).perform(("doctor",)).view.table("checks").rows if row["check"] == "vault")
    shutil.rmtree(ana.declared().root / ".mlops" / "keys")
    lost = again(ana, settings=WANTED).perform(("doctor",)).view.table("checks").rows
    assert (whole["status"], [row["status"] for row in lost if row["check"] == "vault"]) == (Status.PASS, [Status.FAIL])
    view = again(ana).perform(("vault", "status")).view
    assert (view.status, view.facts()["on_lost_key"]) == (Status.FAIL, 1)


def test_a_model_without_a_signature_is_not_loaded_where_one_is_required(ana: Session, tmp_path: Path) -> None:
    strict = again(ana, settings=WANTED, source="terminal")
    with pytest.raises(Unsigned, match="not signed"):
        scores(strict, "1")
    view = do(strict, f"vault sign {NAME}").view
    assert (view.status, view.title) == (Status.DONE, "3 versions are signed")
    plain = scores(strict, "1")
    done(do(strict, "vault seal", yes=True))
    assert scores(strict, "1") == plain
    done(do(strict, f"vault export {NAME}@1 --to {tmp_path / 'out'}"))
    files = strict.tracking().hashes(NAME, "1")
    trusted = [public_key(strict.declared().root / ".mlops/keys/signing/signing.pub.pem")]
    assert verified((tmp_path / "out" / SIGNATURE).read_bytes(), files, trusted, "").files == len(files)
    assert do(strict, f"vault export {NAME}@1 --to {tmp_path / 'out'}").exit == 2
    shutil.copyfile(folder(strict, "2") / SIGNATURE, folder(strict, "1") / SIGNATURE)
    with pytest.raises(Refusal, match="not the one that was signed"):
        scores(strict, "1")
    bad = strict.perform(("vault", "verify", f"{NAME}@1")).view
    assert (bad.status, bad.facts()["damaged"]) == (Status.FAIL, 1)


def test_the_gate_wants_the_newest_word_on_the_very_files_that_were_trained(ana: Session) -> None:
    project = ana.declared()
    fingerprint = project.fingerprint("model", NAME)

    def gate() -> gates.Requirement:
        case = Case(NAME, "1", project.model(NAME), "", None, {f"model {NAME}": fingerprint}, ana.now())
        (found,) = signed(case, ana.ledger.entries())
        return found

    assert (gate().status, gate().next) == (Status.UNKNOWN, ("vault", "sign", f"{NAME}@1"))
    do(ana, f"vault sign {NAME}@2")
    assert gate().status is Status.UNKNOWN, "another version's signature says nothing of this one"
    do(ana, f"vault sign {NAME}@1")
    assert (gate().status, gate().next) == (Status.PASS, ())
    (folder(ana, "1") / SIGNATURE).write_bytes(b"{}")
    ana.perform(("vault", "verify", f"{NAME}@1"))
    assert gate().status is Status.FAIL
    ana.ledger.append(Finding(subject=NAME, check="signed", status="pass", title="another file", version="1",
                              declaration=fingerprint, detail={"artifact": "other"}))
    assert (gate().status, gate().detail) == (Status.FAIL, "what was signed is not what was trained")
    assert [each.status for each in gates.RULES["signed"](
        Case(NAME, "3", project.model(NAME), "", None, {}, ana.now()), ana.ledger.entries())] == [Status.UNKNOWN]


@pytest.mark.parametrize(("line", "person", "exit"), [
    ("vault seal", "dee", 4), ("vault rotate", "dee", 4), (f"vault sign {NAME}", "bo", 4),
    ("vault destroy-key 1234", "ana", 4), (f"vault export {NAME}@1 --to x", "vera", 4), ("vault verify", "vera", 4),
    ("vault status", "vera", 0), ("vault rotate", "ana", 2), ("vault verify nothing", "ana", 2),
    (f"vault verify {NAME}@9", "ana", 2), ("vault destroy-key zzzz", "ana", 4),
])
def test_who_may_not_or_names_what_is_not_there_is_told(ana: Session, line: str, person: str, exit: int) -> None:
    assert do(again(ana, person), line).exit == exit


@pytest.mark.parametrize(("text", "said"), [
    ("vault: {key_env: 'c2VjcmV0IQ=='}", "name of an environment variable"),
    ("vault: {key_env: A, passphrase_env: B}", "not from both"), ("vault: {models: sealed}", "encrypted"),
    ("vault: {model: encrypted}", "models"),
])
def test_a_wrong_declaration_is_refused_and_no_secret_is_echoed(ana: Session, text: str, said: str) -> None:
    outcome = do(again(ana, settings=""), "vault status")
    assert outcome.exit == 0
    (ana.declared().root / "mlops.yaml").write_text(f"project: flights\n{text}\n")
    with pytest.raises(Refusal) as problem:
        _ = open_project(ana.declared().root, person="ana", source="test").declared().settings
    assert said in str(problem.value)
    assert "c2VjcmV0IQ==" not in str(problem.value)
