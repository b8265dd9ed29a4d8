"""Alertmanager, webhooks, mail and pings as the other side sees them."""

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bots.routes.webhook import id_of, key_of, signed
from mlops_tui import daemon
from mlops_tui.alerts.routing import message
from store.lease import Lease
from store.periods import Periods
from tests.bots.routes.conftest import Outside
from tests.bots.routes.doubles import Alertmanager, Hook, Http, Mailbox

# -- Alertmanager ---------------------------------------------------------------------------------------------------


def test_alertmanager_is_told_again_before_it_would_forget_and_that_it_is_over(outside: Outside) -> None:
    with Alertmanager(outside.clock) as other:
        outside.declares("pager", f"kind: alertmanager\nurl: {other.url}/\nlabels: {{team: ml}}\n")
        outside.fires()
        outside.turn()
        [name] = other.firing
        labels = json.loads(name)
        assert labels == {"alertname": "flights-drift", "severity": "high", "project": "flights", "alert": "AL-1",
                          "subject": "flights-delay", "team": "ml"}
        outside.turn(25, seconds=30)  # a quarter of an hour; it is kept for four minutes
        outside.fires(event="acked", who="bo")
        outside.turn(25, seconds=30)
        assert (len(other.firing), other.fired) == (1, 1), "fired once, and never forgotten in between"
        assert 24 <= len(other.requests) <= 28, "once a minute"
        outside.fires(event="recovered")
        outside.turn(2)
        assert other.firing == []
        outside.turn(20, seconds=60)
        assert other.firing == []
        assert outside.outbox.counts() == {"sent": 2}, "what is told again and again is not kept"


@pytest.mark.parametrize("faults", [[500], ["lost"], [429, 503, "lost"]])
def test_alertmanager_with_faults_fires_once(outside: Outside, faults: list) -> None:
    with Alertmanager(outside.clock) as other:
        outside.declares("pager", f"kind: alertmanager\nurl: {other.url}\n")
        other.faults = faults
        outside.fires()
        outside.rests()
        assert (len(other.alerts), other.fired) == (1, 1)


def test_nobody_on_the_way_of_a_silenced_alert_is_told_that_it_fires(outside: Outside) -> None:
    with Alertmanager(outside.clock) as other:
        outside.declares("pager", f"kind: alertmanager\nurl: {other.url}\n")
        outside.fires()
        outside.turn()
        outside.fires(event="silenced", until=outside.world().replace(year=2014).isoformat())
        outside.turn(6, seconds=60)
        assert other.firing == []


# -- a webhook ------------------------------------------------------------------------------------------------------

SECRET = base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()


def test_a_webhook_is_signed_and_counted_once_however_often_it_is_sent(outside: Outside) -> None:
    outside.environment |= {"HOOK": f"whsec_{SECRET}", "HOOK_URL": ""}
    with Hook(b"0123456789abcdef0123456789abcdef", outside.clock) as hook:
        outside.environment["HOOK_URL"] = f"{hook.url}/in/T0K3N"
        outside.declares("pager", "kind: webhook\nurl_env: HOOK_URL\nkey_env: HOOK\n")
        hook.faults = ["lost", 500]
        outside.fires()
        outside.rests()
        outside.fires(event="acked", who="bo")
        outside.turn()
        outside.fires(event="resolved")
        outside.turn()
        assert [each["type"] for each in hook.seen.values()] == ["alert.trigger", "alert.acknowledge", "alert.resolve"]
        assert len(hook.requests) == 5
        told = next(iter(hook.seen.values()))["data"]
        assert (told["alert"], told["title"], told["severity"], told["runbook"]) == (
            "AL-1", "AL-1 moved", "high", "data-drift")
        shown = str(outside.session.perform(["route", "show", "pager"]).view)
        assert "T0K3N" not in shown + str(outside.said)


def test_a_wrong_secret_is_given_up_with_what_the_other_side_said(outside: Outside) -> None:
    outside.environment["HOOK"] = "another"
    with Hook(b"right", outside.clock) as hook:
        outside.declares("pager", f"kind: webhook\nurl: {hook.url}\nkey_env: HOOK\n")
        outside.fires()
        outside.rests()
        assert [said.error for said in outside.letters("dead")] == ["HTTP 401: not signed"]


