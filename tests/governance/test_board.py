"""Review boards: bound to what they were asked about, voted on once by who may, and the gate stays shut otherwise."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from bots import blocks, forms
from mlops_tui.oversight import boards
from mlops_tui.project import Project
from mlops_tui.render import terminal
from mlops_tui.render.html import as_html
from mlops_tui.view import Status
from store.facts import Assessed, BoardEvent, Command, Finding
from tests.doing import do

SUBJECT = "flights-delay@1"
TEAM = """\
people:
  ana: {roles: [engineer], simulated: true}
  bo: {roles: [approver], simulated: true}
  cy: {roles: [approver], simulated: true}
  dee: {roles: [legal], simulated: true}
  eve: {roles: [legal], simulated: true}
  flo: {roles: [approver], simulated: true}
"""
BOARD = """\
members:
  bo: {seat: credit}
  cy: {seat: science}
  dee: {seat: law, role: legal, delegate: eve}
quorum: 2/3
required: [law]
veto: [law]
guidelines: lending
expires: 7d
"""
GUIDELINES = "version: '1'\nquestions: [{id: purpose, text: Is it lawful?}, {id: harm, text: Whom may it harm?}]\n"
ANSWERS = "--answers purpose=yes,harm=no"


@pytest.fixture
def credit(project):
    for name, text in {"team.yaml": TEAM, "boards/credit.yaml": BOARD, "guidelines/lending.yaml": GUIDELINES}.items():
        (project / name).parent.mkdir(exist_ok=True)
        (project / name).write_text(text)
    edit(project, "models/flights-delay.yaml", "calibrated, checklist]", "calibrated, checklist, board]\nboard: credit")
    return project


@pytest.fixture
def asked(credit, person, made):
    ana = person("ana")
    ana.ledger.append(made.trained(), made.finding())
    assert do(ana, f"board open {SUBJECT}").exit == 0
    return ana


def edit(project, name, old, new):
    path = project / name
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def vote(session, choice="yes", more=ANSWERS, reason="read it"):
    return do(session, f"board vote BC-1 {choice} {more}", reason=reason)


def state(session, id="BC-1"):
    return boards.known(session)[id].state


def refused(session):
    fact = [entry.fact for entry in session.ledger.entries("command") if isinstance(entry.fact, Command)][-1]
    assert fact.phase == "refused"
    return fact.error


def gate(session):
    """How the gate's own item stands."""
    rows = do(session, f"promote {SUBJECT}", dry_run=True).view.table("gate").rows
    return next(row["status"].value for row in rows if row["item"] == "board")


def test_on_a_phone_a_vote_is_shown_before_its_reason(asked, person):
    vote(person("bo"), choice="no", reason="nobody whom it concerns was shown it, and it costs them more")
    shown = [str(line) for line in terminal.lines(do(asked, "board show BC-1").view, width=40)]
    heading = next(line for line in shown if line.lstrip().startswith("member"))
    assert "vote" in heading


# -- the way it should go -----------------------------------------------------------------------------------------


def test_the_gate_opens_once_the_board_has_approved(asked, person):
    assert gate(asked) == "unknown"
    assert vote(person("bo")).view.status is Status.RUNNING
    assert vote(person("cy")).view.status is Status.RUNNING, "the law may still veto it"
    assert (state(asked), gate(asked)) == ("open", "unknown")
    last = vote(person("dee"))
    assert (last.exit, state(asked), gate(asked)) == (0, "approved", "pass")
    assert ("adopt", "P-1") in [each.argv for each in last.view.actions]


def test_the_decision_record_and_the_minutes_name_every_vote(asked, person, credit):
    for name in ("bo", "cy", "dee"):
        vote(person(name), reason=f"because of {name}")
    view = do(asked, "board minutes BC-1").view
    assert [(row["member"], row["vote"], row["why"]) for row in view.table("members").rows] == [
        (name, "yes", f"because of {name}") for name in ("bo", "cy", "dee")]
    assert [row["answers"] for row in view.table("answers").rows] == [
        ("bo: yes", "cy: yes", "dee: yes"), ("bo: no", "cy: no", "dee: no")]
    do(asked, "adopt P-1", yes=True)
    record = Project(credit).decisions["bc-1-credit"]
    assert record.front["status"] == "accepted"
    assert "because of dee" in record.body


