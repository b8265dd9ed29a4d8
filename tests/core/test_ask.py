"""Questions in plain words: the right command for certain, or among three; and nothing is ever done by asking."""

import re
import shlex
import subprocess
import sys
from datetime import UTC, date, datetime

import pytest

from mlops_tui import asking
from mlops_tui.commands import perform
from mlops_tui.core import _phrases
from mlops_tui.core._helptext import commands
from mlops_tui.core._meaning import World, meaning
from mlops_tui.core._mentioned import closest, distance
from mlops_tui.core._nearest import ranked
from mlops_tui.core._since import when
from mlops_tui.session import without_project
from mlops_tui.view import Status
from store.facts import AlertEvent, IncidentEvent, Questioned

NOW = datetime(2013, 9, 14, 6, tzinfo=UTC)  # a Saturday
NAMES = {"model": ["flights-delay"], "dataset": ["flights", "planes", "weather"],
         "monitor": ["flights-calibration", "flights-drift", "flights-health", "flights-performance"],
         "pipeline": ["daily"], "runbook": ["bad-deploy", "data-drift", "missing-batch", "performance-decay"],
         "feature": ["airport_delays"], "person": ["ana", "bo", "cy"]}
MONITORS = {(check, "flights-delay"): f"flights-{check}" for check in ("drift", "performance", "calibration")}
RUNBOOKS = {"missing-batch": "Yesterday's batch is missing. Late, or lost? Ask the owner of the source.",
            "data-drift": "The inputs moved. Is the data whole? What moved?",
            "bad-deploy": "A release made it worse. Roll back.",
            "performance-decay": "The model answers worse than it did. What is the cheapest remedy?"}
WORLD = World(NAMES, MONITORS, commands(), RUNBOOKS, NOW)