def test_a_redirect_is_not_followed(outside: Outside) -> None:
    outside.environment["HOOK"] = "right"
    with Hook(b"right", outside.clock) as hook, Http() as elsewhere:
        hook.faults = [(302, {"Location": elsewhere.url})]
        outside.declares("pager", f"kind: webhook\nurl: {hook.url}\nkey_env: HOOK\n")
        outside.fires()
        outside.rests()
        assert elsewhere.requests == []
        assert len(outside.letters("dead")) == 1


def test_the_signature_is_that_of_the_published_example() -> None:
    """The example of the Standard Webhooks specification's own libraries."""
    key = key_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    assert signed(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}') == \
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    with pytest.raises(ValueError, match="no base64"):
        key_of("whsec_*")


# -- mail -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A certificate of a server at localhost, signed by itself."""
    folder: Path = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")]), datetime.now(UTC)
    made = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
            .serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True).sign(key, hashes.SHA256()))
    (folder / "c.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "k.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                                     serialization.NoEncryption()))
    return str(folder / "c.pem"), str(folder / "k.pem")


def mails(outside: Outside, box: Mailbox, to: str = "[oncall, ops@example.org]", more: str = "",
          host: str = "127.0.0.1") -> None:
    outside.declares("pager", f"kind: smtp\nurl: smtp://{host}:{box.port}\nfrom: mlops@example.org\nto: {to}\n{more}")


def test_a_mail_says_what_happened_and_all_of_one_alert_stand_in_one_thread(outside: Outside) -> None:
    outside.alerts_go_to("pager", ", repeat: 1h")
    with Mailbox() as box:
        mails(outside, box)
        outside.fires()
        outside.turn()
        outside.passes(minutes=61)
        outside.turn()
        outside.fires(event="acked", who="bo")
        outside.turn()
        outside.fires(event="resolved")
        outside.turn()
        first, again, taken, over = box.mails
        assert (first["Subject"], first["From"], first["To"]) == (
            "[flights] AL-1: AL-1 moved", "mlops@example.org", "bo@example.org, ops@example.org")
        assert again["Subject"] == "[flights] again (1): AL-1: AL-1 moved"
        assert taken["Subject"] == "[flights] Taken up: AL-1: AL-1 moved"
        assert over["Subject"] == "[flights] Over: AL-1: AL-1 moved"
        assert len(box.ids) == 4
        assert len({mail["References"] for mail in box.mails}) == 1
        text = first.get_content()
        assert "**since:** 2013-09-14 06:00 EDT" in text
        assert "mlops-tui alert ack AL-1" in text


@pytest.mark.parametrize(("faults", "mailed"), [
    ({"END": ["lost"]}, 2), ({"END": ["451 later"]}, 2), ({"MAIL": ["421 busy"]}, 1), ({"EHLO": ["lost"]}, 1),
    ({"DATA": ["452 full"]}, 1), ({"RCPT": ["250 fine", "550 nobody"]}, 1)])
def test_a_mail_that_is_sent_twice_is_the_same_mail(outside: Outside, faults: dict, mailed: int) -> None:
    with Mailbox() as box:
        mails(outside, box)
        box.faults = faults
        outside.fires()
        outside.rests()
        assert (len(box.mails), len(box.ids)) == (mailed, 1), "a mailbox can tell that it is the same"
        assert outside.outbox.counts() == {"sent": 1}


def test_a_mail_that_nobody_takes_is_given_up(outside: Outside) -> None:
    with Mailbox() as box:
        mails(outside, box)
        box.faults = {"RCPT": ["550 no such user", "550 no such user"]}
        outside.fires()
        outside.rests()
        assert [said.error for said in outside.letters("dead")] == ["refused for bo@example.org, ops@example.org"]