def test_a_veto_ends_it_at_once_and_shuts_the_gate(asked, person):
    vote(person("bo"))
    assert vote(person("dee"), "no").exit == 0
    assert (state(asked), gate(asked)) == ("rejected", "fail")
    assert vote(person("cy")).error["code"] == "conflict"
    again = do(asked, f"board open {SUBJECT}")
    assert "BC-1 is rejected about exactly this" in again.error["what"], "nobody asks until somebody says yes"


def test_a_delegate_votes_in_the_place_of_his_member_and_once(asked, person):
    assert vote(person("eve")).exit == 0
    [ballot] = boards.known(asked)["BC-1"].votes.values()
    assert (ballot.member, ballot.voter) == ("dee", "eve")
    assert vote(person("dee")).error["what"] == "eve has voted yes on BC-1 already, for dee."


def test_who_is_recused_leaves_both_sides_of_the_fraction(asked, person):
    assert do(person("cy"), "board recuse BC-1", reason="a relative of mine").exit == 0
    assert boards.known(asked)["BC-1"].count.said == "0 yes, 0 no, 0 abstained; quorum 2 of 2"
    assert vote(person("cy")).error["what"] == "cy is recused from BC-1."
    vote(person("bo"))
    vote(person("dee"))
    assert state(asked) == "approved"


def test_without_the_required_seat_time_runs_out(asked, person, clock):
    vote(person("bo"))
    vote(person("cy"))
    clock.advance(clock.moment + timedelta(days=7))
    assert (state(asked), gate(asked)) == ("expired", "unknown")
    assert "is expired" in vote(person("dee")).error["what"], "too late"
    assert do(asked, "board close BC-1").exit == 0
    assert asked.ledger.entries("board")[-1].fact.outcome == "expired"
    assert do(asked, "board close BC-1").error["code"] == "conflict"
    assert do(asked, f"board open {SUBJECT}").exit == 0, "it may be asked again"


def test_too_few_votes_are_no_quorum(asked, person, clock):
    vote(person("dee"))
    clock.advance(clock.moment + timedelta(days=7))
    assert (state(asked), gate(asked)) == ("no_quorum", "unknown")
    assert [entry.subject for entry in boards.noted(asked)] == ["BC-1"]
    assert boards.noted(asked) == []


# -- refused, and recorded ------------------------------------------------------------------------------------------


def test_whoever_made_it_or_asks_for_it_has_no_vote(credit, person, made):
    edit(credit, "boards/credit.yaml", "  bo: {seat: credit}", "  bo: {seat: credit}\n  ana: {seat: x, role: engineer}")
    ana = person("ana")
    ana.ledger.append(made.trained(), made.finding())
    do(ana, f"board open {SUBJECT}")
    assert boards.known(ana)["BC-1"].out == ("ana",)
    assert (vote(ana).exit, refused(ana)) == (4, "denied")
    assert "made flights-delay@1 or asked for BC-1" in vote(ana).error["what"]


def test_an_author_under_another_name_has_none_either(credit, person, made):
    edit(credit, "team.yaml", "bo: {roles", "bo: {slack: U1, roles")
    edit(credit, "team.yaml", "ana: {roles", "ana: {slack: U1, roles")
    ana = person("ana")
    ana.ledger.append(made.trained(), made.finding())
    do(ana, f"board open {SUBJECT}")
    assert (vote(person("bo")).exit, boards.known(ana)["BC-1"].out) == (4, ("bo",))


@pytest.mark.parametrize("choice", ["yes", "no", "abstain"])
def test_nobody_votes_twice(asked, person, choice):
    vote(person("bo"))
    assert "bo has voted yes on BC-1 already" in vote(person("bo"), choice).error["what"]
    assert refused(asked) == "conflict"
    assert do(person("bo"), "board recuse BC-1", reason="r").error["code"] == "conflict"


def test_who_is_no_member_is_refused(asked, person):
    assert (vote(person("flo")).exit, refused(asked)) == (4, "denied")


def test_who_lost_the_role_is_refused(asked, person, credit):
    bo = person("bo")
    edit(credit, "team.yaml", "bo: {roles: [approver]", "bo: {roles: [viewer]")
    assert (vote(bo).exit, refused(asked)) == (4, "denied")


