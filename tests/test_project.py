"""A project folder is read into declarations; every mistake in it is named with file, line and the nearest word."""

import hashlib
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from mlops_tui.errors import BadInput, NotDeclared, Refusal, Unreadable
from mlops_tui.project import FOLDERS, Project, Subject, single_user
from mlops_tui.session import Session

FEATURE = """\
-- entity: origin
-- time: hour
-- available_after: 1h
-- lookback: 2d
-- ttl: 6h
SELECT origin, hour, 1 AS w
"""


def put(root: Path, name: str, text: str) -> Project:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text, encoding="utf-8")
    return Project(root)


def test_a_folder_without_the_marker_is_no_project(tmp_path: Path) -> None:
    with pytest.raises(NotDeclared, match="mlops-tui init"):
        Project(tmp_path)


# -- a slip in every kind of file -------------------------------------------------------------------------------

SLIPS = [
    ("mlops.yaml", "project: p\ntimzone: UTC\n", "settings", 2, "'timezone'"),
    ("mlops.yaml", "project: p\nstores: {leger: x}\n", "settings", 2, "'ledger'"),
    ("team.yaml", "people:\n  ana: {role: [engineer]}\n", "team", 2, "'roles'"),
    ("team.yaml", "people:\n  ana: {}\n  bo: {}\n  ana: {}\n", "team", 4, "given twice"),
    ("datasets/x.yaml", "kind: DataContract\napiVersion: v3\nid: x\nversion: 1\nstatus: a\nschemas: []\n", "datasets",
     6, "'schema'"),
    ("datasets/x.yaml", "kind: DataContract\napiVersion: v3\nid: x\nversion: 1\nstatus: a\n"
     "schema: [{name: x, properties: []}]\ncustomProperties:\n  - {property: since, value: 2013-13-45}\n", "datasets",
     8, "month must be in 1..12"),
    ("datasets/x.yaml", "kind: DataContract\napiVersion: v3\nid: x\nversion: 1\nstatus: a\n"
     "schema: [{name: x, properties: []}]\nprice: !python x\n", "datasets", 7, "Not YAML"),
    ("datasets/x.yaml", "kind: DataContract\napiVersion: v3\nid: x\nversion: 1\nstatus: a\nschema: []\n", "datasets", 1,
     "has one schema object, this one has 0"),
    ("pipelines/x.yaml", "steps:\n  - {name: a, sql: a.sql, input: [b]}\n", "pipelines", 2, "'inputs'"),
    ("pipelines/x.yaml", "steps:\n  - {name: a}\n", "pipelines", 2, "needs either sql, python or apply"),
    ("models/x.yaml", "task: binray\n", "models", 1, "It may be binary"),
    ("models/x.yaml", "task: binary\nlabel: {dataset: d, column: c, dealy: 1h}\n", "models", 2, "'delay'"),
    ("monitors/x.yaml", "check: drift\nsubject: m\nlimits:\n  psi: .nan\n", "monitors", 4, "nothing can be compared"),
    ("monitors/x.yaml", "check: drift\nsubject: m\nlimits:\n  psi: .inf\n", "monitors", 4, "nothing can be compared"),
    ("monitors/x.yaml", "check: drift\nsubject: m\nwindow: 99999999999d\n", "monitors", 3, "longer than anything"),
    ("monitors/x.yaml", "check: drft\nsubject: m\n", "monitors", 1, "It may be drift"),
    ("checklists/x.yaml", "items:\n  - {id: a, sign_of: legal}\n", "checklists", 2, "'sign_off'"),
    ("checklists/x.yaml", "items:\n  - {id: a}\n", "checklists", 2, "either a finding or a sign_off"),
    ("endpoints/x.yaml", "modle: m\n", "endpoints", 1, "'model'"),
    ("features/x.sql", "-- entity: a\n-- tme: t\nSELECT 1\n", "features", 2, "'time'"),
    ("features/x.sql", "-- entity: a\nSELECT 1\n", "features", 1, "lacks '-- time: …'"),
    ("features/x.sql", "-- entity: a\n-- time: t\n-- ttl: soon\nSELECT 1\n", "features", 3, "'soon' is not a duration"),
    ("decisions/x.md", "---\ntitle: a\nwhy: [\n---\n", "decisions", 3, "not YAML"),
    ("decisions/x.md", "---\ntitle: a\n", "decisions", 1, "not closed by a line '---'"),
    ("decisions/x.md", "---\n- a\n---\n", "decisions", 1, "should be a mapping"),
    ("decisions/x.md", "---\nsince: 2013-13-45\n---\n", "decisions", 1, "month must be in 1..12"),
    ("runbooks/x.md", "---\nwhen: {a: b\n---\n", "runbooks", 2, "not YAML"),
]