def test_a_password_goes_over_tls_to_a_server_that_proves_itself(outside: Outside, certificate: tuple[str, str],
                                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    login = "user_env: MAIL_USER\npassword_env: MAIL_PASSWORD\n"
    outside.environment |= {"MAIL_USER": "mlops", "MAIL_PASSWORD": "pass"}
    with Mailbox(certificate, "pass") as box:
        mails(outside, box, more=login, host="localhost")
        outside.fires()
        outside.turn()
        assert (box.mails, outside.said) == ([], ["■ route pager: no answer (SSLCertVerificationError)"])
        monkeypatch.setenv("SSL_CERT_FILE", certificate[0])
        outside.rests()
        assert box.secure == [True]
        outside.environment["MAIL_PASSWORD"] = "wrong"
        outside.fires("AL-2")
        outside.turn()
        assert outside.said[-1] == "■ route pager: 535: what MAIL_USER and MAIL_PASSWORD hold is not taken"
    with Mailbox() as box:
        mails(outside, box, more=login)
        outside.turn(2, seconds=70)
        assert outside.said[-1] == ("■ route pager: it offers no STARTTLS, and nothing is said in the open but on this "
                                    "machine")
        assert box.mails == []


def test_nobody_with_an_address_is_said(outside: Outside) -> None:
    with Mailbox() as box:
        mails(outside, box, to="[cy]")
        outside.fires()
        outside.turn()
        assert outside.said == ["■ route pager: nobody of cy has an email in team.yaml"]


def test_a_title_of_two_lines_is_no_header_of_its_own(outside: Outside) -> None:
    with Mailbox() as box:
        mails(outside, box, to="[ops@example.org]")
        outside.fires(title="moved\r\nBcc: eve@example.org\r\n\r\nhello [x](y) é")
        outside.turn()
        [mail] = box.mails
        assert mail["Bcc"] is None
        assert mail["Subject"].startswith("[flights] AL-1: moved Bcc: eve")


# -- Slack, by its own sender ---------------------------------------------------------------------------------------


def test_a_route_to_another_channel_is_left_to_slacks_sender(outside: Outside) -> None:
    (outside.folder / "mlops.yaml").write_text("project: flights\nclock: replay\nslack: {channel: C01}\n", "utf-8")
    outside.declares("pager", "kind: slack\nchannel: C02\n")
    outside.fires()
    outside.turn(3)
    [kept] = outside.outbox.due(outside.clock())
    assert (kept.method, kept.channel) == ("chat.postMessage", "C02")
    assert "AL-1 moved" in str(kept.body)


# -- a ping ---------------------------------------------------------------------------------------------------------


def test_a_ping_goes_out_only_while_the_project_is_looked_after(outside: Outside) -> None:
    lease = Lease(outside.ledger.engine, daemon.NAME, "here:1:x")
    with Http() as watcher:
        outside.environment["PING_URL"] = f"{watcher.url}/ping/u-u-i-d"
        outside.declares("watch", "kind: ping\nurl_env: PING_URL\nevery: 5m\n")
        outside.turn()
        assert watcher.requests == []
        assert outside.said == ["■ route watch: no ping: mlops-tui up no longer holds its lease"]
        for _ in range(11):
            lease.take(outside.clock(), 15)
            outside.turn(seconds=60)
        assert [(method, path) for method, path, _, _ in watcher.requests] == [("GET", "/ping/u-u-i-d")] * 2
        shown = outside.session.perform(["route", "list"]).view.table("routes")
        assert (shown.rows[0]["status"], shown.rows[0]["error"]) == ("pass", None)


def test_no_ping_goes_out_while_what_is_due_is_not_begun(outside: Outside) -> None:
    lease = Lease(outside.ledger.engine, daemon.NAME, "here:1:x")
    path = outside.folder / "monitors/flights-drift.yaml"
    path.write_text(path.read_text() + 'every: "0 6 * * *"\n')
    with Http() as watcher:
        outside.declares("watch", f"kind: ping\nurl: {watcher.url}\nevery: 1m\nmethod: POST\n")
        outside.passes(minutes=6)
        lease.take(outside.clock(), 1000)
        outside.turn()
        assert watcher.requests == []
        assert outside.said == ["■ route watch: no ping: monitor/flights-drift of 2013-09-14T10:00+00:00 was not begun"]
        Periods(outside.ledger.engine).claim("monitor/flights-drift", "2013-09-14T10:00+00:00", outside.world())
        outside.turn(2, seconds=61)
        assert len(watcher.requests) == 1
        watcher.faults = [500]
        outside.turn(1, seconds=61)
        assert "HTTP 500" in str(outside.session.perform(["route", "list"]).view)


def test_ids_are_those_of_the_keys(outside: Outside) -> None:
    with Hook(b"k", outside.clock):
        outside.declares("pager", "kind: webhook\nurl: http://127.0.0.1:9\nkey_env: HOOK\n")
        outside.fires()
        outside.fires("AL-2")
        outside.turn()
        ids = [id_of(message(said.body)) for said in outside.letters("new")]
        assert len(set(ids)) == len(ids) == 2
