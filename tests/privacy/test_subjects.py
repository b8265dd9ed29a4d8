from mlops_tui.core._references import dangling
from mlops_tui.privacy.redaction import keyed
from mlops_tui.privacy.subjects import column_of, key_of_people, pseudonym
from mlops_tui.project import FOLDERS

NAMED = "customProperties:\n  - {property: dataSubject, value: %s}\n"


def declared(session, column):
    path = session().declared().root / "datasets" / "flights.yaml"
    path.write_text(path.read_text().replace("customProperties:\n", NAMED % column))
    return session()


def test_the_column_that_names_a_person_is_declared_or_there_is_none(session):
    assert column_of(session().declared().dataset("flights")) is None
    assert column_of(declared(session, "id").declared().dataset("flights")) == "id"


def test_doctor_names_a_person_column_that_the_contract_lacks(session):
    project = declared(session, "idd").declared()
    found = [each.what for each in dangling(project, {kind: project.every(kind) for kind in FOLDERS})]
    assert any("dataSubject 'idd'" in each for each in found)


def test_a_pseudonym_is_one_for_a_person_and_the_one_that_prediction_logs_hash_by(session):
    made = pseudonym(session(), 4711)
    assert made == pseudonym(session("bo"), "4711") != pseudonym(session(), "4712")
    assert len(made) == 32
    assert "h:" + made == keyed("4711", key_of_people(session()))
