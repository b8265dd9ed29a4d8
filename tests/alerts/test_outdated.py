"""Papers that are wrong are told once to whoever answers for the model, and wait for an engineer."""

from mlops_tui import health
from mlops_tui.alerts.outdated import outdated, papers
from mlops_tui.oversight.inbox import at_once
from mlops_tui.project import Project
from mlops_tui.roles import Actor
from store.facts import Finding, Promotion

NAME = "flights-delay"


def found(check: str = "card", status: str = "fail", version: str = "1", **more: str) -> Finding:
    return Finding(**{"check": check, "subject": NAME, "status": status, "title": f"{check} is {status}",
                      "version": version, **more})


def test_only_the_newest_judgement_counts_and_says_since_when_it_has_been_so(history) -> None:
    entries = history.add(found(status="pass"), found(), found(), found("impact"), found("drift"),
                          found("card", subject="other"))
    assert [(each.check, each.first, each.since) for each in outdated(entries, [NAME])] == [
        ("card", 2, entries[1].recorded_at), ("impact", 4, entries[3].recorded_at)]
    assert outdated(history.add(found(status="warn"), found("impact", "unknown")), [NAME]) == []


def test_another_version_begins_anew(history) -> None:
    [each] = outdated(history.add(found(), found(version="2")), [NAME])
    assert (each.subject, each.first, each.argv) == (f"{NAME}@2", 2, ("card", "check", f"{NAME}@2"))


def test_what_no_longer_holds_of_the_version_that_serves_is_told_and_of_others_is_not(history) -> None:
    serves = Promotion(subject=NAME, version="1", previous="", approval="", evidence="")
    entries = history.add(serves, found("consent"), found("consent", "pass", version="2"),
                          found("signed", version="2"))
    assert [(each.check, each.argv) for each in outdated(entries, [NAME])] == [
        ("consent", ("optout", "check", f"{NAME}@1"))]
    assert outdated(history.add(found("consent", "pass")), [NAME]) == []


def test_the_owner_is_told_once_each_time_it_becomes_wrong(history, project) -> None:
    declared = Project(project)
    [first] = papers(declared, history.add(found()), history.now)
    [same] = papers(declared, history.add(found()), history.now)
    [again] = papers(declared, history.add(found(status="pass"), found()), history.now)
    assert (first.to, first.key, first.turn) == ("engineer", f"card/{NAME}", "1")
    assert (same.turn, again.turn) == ("1", "4")
    model = project / f"models/{NAME}.yaml"
    model.write_text(model.read_text() + "owner: ana\n")
    assert [each.to for each in papers(Project(project), history.entries, history.now)] == ["ana"]


def test_it_stands_among_what_needs_an_engineer(history, project) -> None:
    declared = health.Declared.of(Project(project))
    entries = history.add(found("impact"))
    for roles, yours in (("engineer", True), ("approver", False)):
        rows = health.needs(declared, entries, history.now, Actor("x", frozenset({roles}))).rows
        assert [(row["kind"], row["argv"], row["yours"]) for row in rows] == [
            ("impact", ("impact", "show", NAME), yours)]
        assert [step.argv for step in at_once(rows[0])] == [("impact", "assess", f"{NAME}@1")]