# What people ask, and the command that they mean; `|` are those of which one must be offered where several are meant.
CERTAIN = """
why is flights-delay red?                                   why flights-delay
Why is flights-delay red                                    why flights-delay
why is flihgts-delay red?                                   why flights-delay
wjy is flights-delay red                                    why flights-delay
hey, why is the model so bad today?                         why flights-delay
why did flights delay get worse since last week?            why flights-delay --window 7d
why was flights-delay red on 3 Sept?                        why flights-delay --to 2013-09-04
what's wrong with flights-delay                             why flights-delay
what happened to flights-delay?                             why flights-delay
what changed in flights-delay since 1 Sept                  why flights-delay --window 13d
why did AL-3 fire?                                          why AL-3
why was alert 3 fired                                       why AL-3
explain al-7 please                                         why AL-7
what caused INC-1?                                          why INC-1
why did the daily pipeline fail                             pipeline status daily
why was flights-delay@8 refused?                            promote --history flights-delay@8
why is flights-delay not promoted                           promote --history flights-delay
what changed since yesterday?                               digest
waht chnaged since yesterday                                digest
what is new                                                 digest
what changed since last week                                digest --period week
what has changed in the last 3 days                         digest --period week
what did I miss?                                            digest
did anything happen last night?                             digest
what happened overnight                                     digest
who is on call?                                             oncall show
who's on duty                                               oncall show
whose shift is it                                           oncall show
which incidents are like INC-2?                             incident similar INC-2
merge INC-4 into INC-3                                      incident merge INC-4 --into INC-3
what waits for me?                                          status
what's waiting for me                                       status
what do I have to do today                                  status
is everything ok?                                           status
how is everything                                           status
what is red right now?                                      status
how were things on 3 Sept?                                  status --as-of 2013-09-04
what was the status last week                               status --as-of 2013-09-08
anything to approve?                                        approve list
what needs my vote                                          status
which approvals are open                                    approve list
how is flights-delay?                                       model show flights-delay
how is flights-delay doing                                  model show flights-delay
is INC-1 over?                                              incident show INC-1
is incident 1 resolved yet                                  incident show INC-1
inc1                                                        incident show INC-1
show me INC-2                                               incident show INC-2
how is AL-7                                                 alert show AL-7
who is working on INC-1?                                    incident show INC-1
who voted on AP-1                                           approve show AP-1
is ap-1 approved?                                           approve show AP-1
compare flights-delay@8 with flights-delay@champion         compare flights-delay@8 --preview
is the challenger better than the champion?                 compare flights-delay@challenger --preview
compare flights and weather                                 snapshot diff flights weather
show alerts                                                 alert list
list open incidents                                         incident list
show me all incidents                                       incident list --all
which incidents are open?                                   incident list
are there any alerts                                        alert list
how many alerts are firing?                                 alert list
list the models                                             model list
show runbooks                                               runbook list
which jobs are running                                      job list
show data drift runbook                                     runbook show data-drift
incidnets                                                   incident list
did flights-delay drift?                                    monitor show flights-drift
how much has flights-delay drifted                          monitor show flights-drift
is flights-delay well calibrated?                           monitor show flights-calibration
how accurate is flights-delay                               monitor show flights-performance
which version of flights-delay serves?                      model show flights-delay
when was flights-delay trained                              model show flights-delay
has weather arrived?                                        snapshot log weather
how many bad rows are in flights                            quarantine list flights
how late are labels of flights-delay                        maturity flights-delay
who owns weather?                                           catalog show weather
what columns does flights have                              catalog show flights
what can I do about INC-1                                   incident show INC-1
how do I fix AL-2?                                          alert show AL-2
what did we learn from INC-1                                postmortem show INC-1
has anybody tampered with the history                       audit verify
what is running?                                            job list
job 7                                                       job log 7
ack AL-1                                                    alert ack AL-1
silence AL-1 for 2 hours                                    alert silence AL-1 --for 2h
please resolve INC-1                                        incident resolve INC-1
approve AP-1                                                approve vote AP-1
promote flights-delay@8                                     promote flights-delay@8
roll back flights-delay                                     promote --rollback flights-delay
retrain flights-delay                                       train flights-delay
start the data-drift runbook                                runbook run data-drift
run data-drift for INC-2                                    runbook run data-drift --incident INC-2
assign AL-3 to bo                                           alert assign AL-3 bo
make ana lead of INC-1                                      incident role INC-1 lead ana
"""
CHOICES = """
what can I do about flights-delay?                          remedy flights-delay
why is weather broken                                       quarantine list weather | snapshot log weather
the batch did not come                                      runbook show missing-batch
is flights-delay ready                                      checklist show flights-delay@challenger
how do i shut up an alert for the night                     alert silence
where does arrival delay come from                          catalog search | provenance of | dictionary show
drop old snapshots that nobody needs                        snapshot gc
what would have caught it earlier                           backtest | drill | power
give me the rows that broke the contract                    quarantine show | quarantine list
smallest change we can see                                  power
how fair is the model to groups                             bias
which features are volatile                                 stability
alert frobnicate                                            alert
incident reslove INC-1                                      incident resolve
close AL-4                                                  alert resolve
what changed since 1 March                                  digest
model show it again with the other version                  model show
write to Bob                                                .
"""


def pairs(text):
    return [tuple(re.split(r"\s{2,}", line.strip())) for line in text.strip().splitlines()]


def said(meant):
    seen = f" --as-of {meant.as_of:%Y-%m-%d}" if meant.as_of else ""
    return " ".join(meant.argv) + seen


@pytest.mark.parametrize(("asked", "command"), pairs(CERTAIN))
def test_what_is_asked_in_plain_words_is_understood(asked, command):
    found = meaning(asked, WORLD)
    assert ([said(each) for each in found.meant], found.certain) == ([command], True)


def offered_for(asked, wanted):
    """Whether three at most were offered with the right one among them, and none was taken for certain."""
    found = meaning(asked, WORLD)
    lines = [said(each) for each in found.meant]
    assert (found.certain, 2 <= len(lines) <= 3) == (False, True), (asked, lines)
    return wanted == "." or any(line.startswith(each.strip()) for each in wanted.split("|") for line in lines)


def test_what_is_not_certain_is_a_choice_and_nearly_always_with_the_right_one_in_it():
    missed = [asked for asked, wanted in pairs(CHOICES) if not offered_for(asked, wanted)]
    assert len(missed) <= 0.15 * len(pairs(CHOICES)), missed