def test_a_vote_of_somebody_who_lost_the_role_since_ends_the_case(asked, person, credit):
    vote(person("bo"))
    edit(credit, "team.yaml", "bo: {roles: [approver]", "bo: {roles: [viewer]")
    outcome = vote(person("dee"))
    assert (outcome.error["code"], state(asked), refused(asked)) == ("conflict", "invalidated", "conflict")
    assert "bo no longer holds the role 'approver'" in outcome.error["what"]


@pytest.mark.parametrize("change", ["declaration", "card", "board", "impact"])
def test_what_changes_ends_the_case_and_an_approval_of_it_is_worth_nothing(asked, person, credit, made, change):
    def changed():
        if change == "card":
            asked.ledger.append(Finding(check="card", subject="flights-delay", status="pass", title="t", version="1",
                                        detail={"digest": "new"}))
        elif change == "impact":
            asked.ledger.append(Assessed(subject="flights-delay", levels=(3, 3), classes=("high", "high"), answers="a",
                                         questions="1"))
        elif change == "board":
            edit(credit, "boards/credit.yaml", "quorum: 2/3", "quorum: 1")
        else:
            edit(credit, "models/flights-delay.yaml", "at_least: 0.70", "at_least: 0.60")

    vote(person("bo"))
    changed()
    outcome = vote(person("cy"))
    assert (outcome.error["code"], state(asked)) == ("conflict", "invalidated")
    assert f"{change} changed since it was opened" in outcome.error["what"]
    assert set(boards.known(asked)["BC-1"].votes) == {"bo"}
    assert gate(asked) == "unknown"


def test_an_approval_is_of_what_was_approved_and_of_nothing_else(asked, person, credit):
    for name in ("bo", "cy", "dee"):
        vote(person(name))
    edit(credit, "models/flights-delay.yaml", "at_least: 0.70", "at_least: 0.60")
    assert gate(asked) == "unknown"
    assert do(asked, f"board open {SUBJECT}").view.facts()["case"] == "BC-2"


def test_new_guidelines_open_the_case_anew(asked, person, credit):
    vote(person("bo"))
    edit(credit, "guidelines/lending.yaml", "version: '1'", "version: '2'")
    outcome = vote(person("cy"))
    assert outcome.error["what"] == "BC-1 has new guidelines."
    found = boards.known(asked)["BC-1"]
    assert (found.state, found.guidelines, found.reopened, dict(found.votes)) == ("open", "2", 1, {})
    assert vote(person("bo")).exit == 0, "and votes again"


def test_a_button_of_an_older_digest_counts_for_nothing(asked, person, credit):
    [button] = [each for each in do(person("cy"), "board show BC-1").view.actions if each.label == "Yes"]
    edit(credit, "guidelines/lending.yaml", "version: '1'", "version: '2'")
    vote(person("bo"))
    outcome = person("cy").perform((*button.argv, *ANSWERS.split()), reason="r")
    assert (outcome.error["code"], refused(asked)) == ("conflict", "conflict")
    assert "not any more what you looked at" in outcome.error["what"]
    assert boards.known(asked)["BC-1"].votes == {}


@pytest.mark.parametrize(("answers", "said"), [
    ("", "Every vote answers the guidelines; purpose: Is it lawful?"), ("--answers purpose=yes", "harm"),
    ("--answers purpose=maybe", "answered by yes, no, unsure"), ("--answers purpos=yes", "No question 'purpos'")])
def test_every_vote_answers_the_guidelines(asked, person, answers, said):
    outcome = vote(person("bo"), more=answers)
    assert (outcome.exit, said in outcome.error["what"]) == (2, True)
    assert boards.known(asked)["BC-1"].votes == {}


@pytest.mark.parametrize(("line", "code"), [
    ("board open flights-delay@1 --board credt", "not_declared"), ("board open flights-delay@7", "not_found"),
    ("board show BC-9", "not_found"), ("board open flights-delay@1", "conflict"), ("board close BC-1", "conflict"),
    ("board vote BC-1 maybe", "bad_input")])
def test_wrong_words_are_answered(asked, line, code):
    assert do(asked, line).error["code"] == code


