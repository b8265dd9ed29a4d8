"""Registries that answer wrongly, slowly or not at all, and stores that are none: each is refused with what to do."""

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from store.refusal import NotFound, Refusal
from store.registry import card_of, known, registered
from store.registry_file import File
from store.registry_server import Login, Server

Answer = Callable[[BaseHTTPRequestHandler], None]


@contextmanager
def answering(answer: Answer) -> Iterator[str]:
    """A server on loopback that answers every question in one way."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def with_(code: int, body: str = "", kind: str = "text/html", **headers: str) -> Answer:
    def answer(to: BaseHTTPRequestHandler) -> None:
        to.send_response(code)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body.encode())), **headers}.items():
            to.send_header(name, value)
        to.end_headers()
        to.wfile.write(body.encode())

    return answer


def refused(url: str, login: Login | None = None, **how: float) -> Refusal:
    with pytest.raises(Refusal) as caught:
        registered(Server(url, login or Login(), **how))
    return caught.value


@pytest.mark.parametrize(("answer", "what", "then"), [
    (with_(200, "<html><title>Sign in</title></html>"), "it answers with a page", "address"),
    (with_(200, "[]"), "it answers with no document", "address"),
    (with_(200, '{"registered_models": "x", "model_versions": "x"}'), "a list that is none", "address"),
    (with_(404, "<html>not here</html>"), "no such page (HTTP 404)", "without what comes after '#'"),
    (with_(401, "who are you"), "It asks who you are (HTTP 401)", "MLFLOW_TRACKING_TOKEN"),
    (with_(403, "no"), "It asks who you are (HTTP 403)", "MLFLOW_TRACKING_TOKEN"),
    (with_(302, "", Location="https://login.example/x?state=1"), "It leads to https://login.example", "itself"),
    (with_(500, '{"error_code": "INTERNAL_ERROR", "message": "the database is away"}'), "the database is away", "log"),
    (with_(200, "{" * 100_000), "it answers with no JSON", "address"),
    (with_(200, '{"model_versions": [{"name": "m", "version": "one"}], '
           '"registered_models": [{"name": "m"}]}'), "not MLflow's", "--mlflow"),
    (with_(200, '{"registered_models": [{"name": "m", "aliases": 7}]}'), "not MLflow's", "--mlflow"),
])
def test_what_is_no_mlflow_is_refused_with_what_to_do(answer: Answer, what: str, then: str) -> None:
    with answering(answer) as url:
        problem = refused(url)
    assert what in problem.what
    assert then in problem.next
    assert problem.where == url


def test_a_token_that_is_not_accepted_is_not_shown_and_not_sent_to_whoever_a_redirect_leads_to() -> None:
    sent: list[str] = []

    def stranger(to: BaseHTTPRequestHandler) -> None:
        sent.append(str(to.headers.get("Authorization")))
        with_(200, "{}")(to)

    login = Login(token="hunter2")
    with answering(stranger) as other, answering(with_(302, "", Location=f"{other}/api")) as url:
        refused(url, login)
    assert sent == []
    with answering(with_(401)) as url:
        problem = refused(url, login)
    assert "not accepted" in problem.what
    assert "hunter2" not in f"{problem} {login!r}"
    with answering(with_(200, "{}")) as url:  # http.client would say the whole header
        assert "hunter2" not in f"{refused(url, Login(token='hunter2' + chr(10) + 'x')).__dict__}"
        registered(Server(url, Login(token="hunter2\n")))


def test_who_asks_logs_in_as_mlflow_does() -> None:
    sent: list[str] = []

    def noting(to: BaseHTTPRequestHandler) -> None:
        sent.append(str(to.headers.get("Authorization")))
        with_(200, "{}")(to)

    with answering(noting) as url:
        registered(Server(url, Login.of({"MLFLOW_TRACKING_TOKEN": "t"})))
        registered(Server(url, Login.of({"MLFLOW_TRACKING_USERNAME": "ana", "MLFLOW_TRACKING_PASSWORD": "p"})))
        registered(Server(url.replace("http://", "http://bo:q%40@"), Login()))
        registered(Server(url, Login.of({})))
    assert sent[::2] == ["Bearer t", "Basic YW5hOnA=", "Basic Ym86cUA=", "None"]


def test_a_server_that_never_answers_and_one_that_drips_are_not_waited_for() -> None:
    done = threading.Event()

    def silent(_: BaseHTTPRequestHandler) -> None:
        done.wait(20)

    def dripping(to: BaseHTTPRequestHandler) -> None:
        to.send_response(200)
        to.end_headers()
        while not done.wait(0.02):
            to.wfile.write(b" ")
            to.wfile.flush()

    for answer in (silent, dripping):
        began = time.monotonic()
        with answering(answer) as url:
            try:
                assert "does not answer in time" in refused(url, patience=0.3, all_in=0.5).what
                assert time.monotonic() - began < 15
            finally:
                done.set()
        done.clear()


def test_nobody_there_is_said_so() -> None:
    with answering(with_(200)) as url:
        pass
    assert isinstance(refused(url), NotFound)
    assert refused(url).what == "Nothing listens there."


def paged(versions: int, *, forever: bool = False) -> Answer:
    """So many versions of one model, a page at a time, as MLflow gives them."""

    def answer(to: BaseHTTPRequestHandler) -> None:
        place = urlsplit(to.path)
        asked = {name: values[0] for name, values in parse_qs(place.query).items()}
        if place.path.endswith("registered-models/search"):
            document: dict[str, object] = {"registered_models": [{"name": "m", "aliases": [
                {"alias": "champion", "version": "7"}]}]}
        elif place.path.endswith("model-versions/search"):
            start, size = int(asked.get("page_token", "0")), int(asked["max_results"])
            end = min(versions, start + size)
            token = asked.get("page_token", "1") if forever else str(end) if end < versions else ""
            document = {"model_versions": [{"name": "m", "version": str(each + 1)} for each in range(start, end)],
                        "next_page_token": token}
        else:
            document = {}
        with_(200, json.dumps(document))(to)

    return answer


def test_every_page_is_read_and_the_alias_says_which_version_serves() -> None:
    with answering(paged(2_345)) as url:
        [model] = registered(Server(url, Login()))
    assert [each.number for each in model.versions] == list(range(2345, 0, -1))
    assert model.serving is not None
    assert model.before is not None
    assert (model.serving.number, model.before.number, model.named) == (7, 6, True)


def test_a_server_that_gives_the_same_page_for_ever_is_left() -> None:
    with answering(paged(10, forever=True)) as url:
        assert len(registered(Server(url, Login()))) == 1


# -- a file -------------------------------------------------------------------------------------------------------


def test_a_file_that_is_no_store_is_refused_and_none_is_made(tmp_path: Path) -> None:
    missing, other, text = tmp_path / "no.db", tmp_path / "other.db", tmp_path / "text.db"
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE t (x)")
    text.write_text("no database at all, but long enough to be looked at as one")
    for path, what in ((missing, "no such MLflow store"), (other, "no table of registered models"),
                       (text, "cannot be read as an MLflow store")):
        with pytest.raises(Refusal, match=what):
            File(path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other.db", "text.db"]


def test_an_old_store_without_aliases_or_inputs_is_read_by_its_stages(tmp_path: Path) -> None:
    path, files = tmp_path / "old store.db", tmp_path / "files"
    files.mkdir()
    (files / "MLmodel").write_text("flavors: {sklearn: {}, python_function: {}}\nsignature: {inputs: "
                                   "'[{\"name\": \"x\", \"type\": \"double\"}]', outputs: '[]'}\n")
    with sqlite3.connect(path) as connection:
        connection.executescript(f"""
            CREATE TABLE registered_models (name, creation_time);
            CREATE TABLE model_versions (name, version, creation_time, current_stage, status, run_id, source, user_id);
            INSERT INTO registered_models VALUES ('m', 1);
            INSERT INTO model_versions VALUES ('m', 1, 1, 'Production', 'READY', 'r', '{files}', 'ana'),
                ('m', 2, 2, 'Staging', 'READY', 'r', 'dbfs:/x', 'ana'),
                ('m', 3, 2, 'Deleted_Internal', 'READY', 'r', 'x', 'ana');""")
    store = File(path)
    [model] = registered(store)
    assert model.serving is not None
    assert (model.serving.number, model.serving.called, len(model.versions)) == (1, ("production",), 2)
    [one] = known(store, [model])
    assert (one.run, one.user, one.card.inputs, one.card.flavour) == (None, "ana", {"x": "double"}, "sklearn")
    assert store.mlmodel(model.versions[0]) == "its files lie at dbfs:/x, not on this machine"


@pytest.mark.parametrize(("text", "problem"), [
    ("flavors: [", "its MLmodel is not YAML"), ("- 1", "its MLmodel names no flavour"),
    ("flavors: {}\n" + "#" * (1 << 20), "its MLmodel is larger than one of MLflow's"),
    ("!!python/object/apply:os.system ['true']", "its MLmodel is not YAML")])
def test_an_mlmodel_that_cannot_be_read_says_nothing_and_runs_nothing(text: str, problem: str) -> None:
    assert card_of(text.encode()).problem == problem


def test_a_signature_that_is_none_is_no_signature() -> None:
    for signature in ("inputs: '{'", "inputs: '3'", "inputs: null", "inputs: '[]'"):
        card = card_of(f"flavors: {{sklearn: {{}}}}\nsignature: {{{signature}}}".encode())
        assert (card.signed, card.problem) == (False, "")
