"""Each connection that a project declares is shown with how it is protected, and no password with it."""

from pathlib import Path

import pytest

from mlops_tui.privacy.transit import connections, of
from mlops_tui.project import Project
from mlops_tui.view import Status

ROUTE = "kind: webhook\nurl: http://hooks.example.org/in\nkey_env: HOOK_KEY\n"


def test_stores_listeners_and_routes_are_all_named(project: Path) -> None:
    (project / "mlops.yaml").write_text("""\
project: flights
stores: {ledger: "postgresql+psycopg://ana:hunter2@db.example.org/ml?sslmode=require", mlflow: "http://10.0.0.7:5000",
         online: "rediss://:hunter2@cache.example.org:6380/0"}
slack: {channel: "#ml"}
metrics: {host: 0.0.0.0}
inbound: {port: 9465}
""")
    (project / "routes").mkdir()
    (project / "routes/hook.yaml").write_text(ROUTE)
    found = connections(Project(project))
    assert {each.what: str(each.status) for each in found} == {
        "ledger": "warn", "models": "fail", "online store": "pass", "Slack": "pass", "metrics (listens)": "fail",
        "inbound (listens)": "pass", "route hook": "fail"}
    assert "hunter2" not in repr(found)
    assert next(each.place for each in found if each.what == "online store") == "cache.example.org:6380"


@pytest.mark.parametrize(("url", "status"), [
    ("https://a", "pass"), ("http://a", "fail"), ("http://localhost:5000", "pass"), ("redis://a/0", "fail"),
    ("redis://127.0.0.1/0", "pass"), ("rediss://a/0", "pass"), ("postgresql://u:p@h/d", "fail"),
    ("postgresql://h/d?sslmode=prefer", "fail"), ("postgresql://h/d?sslmode=disable", "fail"),
    ("postgresql://h/d?sslmode=verify-ca", "warn"), ("postgresql://h/d?sslmode=verify-full", "pass"),
    ("postgresql:///d", "pass"), ("odd://x", "unknown"), ("", "unknown"),
])
def test_a_url_says_whether_it_is_encrypted(url: str, status: str) -> None:
    assert of("x", url).status is Status(status)
