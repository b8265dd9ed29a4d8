"""From a source file to what was made of it, and back, through the commands that people run."""

from pathlib import Path

from mlops_tui.opening import open_project
from mlops_tui.view import Series


def test_a_file_is_followed_through_a_pipeline_and_found_again(project: Path) -> None:
    (project / "pipelines").mkdir()
    (project / "mlops.yaml").write_text("project: flights\n")
    (project / "pipelines/p.sql").write_text("SELECT id, day FROM flights WHERE late\n")
    (project / "pipelines/daily.yaml").write_text("steps: [{name: late, sql: p.sql, inputs: [flights], key: [id]}]\n")
    for day in ("01", "02"):
        row = f"{int(day)},2013-06-{day} 10:00:00,2013-06-{day},true"
        (project / f"{day}.csv").write_text(f"id,sched_dep,day,late\n{row}\n")
    session = open_project(project, person="ana", source="terminal")
    for day in ("01", "02"):
        assert session.perform(["ingest", "flights", "--file", str(project / f"{day}.csv")]).error is None
        assert session.perform(["pipeline", "run", "daily"]).exit == 0
    up = session.perform(["provenance", "of", "daily.late", "--all"])
    assert "from 2 source files" in up.view.title
    assert {(row["kind"], row["name"]) for row in up.view.table("nodes").rows} == {
        ("file", "01.csv"), ("file", "02.csv"), ("state", "flights"), ("step", "daily.late")}
    [picture] = [part for part in up.view.parts if isinstance(part, Series)]
    assert set(zip(picture.x, picture.y, strict=True)) == {
        ("2 files of flights", "2 flights"), ("2 flights", "2 daily.late")}
    into = [sum(row["count"] for row in session.perform(["provenance", "of", name]).view.table("groups").rows
                if row["kind"] == "state") for name in ("01.csv", "02.csv")]
    assert into == [4, 2], "the second is in the later states alone"
    assert session.perform(["provenance", "of", "03.csv"]).exit == 2
    assert "no version" in session.perform(["provenance", "of", "flights-delay"]).view.title
    assert session.perform(["provenance", "of", "flihgts"]).exit == 2


def test_of_two_files_of_one_name_the_digest_says_which(project: Path) -> None:
    (project / "datasets/trips.yaml").write_text((project / "datasets/flights.yaml").read_text().replace(
        "flights", "trips"))
    session = open_project(project, person="ana", source="terminal")
    for number, dataset in enumerate(("flights", "trips")):
        (project / dataset).mkdir()
        file = project / dataset / "01.csv"
        file.write_text(f"id,sched_dep,day,late\n{number},2013-06-01 10:00:00,2013-06-01,true\n")
        assert session.perform(["ingest", dataset, "--file", str(file)]).error is None
    asked = session.perform(["provenance", "of", "01.csv"])
    assert (asked.exit, asked.view.title) == (1, "2 files called 01.csv came in: which one?")
    rows = {row["into"]: row for row in asked.view.table("files").rows}
    assert set(rows) == {("flights",), ("trips",)}
    for action, (into, row) in zip(asked.view.actions, sorted(rows.items(), key=lambda each: str(each[1]["file"])),
                                   strict=True):
        found = session.perform([*action.argv, "--all"])
        assert found.view.facts()["subject"] == row["file"]
        assert {(each["kind"], each["name"]) for each in found.view.table("nodes").rows} == {
            ("state", into[0]), ("finding", f"ingest of {into[0]}")}
    whole = session.perform(["provenance", "of", f"01.csv@{rows['trips',]['digest']}"])
    assert whole.view.facts()["subject"] == rows["trips",]["file"]
    wrong = session.perform(["provenance", "of", "01.csv@0123456789ab"])
    assert (wrong.exit, "with the digest 0123456789ab" in wrong.view.title) == (2, True)
