"""What the project says around its alerts: which datasets something is made from, and whose it is."""

from mlops_tui.alerts.upstream import around, feeds
from mlops_tui.project import Project


def declared(project):
    (project / "features").mkdir()
    (project / "features" / "weather_now.sql").write_text(
        "-- entity: id\n-- time: at\nSELECT id, at, temp FROM weather -- not planes\n")
    text = (project / "datasets" / "flights.yaml").read_text()
    for name in ("weather", "planes"):
        (project / "datasets" / f"{name}.yaml").write_text(text.replace("flights", name))
    model = project / "models" / "flights-delay.yaml"
    model.write_text(model.read_text().replace("features: []", "features: [weather_now]\nowner: ana"))
    (project / "pipelines").mkdir()
    (project / "pipelines" / "daily.yaml").write_text(
        "steps:\n  - {name: clean, sql: clean.sql, inputs: [planes]}\n  - {name: sums, sql: s.sql, inputs: [clean]}\n")
    return Project(project)


def test_a_model_is_made_from_its_labels_and_what_its_features_read(project):
    found = feeds(declared(project))
    assert found["flights-delay"] == {"flights", "weather"}
    assert found["flights-delay.predictions"] == {"flights-delay", "flights", "weather"}


def test_a_step_is_made_from_what_it_reads_near_and_far(project):
    assert feeds(declared(project))["daily.sums"] == {"daily.clean", "planes"}


def test_what_cannot_be_read_feeds_nothing(project):
    (project / "models" / "flights-delay.yaml").write_text("task: [")
    assert feeds(Project(project)) == {}


def test_an_alert_about_a_model_is_its_owners(project):
    known = around(declared(project))
    assert (known.owner("flights-delay"), known.owner("weather")) == ("ana", "")
    assert known.feeds("flights-delay") == {"flights", "weather"}
    assert known.feeds("nothing of ours") == frozenset()
    assert known.declaration("flights-drift") == Project(project).fingerprint("monitor", "flights-drift")
