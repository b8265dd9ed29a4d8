"""Each mishap as an app meets it: told beforehand, or drawn from a seed."""

import time
from http.client import HTTPException
from urllib.error import URLError

import pytest
from slack_bolt import Ack, App
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError

from bots.local.faults import Chaos
from bots.local.workspace import LocalSlack
from tests.bots.local.conftest import Clock, Connect

LOST = (OSError, HTTPException)  # what an app sees when the line goes dead


def post(client: WebClient, text: str = "card") -> str:
    ts: str = client.chat_postMessage(channel="C01", text=text)["ts"]
    return ts


def test_a_limit_says_how_long_to_wait_and_nothing_is_written(slack: LocalSlack, client: WebClient) -> None:
    slack.faults.limit("chat.postMessage", times=2, retry_after=7)
    for _ in range(2):
        with pytest.raises(SlackApiError) as caught:
            post(client)
        assert (caught.value.response.status_code, caught.value.response.headers["Retry-After"]) == (429, "7")
    assert client.auth_test()["ok"]
    assert slack.messages() == []
    post(client)
    assert [each.status for each in slack.called("chat.postMessage")] == [429, 429, 200]


def test_a_lost_answer_leaves_the_message_and_a_lost_request_does_not(slack: LocalSlack, client: WebClient) -> None:
    slack.faults.lose_answer("chat.postMessage")
    with pytest.raises(LOST):
        post(client, "written")
    slack.faults.lose_request("chat.postMessage")
    with pytest.raises(LOST):
        post(client, "never arrived")
    assert [each["text"] for each in slack.messages()] == ["written"]
    [call] = slack.called("chat.postMessage")
    assert (call.ok, call.lost) == (True, True)


def test_the_sdks_default_retry_posts_twice_when_an_answer_is_lost(slack: LocalSlack) -> None:
    """Why the bot must not use it: seen against this very server."""
    slack.faults.lose_answer("chat.postMessage")
    post(WebClient(token=slack.bot_token, base_url=slack.url))
    assert [each["text"] for each in slack.messages()] == ["card", "card"]


def test_an_error_is_answered_and_nothing_happens(slack: LocalSlack, client: WebClient) -> None:
    slack.faults.error("chat.postMessage", "fatal_error")
    with pytest.raises(SlackApiError, match="fatal_error"):
        post(client)
    assert slack.messages() == []
    slack.faults.error("*", "service_unavailable", times=None)
    for call in (client.auth_test, client.users_list):
        with pytest.raises(SlackApiError, match="service_unavailable"):
            call()
    slack.faults.clear()
    assert client.auth_test()["ok"]


def test_a_slow_method_takes_its_time_and_others_do_not(slack: LocalSlack, client: WebClient) -> None:
    slack.faults.slow("chat.postMessage", 2)
    started = time.monotonic()
    client.auth_test()
    assert time.monotonic() - started < 2
    post(client)
    assert time.monotonic() - started >= 2


def test_while_slack_is_down_nothing_passes_until_its_clock_has_moved_on(
        slack: LocalSlack, client: WebClient, clock: Clock, app: App, connect: Connect) -> None:
    connect(app)
    slack.faults.down(600)
    assert slack.sockets == 0
    with pytest.raises(SlackClientError):
        post(client)
    assert slack.slash("ana", "status").error == "slack_unavailable"
    clock.pass_(601)
    assert post(client)
    assert [each["text"] for each in slack.messages()] == ["card"]


def test_slack_can_refuse_every_connection_until_told_otherwise(slack: LocalSlack, client: WebClient) -> None:
    slack.faults.down(refuse=True)
    with pytest.raises(URLError, match="refused"):
        post(client)
    slack.faults.up()
    assert post(client)


def test_an_envelope_delivered_twice_bears_the_same_ids(slack: LocalSlack, app: App, connect: Connect) -> None:
    heard = []

    @app.event("reaction_added")
    def reacted(body: dict) -> None:
        heard.append(body["event_id"])

    @app.command("/mlops")
    def mlops(ack: Ack, command: dict) -> None:
        ack()
        heard.append(command["trigger_id"])

    connect(app)
    slack.say("ana", "look")
    slack.faults.duplicate("events_api")
    slack.react("bo", "eyes", slack.messages()[0]["ts"])
    slack.until(lambda: len(heard) == 2)
    slack.faults.duplicate("slash_commands")
    assert slack.slash("ana", "status").ok
    slack.until(lambda: len(heard) == 4)
    assert heard[0] == heard[1]
    assert heard[2] == heard[3]
    first, second = [each for each in slack.wire.envelopes if each["type"] == "slash_commands"]
    assert first["envelope_id"] == second["envelope_id"]
    slack.slash("ana", "status")
    assert len(heard) == 5


def test_sockets_that_die_without_a_word_come_back_by_themselves(
        slack: LocalSlack, app: App, connect: Connect) -> None:
    handler = connect(app)
    first = handler.client.wss_uri
    slack.faults.drop_sockets()
    slack.until(lambda: slack.sockets == 1)
    assert handler.client.wss_uri != first


def drawn(seed: int) -> list[str]:
    chaos = Chaos(seed, {"limit": 0.2, "lose_answer": 0.2, "duplicate": 0.5})
    return [each.kind if (each := chaos.call("chat.postMessage")) else "" for _ in range(200)]


def test_chaos_is_the_same_for_the_same_seed_at_the_rates_asked_for() -> None:
    assert drawn(7) == drawn(7)
    assert drawn(7) != drawn(8)
    assert set(drawn(7)) == {"", "limit", "lose_answer"}
    assert 20 <= drawn(7).count("limit") <= 60  # 40 expected, more than three deviations either way
    with pytest.raises(ValueError, match="no such mishap: fire"):
        Chaos(1, {"fire": 1.0})


def test_chaos_meets_calls_and_the_transcript_tells_the_truth(slack: LocalSlack, client: WebClient) -> None:
    slack.faults.chaos = Chaos(3, {"limit": 0.15, "error": 0.15, "lose_answer": 0.15, "lose_request": 0.15})
    told, unsure = 0, 0
    for number in range(60):
        try:
            post(client, f"m{number}")
            told += 1
        except SlackApiError:
            pass
        except LOST:
            unsure += 1
    slack.faults.clear()
    written = len(slack.messages())
    lost = [each for each in slack.called("chat.postMessage") if each.lost]
    assert written == told + len(lost)
    assert 0 < len(lost) < unsure
    assert 0 < told < 60