def test_a_word_that_means_nothing_is_a_choice_of_three_all_the_same() -> None:
    found = meaning("qwertz", WORLD)
    assert [each.argv for each in found.meant][:2] == [("status",), ("digest", "show")]


def test_the_golden_set_is_large_enough_to_say_something():
    """Accuracy on it: every one of the certain; of the others at least 85 % (all of them when this was written)."""
    assert (len(pairs(CERTAIN)) >= 60, len(pairs(CHOICES)) >= 15) == (True, True)


# -- what it is made of ---------------------------------------------------------------------------------------------


def test_every_command_that_a_phrase_means_exists():
    from_phrases = {tuple(word for word in line.split()[:2] if not word.startswith(("{", "-")))
                    for phrase in _phrases.PHRASES for line in phrase[1:] if not line.startswith("{")}
    known = {key[:1] for key in commands()} | set(commands())
    assert {each for each in from_phrases if each not in known and each != ("oncall",)} == set()


@pytest.mark.parametrize(("a", "b", "far"), [
    ("", "", 0), ("why", "wyh", 1), ("flights", "flight", 1), ("kitten", "sitting", 3), ("ca", "abc", 3),
    ("incidnets", "incidents", 1), ("abcdef", "uvwxyz", 3)])
def test_slips_of_the_pen_are_counted(a, b, far):
    assert distance(a, b) == distance(b, a) == far


def test_a_slip_that_may_be_two_words_is_none():
    assert (closest("alret", ["alert", "alarm"]), closest("waht", ["what", "wait"])) == ("alert", "what")
    assert closest("baat", ["boat", "beat"]) == ""


@pytest.mark.parametrize(("text", "day", "how"), [
    ("since yesterday", date(2013, 9, 13), "since"), ("today", date(2013, 9, 14), ""),
    ("since monday", date(2013, 9, 9), "since"), ("last saturday", date(2013, 9, 7), ""),
    ("on 3 sept", date(2013, 9, 3), "on"), ("on sep 3rd, 2012", date(2012, 9, 3), "on"),
    ("since 24 december", date(2012, 12, 24), "since"), ("on the 1st of may", date(2013, 5, 1), "on"),
    ("as of 2013-08-01", date(2013, 8, 1), "as of"), ("last week", date(2013, 9, 7), ""),
    ("for the last 10 days", date(2013, 9, 4), "for"), ("3 weeks ago", date(2013, 8, 24), "")])
def test_days_are_said_in_many_ways(text, day, how):
    rest, found = when(f"what changed {text}", NOW)
    assert (found.day, found.how, rest) == (day, how, "what changed _day_")


@pytest.mark.parametrize("text", ["on 31 sept", "in may", "flight 3", "maybe"])
def test_what_is_no_day_is_left_alone(text):
    assert when(text, NOW) == (text, None)


def test_rare_words_count_for_more_and_long_texts_for_less():
    texts = {"a": "alert alert list", "b": "alert silence", "c": "silence " + "word " * 50, "d": "nothing"}
    assert [key for key, _ in ranked("silence an alert", texts)] == ["b", "a", "c"]
    assert ranked("quantum", texts) == []


# -- through the door -----------------------------------------------------------------------------------------------


@pytest.fixture
def lived(session):
    ana = session()
    ana.ledger.append(
        AlertEvent(subject="AL-1", event="fired", monitor="flights-drift", about="flights-delay", check="drift",
                   severity="high", title="day moved", runbook="data-drift"),
        IncidentEvent(subject="INC-1", event="opened", title="late labels", severity="high", about="flights-delay"))
    return ana


def test_a_look_is_answered_with_the_command_it_was_taken_for(lived):
    outcome = lived.perform(("ask", "is", "inc-1", "over?"))
    shown = lived.perform(("incident", "show", "INC-1")).view
    assert (outcome.view.title, outcome.view.facts()["understood"]) == (shown.title, "incident show INC-1")
    assert outcome.view.parts[1:] == shown.parts


def test_what_is_not_there_is_said_as_the_command_says_it(lived):
    outcome = lived.perform(("ask", "is INC-99 over?"))
    assert "INC-99" in outcome.view.title
    assert (outcome.view.status, outcome.view.facts()["understood"]) == (Status.ERROR, "incident show INC-99")
    assert outcome.exit == 2