def test_a_board_that_could_not_decide_is_not_asked(credit, person, made):
    edit(credit, "boards/credit.yaml", "quorum: 2/3", "quorum: 3")
    bo = person("bo")
    bo.ledger.append(made.trained(), made.finding())
    outcome = do(bo, f"board open {SUBJECT}")
    assert (outcome.exit, boards.known(bo)) == (2, {})
    assert "only 2 may vote, and 3 are the quorum, since bo made it" in outcome.error["what"]


def test_a_form_asks_what_the_guidelines_ask(asked, person):
    view = do(person("bo"), "board show BC-1").view
    assert view.actions[0].asks == ("answers:purpose", "answers:harm", "reason")


def test_the_button_s_form_asks_each_question_and_comes_back_as_a_vote(asked, person, credit):
    bo = person("bo")
    [yes] = [each for each in do(bo, "board show BC-1").view.actions if each.label == "Yes"]
    made = forms.modal(yes.argv, wanted=yes.asks, project=Project(credit))
    inputs = {block["block_id"]: block for block in made["blocks"] if block["type"] == "input"}
    assert len(inputs) == 3, "two questions and why"
    filled = {id: {"value": {"type": "static_select", "selected_option": {"value": "yes"}}
                   if block["element"]["type"] == "static_select" else {"type": "plain_text_input", "value": "fair"}}
              for id, block in inputs.items()}
    argv, reason = forms.argv_from({"values": filled}, made["private_metadata"])
    assert bo.perform(argv, reason=reason).exit == 0
    [ballot] = boards.known(asked)["BC-1"].votes.values()
    assert (ballot.choice, ballot.answers, ballot.reason) == ("yes", {"purpose": "yes", "harm": "yes"}, "fair")


HOSTILE = ["<script>alert(1)</script>", "| a | [b](http://c) `d`", "[bold red]x[/]", "---\nstatus: accepted",
           "*bold* _x_ <!channel>"]


@pytest.mark.parametrize("text", HOSTILE)
def test_words_with_marks_in_them_stay_words(asked, person, credit, text):
    edit(credit, "guidelines/lending.yaml", "Is it lawful?", repr(text))
    assert vote(person("dee"), "no").error["what"] == "BC-1 has new guidelines."
    assert vote(person("dee"), "no", reason=text).exit == 0
    view = do(asked, "board minutes BC-1").view
    zone = asked.declared().zone
    assert as_html(view, zone=zone).count("<script>alert") == 0
    assert list(terminal.lines(view, width=80))
    assert "<!channel>" not in str(blocks.message(view, zone=zone)["text"])
    do(asked, "adopt P-1", yes=True)
    record = Project(credit).decisions["bc-1-credit"]
    assert (record.front["status"], set(record.front)) == ("rejected", {"status", "date", "case"})
    assert "<script>" not in record.body.replace("\\<script\\>", "")


def test_of_votes_at_the_same_time_each_member_s_first_counts_and_the_case_is_closed_once(asked, person):
    voters = [person(name) for name in ("bo", "bo", "cy", "cy", "dee", "eve")]
    with ThreadPoolExecutor(len(voters)) as pool:
        exits = sorted(each.exit for each in pool.map(vote, voters))
    events = [entry.fact for entry in asked.ledger.entries("board")]
    voted = [each.member for each in events if each.event == "voted"]
    assert (exits.count(0), state(asked)) == (len(voted), "approved")
    assert len(set(voted)) == len(voted) in (2, 3), "two are enough where dee, who is required, is one of them"
    assert [each.event for each in events] == ["opened", *["voted"] * len(voted), "closed"]
    assert [entry.subject for entry in asked.ledger.entries("proposal")] == ["P-1"]


def test_a_voter_who_died_before_it_was_counted_leaves_it_to_whoever_comes_next(asked, person):
    vote(person("bo"))
    vote(person("cy"))
    found = boards.known(asked)["BC-1"]
    asked.ledger.append(BoardEvent(subject="BC-1", event="voted", member="dee", voter="dee", choice="yes",
                                   digest=found.digest))
    assert (state(asked), gate(asked)) == ("open", "unknown")
    assert [entry.fact.outcome for entry in boards.noted(asked)] == ["approved"]
    assert ("adopt", "P-1") in [each.argv for each in do(asked, "board close BC-1").view.actions]
    assert (do(asked, "board close BC-1").error["code"], gate(asked)) == ("conflict", "pass")