@pytest.mark.parametrize(("name", "text", "kind", "line", "words"), SLIPS)
def test_a_slip_in_any_file_is_named_with_its_line(project: Path, name: str, text: str, kind: str, line: int,
                                                   words: str) -> None:
    declared = put(project, name, text)
    with pytest.raises(Unreadable) as caught:
        getattr(declared, kind)
    assert caught.value.where == f"{project / name}:{line}"
    assert words in str(caught.value)


@pytest.mark.parametrize("kind", FOLDERS)
def test_a_file_that_is_no_text_is_named(project: Path, kind: str) -> None:
    ending = {"feature": "sql", "decision": "md", "runbook": "md"}.get(kind, "yaml")
    path = project / FOLDERS[kind] / f"broken.{ending}"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"a: \xff\xfe")
    with pytest.raises(Unreadable, match=r"cannot be read.*broken"):
        Project(project).every(kind)


# -- what is read -----------------------------------------------------------------------------------------------


def test_each_kind_is_read_by_the_stem_of_its_file(project: Path) -> None:
    declared = put(project, "features/wind.sql", FEATURE)
    assert list(declared.datasets) == ["flights"]
    assert declared.model("flights-delay").label.delay == timedelta(hours=12)
    assert declared.monitors["flights-drift"].subject == "flights-delay"
    assert [item.id for item in declared.checklists["standard"].items] == ["drift-ok", "limits-reviewed"]
    wind = declared.features["wind"]
    assert (wind.entity, wind.time, wind.available_after, wind.lookback, wind.ttl) == (
        ("origin",), "hour", timedelta(hours=1), timedelta(days=2), timedelta(hours=6))


def test_a_document_has_a_front_and_a_body_that_knows_its_line(project: Path) -> None:
    declared = put(project, "decisions/a.md", "---\ntitle: Why\nassumes: [x]\n---\nBecause.\n")
    found = declared.decisions["a"]
    assert (found.front, found.body) == ({"title": "Why", "assumes": ["x"]}, "Because.\n")
    lines = (project / "decisions/a.md").read_text(encoding="utf-8").splitlines()
    assert lines[found.body_line - 1] == "Because."
    assert put(project, "decisions/b.md", "---\ntitle: x\n---").decisions["b"].front == {"title": "x"}
    assert put(project, "decisions/c.md", "No front.\n").decisions["c"].front == {}


def test_the_projects_own_runbook_wins_over_the_shipped_one(project: Path) -> None:
    shipped = Project(project).runbooks
    assert "data-drift" in shipped
    own = put(project, "runbooks/data-drift.md", "---\ntitle: Ours\n---\n## 1. Look\n").runbooks
    assert set(own) == set(shipped)
    assert own["data-drift"].front == {"title": "Ours"}
    assert own["data-drift"].path == str(project / "runbooks/data-drift.md")


def test_the_fingerprint_is_of_the_bytes_of_the_file(project: Path) -> None:
    declared = Project(project)
    content = (project / "models" / "flights-delay.yaml").read_bytes()
    assert declared.fingerprint("model", "flights-delay") == hashlib.sha256(content).hexdigest()
    assert declared.declaration("runbook", "data-drift").startswith(b"---\n"), "a shipped one has a fingerprint too"