@pytest.mark.parametrize("text", [
    "ack AL-1", "resolve INC-1", "silence AL-1 for 2 hours", "retrain flights-delay", "promote flights-delay",
    "open an incident about flights-delay", "what can I do about flights-delay?", "delete everything"])
def test_asking_changes_nothing_and_offers_what_would(lived, text):
    before = lived.ledger.head_seq()
    outcome = lived.perform(("ask", text))
    assert lived.ledger.head_seq() == before
    assert outcome.error is None
    assert outcome.view.actions
    for action in outcome.view.actions:
        assert asking.call_of(lived, action.argv) is not None or action.argv[-1] == "--help" or action.asks


def test_a_judgement_is_left_with_its_reason_to_the_person(lived):
    [action] = lived.perform(("ask", "resolve INC-1")).view.actions
    assert (action.argv, action.asks) == (("incident", "resolve", "INC-1"), ("reason",))


def test_how_it_stood_on_a_day_is_seen_as_of_that_day(lived, clock):
    view = lived.perform(("ask", "list open incidents on 3 sept")).view
    assert view.facts()["understood"] == "incident list --as-of 2013-09-04"
    assert view.table("incidents").rows == ()
    assert lived.perform(("ask", "list open incidents")).view.table("incidents").rows


def test_without_a_project_it_still_knows_the_commands(tmp_path):
    outcome = without_project(tmp_path, perform).perform(("ask", "how fair is my model to groups?"))
    assert outcome.view.table("choices").rows[0]["command"].startswith("bias")


@pytest.mark.parametrize(("typed", "argv"), [
    ("status", "status"), ("why is flights-delay red", "ask why is flights-delay red"),
    ("why flights-delay?", "ask why flights-delay?"), ("alrt list", "ask alrt list"),
    ("incident reslove INC-1", "ask incident reslove INC-1"), ("incident note INC-1", "incident note INC-1"),
    ("drift flights-delay --widnow 7d", "drift flights-delay --widnow 7d"),
    ('incident note INC-1 "why so late?"', 'incident note INC-1 "why so late?"'),
    ("ask why flights-delay?", "ask why flights-delay?"), ("status --help", "status --help")])
def test_what_is_no_command_is_a_question(lived, typed, argv):
    assert list(asking.worded(lived, tuple(shlex.split(typed)))) == shlex.split(argv)


# -- whether it was understood --------------------------------------------------------------------------------------


def test_who_asks_on_a_screen_can_say_whether_it_was_the_answer(session):
    vera = session("vera")
    vera.actor = type(vera.actor)(vera.actor.name, vera.actor.roles, "slack", vera.actor.simulated)
    text = "is INC-1 over? mail ana@example.org or call +49 30 1234567, says U0ABCDEF12"
    offered = [each.argv for each in vera.perform(("ask", text)).view.actions if each.argv[:2] == ("ask", "feedback")]
    assert [argv[3] for argv in offered] == ["yes", "no"]
    assert vera.perform(offered[1]).exit == 0
    [entry] = vera.ledger.entries("question")
    assert isinstance(entry.fact, Questioned)
    assert (entry.fact.choice, entry.fact.question) == (
        "no", "is INC-1 over? mail [e-mail] or call [phone], says [person]")
    wrong = vera.perform(("ask", "feedback", "00000000", "yes", "--question", "x"))
    assert wrong.error["code"] == "bad_input"


def test_asking_costs_little_more_than_looking(lived):
    script = ("import sys, time\nfrom mlops_tui.cli import main\nsys.argv = ['mlops-tui', *sys.argv[1:]]\n"
              "try:\n    main()\nexcept SystemExit:\n    pass\n"
              "sys.stderr.write(f'\\n{time.process_time()}')")

    def seconds(*argv):
        root = str(lived.declared().root)
        done = [subprocess.run([sys.executable, "-c", script, *argv, "--project", root], capture_output=True, text=True,
                               check=True) for _ in range(2)]
        return min(float(each.stderr.splitlines()[-1]) for each in done)

    assert seconds("ask", "what waits for me?") - seconds("status") <= 0.4
