"""Everybody whose vote does not count is told so, politely and alone, and the history knows of each attempt."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mlops_tui import folds, jobs
from mlops_tui.opening import open_project
from mlops_tui.session import Session
from store.facts import Approval, Command
from tests.bots.conftest import TEAM
from tests.bots.desk import Desk
from tests.conftest import FILES, Made

SUBJECT = "flights-delay@1"
VOTE = 'approve vote AP-1 --reason "better in August"'

# Slack's own client leaves sockets that died to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")


def person(desk: Desk, name: str) -> Session:
    return open_project(desk.folder, person=name, clock=desk.world)


@pytest.fixture
def asked(desk: Desk, project: Path) -> Desk:
    """Ana has asked for votes on version 1; its card stands in the channel."""
    made = Made(project)
    desk.happens(made.trained(), made.finding())
    person(desk, "bo").perform(("checklist", "sign", "limits-reviewed", SUBJECT), reason="read")
    ana = person(desk, "ana")
    plan = ana.perform(("promote", SUBJECT)).plan
    assert ana.perform(("promote", SUBJECT), consent=plan).view.facts()["approval"] == "AP-1"
    desk.listens()
    desk.rests()
    return desk


def team(desk: Desk, old: str, new: str) -> None:
    path = desk.folder / "team.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def votes(desk: Desk) -> dict[str, str]:
    state = folds.approvals(desk.ledger.entries(), desk.world())["AP-1"]
    return {name: vote.choice for name, vote in state.votes.items()}


def refusal(desk: Desk, who: str) -> tuple[str, str, str]:
    """The last command of the history, which is a refusal: whose, how it ended, and what only he was told."""
    entry = desk.ledger.entries("command")[-1]
    assert isinstance(entry.fact, Command)
    assert entry.fact.phase == "refused", entry.fact
    assert (entry.actor, entry.fact.source, entry.fact.subject) == (f"{who} (simulated)", "slack", "approve vote")
    assert all("AP-1" not in each.payload.get("text", "") for each in desk.slack.called("chat.postMessage")[1:])
    return entry.fact.status, entry.fact.error, desk.slack.ephemerals(who)[-1]["text"]


def tries(desk: Desk, who: str, line: str = VOTE) -> tuple[str, str, str]:
    assert desk.slack.slash(who, line).modal is None
    desk.works()
    return refusal(desk, who)


def card(desk: Desk) -> dict[str, object]:
    return next(each for each in desk.cards if "AP-1" in each["text"])


def yes(desk: Desk, name: str) -> None:
    assert person(desk, name).perform(("approve", "vote", "AP-1"), reason="better").exit == 0


def test_a_vote_for_ones_own_question(asked: Desk) -> None:
    team(asked, "roles: [engineer]", "roles: [engineer, approver]")
    status, error, said = tries(asked, "ana")
    assert (status, error, votes(asked)) == ("denied", "denied", {})
    assert "ana asked for AP-1 and cannot approve it" in said


def test_a_second_vote(asked: Desk) -> None:
    yes(asked, "bo")
    status, error, said = tries(asked, "bo")
    assert (status, error, votes(asked)) == ("error", "conflict", {"bo": "yes"})
    assert "bo has voted yes on AP-1 already" in said


def test_a_late_click_on_a_screen_that_has_not_caught_up(asked: Desk) -> None:
    old = card(asked)
    person(asked, "bo").perform(("approve", "vote", "AP-1", "--no"), reason="not before the holidays")
    asked.rests()
    assert "was rejected by bo" in str(card(asked)["text"])
    assert "approve" not in str([each for each in card(asked)["blocks"] if each["type"] == "actions"])  # type: ignore[attr-defined]
    assert asked.slack.click("cy", old, "Approve…").modal is None, "nobody is asked why first"
    asked.works()
    status, error, said = refusal(asked, "cy")
    assert (status, error, votes(asked)) == ("error", "conflict", {"bo": "no"})
    assert "AP-1 was rejected by bo (simulated)" in said
    assert "not before the holidays" in said


def test_a_card_whose_plan_changed_has_no_vote_to_press(asked: Desk, project: Path) -> None:
    assert "Approve…" in str(card(asked)["blocks"])
    asked.happens(Made(project).finding("warn"))
    asked.rests()
    shown = card(asked)
    assert "is void, since what was asked for changed" in str(shown["text"])
    assert "Approve…" not in str(shown["blocks"])
    assert "Ask again" in str(shown["blocks"])


def test_a_broken_glass_is_a_red_card_with_its_review(desk: Desk, project: Path) -> None:
    desk.happens(Made(project).trained(), Approval(
        subject="AP-1", event="glass", argv=("promote", SUBJECT, "--break-glass"), quorum=2, role="approver",
        requester="bo", title=f"promote {SUBJECT} at once", reason="nothing answers"))
    desk.listens()
    desk.rests()
    assert "AP-1 wants a review: bo did it without votes" in str(card(desk)["text"])
    assert desk.slack.click("bo", card(desk), "It was right…").modal is None, "not by who did it"
    desk.works()
    assert "bo asked for AP-1 and cannot approve it" in desk.slack.ephemerals("bo")[-1]["text"]
    assert desk.slack.click("cy", card(desk), "It was right…").modal
    assert desk.slack.submit("cy", values={"reason": "nobody else was awake"}).ok
    desk.works()
    desk.rests()
    assert "AP-1 was reviewed by cy" in str(card(desk)["text"])
    assert "It was right" not in str(card(desk)["blocks"])


def test_a_vote_after_its_time(asked: Desk) -> None:
    state = folds.approvals(asked.ledger.entries(), asked.world())["AP-1"]
    asked.world.advance(state.expires_at)
    status, error, said = tries(asked, "bo")
    assert (status, error, votes(asked)) == ("error", "conflict", {})
    assert "AP-1 has expired at 2013-09-15" in said


def test_a_role_that_was_lost_since_it_was_asked(asked: Desk) -> None:
    team(asked, "bo: {slack: U02, roles: [approver, oncall]", "bo: {slack: U02, roles: [oncall]")
    status, _, said = tries(asked, "bo")
    assert (status, votes(asked)) == ("denied", {})
    assert "bo does not hold the role 'approver'" in said


def test_somebody_who_never_had_it(asked: Desk) -> None:
    status, _, said = tries(asked, "vera")
    assert (status, votes(asked)) == ("denied", {})
    assert "may not run 'approve vote'" in said


def test_two_accounts_of_one_person(asked: Desk) -> None:
    team(asked, "bo: {", "bo: {login: bo, ")
    team(asked, "cy: {", "cy: {login: bo, ")
    yes(asked, "bo")
    status, _, said = tries(asked, "cy")
    assert (status, votes(asked)) == ("denied", {"bo": "yes"})
    assert "cy and bo, who has voted on AP-1, are one person" in said


def test_two_people_with_one_mail(asked: Desk) -> None:
    team(asked, "bo: {", "bo: {email: Bo@example.org, ")
    team(asked, "cy: {", "cy: {email: bo@example.org, ")
    yes(asked, "bo")
    status, _, said = tries(asked, "cy")
    assert (status, votes(asked)) == ("denied", {"bo": "yes"})
    assert "are one person" in said


def test_simulated_people_where_the_clock_is_real(asked: Desk) -> None:
    settings = asked.folder / "mlops.yaml"
    settings.write_text(settings.read_text().replace("clock: replay", "clock: system"))
    status, _, said = tries(asked, "bo")
    assert (status, votes(asked)) == ("denied", {})
    assert "bo is simulated" in said


def test_one_account_that_two_names_claim_is_nobodys(asked: Desk) -> None:
    team(asked, "cy: {slack: U03", "cy: {slack: U02")
    asked.slack.slash("bo", VOTE)
    asked.works()
    entry = asked.ledger.entries("command")[-1]
    assert (entry.fact.error, votes(asked)) == ("unknown_person", {})  # type: ignore[attr-defined]


def test_somebody_whom_nobody_knows(asked: Desk) -> None:
    assert asked.slack.click("eve", card(asked), "Approve…").modal is None
    asked.works()
    entry = asked.ledger.entries("command")[-1]
    assert (entry.fact.status, entry.fact.error, votes(asked)) == ("denied", "unknown_person", {})  # type: ignore[attr-defined]
    assert "not in this project's team.yaml" in asked.slack.ephemerals("eve")[-1]["text"]


def test_what_somebody_whom_nobody_knows_typed_does_not_stay_in_the_history(asked: Desk) -> None:
    asked.slack.slash("eve", 'incident note INC-1 "call Ana at 0151 2345"')
    asked.works()
    assert asked.ledger.entries("command")[-1].fact.argv == ("incident", "note")  # type: ignore[attr-defined]


@pytest.mark.parametrize("how", ["slash", "click", "mention", "home"])
def test_somebody_in_another_workspace(asked: Desk, how: str) -> None:
    """The same ids mean other people there."""
    ours, before = card(asked), len(asked.slack.calls)
    asked.slack.state.team_id = "T0OTHER"
    doing: dict[str, Callable[[], object]] = {
        "slash": lambda: asked.slack.slash("bo", VOTE), "click": lambda: asked.slack.click("bo", ours, "Approve…"),
        "mention": lambda: asked.slack.mention("bo", VOTE), "home": lambda: asked.slack.open_home("bo")}
    seen = doing[how]()
    if how == "slash":
        assert getattr(seen, "text", "") == "■ This bot belongs to another workspace. Nothing was done."
    asked.works()
    entry = asked.ledger.entries("command")[-1]
    assert (entry.actor, entry.fact.status, entry.fact.error) == (  # type: ignore[attr-defined]
        "somebody in another workspace", "denied", "wrong_workspace")
    assert votes(asked) == {}
    said = [each.method for each in asked.slack.calls[before:] if each.method.startswith(("chat.", "views."))]
    assert said == [], "nobody there is answered"


def done(desk: Desk) -> None:
    """The job that was begun is over, and its answer said."""
    desk.works()
    desk.slack.until(lambda: not jobs.running(desk.session) and not any(
        jobs.alive(each) for each in jobs.rows(desk.session).newest()), 30)
    desk.worker.tell_ended()
    desk.speaks(3)


@pytest.mark.parametrize(("change", "why"), [("plan", "the plan is not the one that was asked for"),
                                             ("role", "bo no longer holds the role 'approver'")])
def test_what_changed_between_the_votes(asked: Desk, project: Path, change: str, why: str) -> None:
    yes(asked, "bo")
    if change == "plan":
        asked.happens(Made(project).finding("warn"))
    else:
        team(asked, "bo: {slack: U02, roles: [approver, oncall]", "bo: {slack: U02, roles: [oncall]")
    asked.slack.slash("cy", VOTE)
    done(asked)
    state = folds.approvals(asked.ledger.entries(), asked.world())["AP-1"]
    assert (state.state, why in state.reason) == ("void", True)
    assert [entry.kind for entry in asked.ledger.entries("promotion")] == []
    assert why in str([each.payload for each in asked.slack.called("chat.postMessage")])


def test_the_files_that_these_people_stand_in_are_the_ones_that_are_edited() -> None:
    assert "bo: {slack: U02, roles: [approver, oncall]" in TEAM
    assert "clock: replay" in FILES["mlops.yaml"]