@pytest.mark.parametrize(("zone", "hint"), [
    ("America/New_Yrok", "Did you mean 'America/New_York'?"), ("Amerika/Neu York", "America/New_York"),
    ("America", "Did you mean"), ("/etc/passwd", "such as"), ("../UTC", "UTC"), ("''", "such as")])
def test_an_unknown_time_zone_is_refused_with_one_that_is_known(project: Path, zone: str, hint: str) -> None:
    declared = put(project, "mlops.yaml", f"project: p\ntimezone: {zone}\n")
    with pytest.raises(BadInput, match="is not a time zone") as caught:
        _ = declared.zone
    assert caught.value.where == str(project / "mlops.yaml")
    assert hint in caught.value.next


def test_roles_are_advisory_while_nobody_has_a_login(project: Path) -> None:
    assert single_user(Project(project).team)
    assert not single_user(put(project, "team.yaml", "people: {ana: {}, bo: {login: bo}}\n").team)
    (project / "team.yaml").unlink()
    assert single_user(Project(project).team)


# -- subjects ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "allowed", "found"), [
    ("flights", (), Subject("dataset", "flights")),
    ("flights@june", ("dataset",), Subject("dataset", "flights", "june")),
    ("flights-delay@3", ("model", "dataset"), Subject("model", "flights-delay", "3")),
    ("model/flights-delay", (), Subject("model", "flights-delay")),
    ("dataset/flights@2f", ("model", "dataset"), Subject("dataset", "flights", "2f"))])
def test_a_name_is_resolved_to_what_is_declared(project: Path, text: str, allowed: tuple[str, ...],
                                                found: Subject) -> None:
    assert Project(project).subject(text, *allowed) == found
    assert str(found) == text.rpartition("/")[2]


@pytest.mark.parametrize(("text", "allowed", "error", "words"), [
    ("flihgts", ("dataset",), NotDeclared, "Did you mean 'flights'?"),
    ("FLIGHTS", ("dataset",), NotDeclared, "Did you mean 'flights'?"),
    ("flights-dely", ("model", "dataset"), NotDeclared, "Did you mean 'flights-delay'?"),
    ("zzz", ("dataset",), NotDeclared, "Declared: flights."),
    ("zzz", ("endpoint",), NotDeclared, "Declared: nothing."),
    ("modle/flights-delay", (), BadInput, "Did you mean 'model'?"),
    ("model/flights", (), NotDeclared, "in models/"),
    ("endpoint/flights", (), NotDeclared, "Nothing is declared in endpoints/."),
    ("dataset/flights", ("model",), BadInput, "Name one from models/."),
    ("", ("dataset",), NotDeclared, "No dataset ''")])
def test_a_name_that_is_not_declared_gets_the_nearest_one(project: Path, text: str, allowed: tuple[str, ...],
                                                          error: type[Refusal], words: str) -> None:
    with pytest.raises(error) as caught:
        Project(project).subject(text, *allowed)
    assert words in str(caught.value)


def test_a_name_that_two_kinds_share_needs_its_kind(project: Path) -> None:
    declared = put(project, "endpoints/flights.yaml", "model: flights-delay\n")
    with pytest.raises(BadInput, match=r"'flights' is a dataset and a endpoint|Say dataset/flights"):
        declared.subject("flights")
    assert declared.subject("endpoint/flights").kind == "endpoint"
    assert declared.subject("flights", "endpoint").kind == "endpoint"


def test_a_slip_shows_through_the_door(project: Path, session: Callable[..., Session]) -> None:
    put(project, "monitors/flights-drift.yaml", "check: drift\nsubject: flights-delay\nalrt: {severity: high}\n")
    outcome = session("ana").perform(["drift", "flights-delay"])
    assert outcome.exit == 2
    assert outcome.error == {"code": "unreadable", "what": "Unknown key 'alrt'.", "next": "Did you mean 'alert'?",
                             "where": f"{project}/monitors/flights-drift.yaml:3"}
