"""Who is asking, and which clock, history and stores he gets."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from mlops_tui.errors import BadInput, NotDeclared, Refusal
from mlops_tui.opening import open_project
from mlops_tui.roles import ROLES, Actor
from mlops_tui.session import ReplayClock, SystemClock, login
from store.facts import Note

ME = login()


def team(project: Path, people: str) -> Path:
    (project / "team.yaml").write_text(f"people:\n{people}", encoding="utf-8")
    return project


def test_in_single_user_mode_the_user_of_the_machine_may_do_everything(project: Path) -> None:
    opened = open_project(project)
    assert opened.actor == Actor(ME, frozenset(ROLES))
    assert opened.single_user


def test_a_login_makes_somebody_that_person(project: Path) -> None:
    opened = open_project(team(project, f"  ana: {{login: '{ME}', roles: [operator, legal]}}\n"))
    assert opened.actor == Actor("ana", frozenset({"operator", "legal"}))
    assert not opened.single_user


def test_whoever_is_not_of_the_team_may_only_look(project: Path) -> None:
    opened = open_project(team(project, "  ana: {login: somebody-else, roles: [engineer]}\n"))
    assert opened.actor == Actor(ME, frozenset({"viewer"}))
    assert opened.perform(["status"]).exit == 0
    assert opened.perform(["train", "flights-delay"]).exit == 4


def test_a_simulated_person_can_be_played_by_anybody_and_is_called_so(project: Path) -> None:
    opened = open_project(project, person="bo", source="demo")
    assert opened.actor == Actor("bo", frozenset({"approver", "oncall"}), "demo", simulated=True)
    [entry] = opened.ledger.append(Note(subject="s", text="t"))
    assert entry.actor == "bo (simulated)"


def test_a_real_person_can_be_played_by_nobody_else(project: Path) -> None:
    team(project, f"  ana: {{login: somebody-else, roles: [engineer]}}\n  me: {{login: '{ME}'}}\n  bo: {{}}\n")
    for name in ("ana", "bo"):
        with pytest.raises(BadInput, match=f"only {name} can act as {name}"):
            open_project(project, person=name)
    assert open_project(project, person="me").actor.name == "me"


@pytest.mark.parametrize(("name", "hint"), [("ann", "Did you mean 'ana'?"), ("zzz", "People: ana, bo, cy, dee, vera.")])
def test_somebody_unknown_is_refused_with_who_is_known(project: Path, name: str, hint: str) -> None:
    with pytest.raises(NotDeclared, match=r"in team\.yaml") as caught:
        open_project(project, person=name)
    assert caught.value.next == hint


def test_a_role_that_there_is_none_of_is_refused(project: Path) -> None:
    team(project, "  ana: {roles: [engineeer], simulated: true}\n  bo: {roles: [king], simulated: true}\n")
    with pytest.raises(BadInput, match="'engineeer' is not a role") as caught:
        open_project(project, person="ana")
    assert (caught.value.where, caught.value.next) == ("team.yaml, ana", "Did you mean 'engineer'?")
    with pytest.raises(BadInput, match="Roles: viewer, operator"):
        open_project(project, person="bo")


def test_a_replayed_world_goes_on_where_it_stopped(project: Path) -> None:
    assert open_project(project).now() == datetime(1970, 1, 1, tzinfo=UTC)
    there = datetime(2013, 9, 14, 10, 30, tzinfo=UTC)
    open_project(project, clock=ReplayClock(there)).ledger.append(Note(subject="s", text="t"))
    opened = open_project(project)
    assert opened.now() == there
    assert opened.ledger.append(Note(subject="s", text="t"))[0].recorded_at == there


def test_elsewhere_time_is_the_machines(project: Path) -> None:
    (project / "mlops.yaml").write_text("project: p\n", encoding="utf-8")
    opened = open_project(project)
    assert isinstance(opened.clock, SystemClock)
    [entry] = opened.ledger.append(Note(subject="s", text="t"))
    assert abs(entry.recorded_at - datetime.now(UTC)).total_seconds() < 60


@pytest.mark.parametrize("how", [{"read_only": True}, {"as_of": datetime(2013, 9, 14, tzinfo=UTC)},
                                 {"as_of": "2013-09-14"}])
def test_a_closed_session_can_append_nothing(project: Path, how: dict[str, object]) -> None:
    opened = open_project(project, **how)  # type: ignore[arg-type]
    assert not opened.ledger.recording
    with pytest.raises(Refusal, match="for reading only"):
        opened.ledger.append(Note(subject="s", text="t"))
    assert open_project(project).ledger.entries() == []


def test_a_time_to_look_back_at_is_read_in_the_projects_zone(project: Path) -> None:
    assert open_project(project, as_of="2013-09-14").now() == datetime(2013, 9, 14, 4, tzinfo=UTC)


def test_stores_lie_where_the_project_says(project: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    away = tmp_path_factory.mktemp("away")
    (project / "mlops.yaml").write_text(
        f"project: p\nstores: {{ledger: 'sqlite:///{away}/l.db', lake: data/lake}}\n", encoding="utf-8")
    opened = open_project(project)
    opened.commit(opened.data().write("d", "SELECT 1 AS x"))
    assert (away / "l.db").is_file()
    assert (project / "data" / "lake").is_dir()
    assert not (project / ".mlops" / "ledger.db").exists()


def test_the_registry_is_opened_once_and_only_when_it_is_needed(project: Path, empty_store: Path) -> None:
    opened = open_project(project)
    assert not (project / ".mlops" / "mlflow.db").exists()
    (project / ".mlops" / "mlflow.db").write_bytes(empty_store.read_bytes())
    assert opened.tracking() is opened.tracking()
