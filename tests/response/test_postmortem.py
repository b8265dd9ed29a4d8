"""Post-mortems: drafted from the history with figures from the lake, finished by people, never made up."""

from datetime import timedelta

import duckdb
import pytest

from mlops_tui.folds import action_items, postmortems, proposals
from mlops_tui.response import _document, _reading, _writing
from mlops_tui.view import Status
from store.facts import AlertEvent, IncidentEvent, Promotion, RunbookEvent
from tests.doing import do

WRITTEN = {"Summary": "Warnings were wrong for a day.", "Contributing factors": "- the feed\n- the holiday",
           "What went well": "The alert.", "What went badly": "The page.", "Where we got lucky": "It was a Sunday."}


def predictions(session, clock):
    """40 answers in the hours before the incident's end, every fourth flight late; the outcomes of 30 are in."""
    lake = session.data()
    end = clock.moment
    query = f"""
        SELECT i AS id, TIMESTAMPTZ '{end}' - INTERVAL (i + 1) HOUR AS sched_dep, '2013-09-13' AS day,
               i % 4 = 0 AS late, '1' AS version, CASE WHEN i % 8 < 4 THEN 0.9 ELSE 0.1 END AS score
        FROM range(40) t(i)"""
    labels = lake.write("flights", f"SELECT id, sched_dep, day, late FROM ({query})", sort=("id",),
                        partition_by=("day",))
    log = lake.write("flights-delay.predictions", f"SELECT id, sched_dep, day, version, score FROM ({query})",
                     sort=("id",), partition_by=("day",))
    session.commit(labels)
    session.commit(log)


@pytest.fixture
def over(session, made, clock):
    """Bo's session after an incident of a day and a half: drift fired, a runbook ran, another version serves."""
    bo = session("bo")
    bo.ledger.append(made.trained("1"),
                     Promotion(subject="flights-delay", version="1", previous="", approval="", evidence=""))
    clock.advance(clock.moment + timedelta(days=1))
    bo.ledger.append(made.finding("fail"), made.finding("fail"), made.finding("pass", "performance"))
    bo.react(0)
    do(bo, "incident open --alert AL-1 --since 2013-09-15T00:00+00:00 --title 'late | [labels] <b>'")
    clock.advance(clock.moment + timedelta(hours=26))
    bo.ledger.append(RunbookEvent(subject="RUN-1", event="started", runbook="data-drift", incident="INC-1"),
                     RunbookEvent(subject="RUN-1", event="step", step=1, status="pass", note="nothing | moved"),
                     Promotion(subject="flights-delay", version="2", previous="1", approval="AP-1", evidence=""))
    do(bo, "incident resolve INC-1", reason="version 2 serves")
    return bo


def drafted(session):
    outcome = do(session, "postmortem draft INC-1")
    assert outcome.exit == 0, outcome.error
    [proposal] = [each for each in proposals(session.ledger.entries()).values() if each.state == "open"]
    return session.data().object(proposal.document).decode("utf-8")


def section(text, name):
    return text.split(f"## {name}\n")[1].split("\n## ")[0]


def test_the_draft_is_the_history_told_once(over):
    text = drafted(over)
    assert "| Version | 1 when it began, 2 now |" in text
    assert "The monitor flights-drift fired AL-1, 10 h 00 min after the onset as estimated" in text
    assert "| Resolved | 2013-09-16 08:00 EDT, 26 h 00 min after detection |" in text
    assert "version 1 was trained (logistic)" in section(text, "Trigger")
    assert section(text, "Detection").count("| drift | fail |") == 2
    assert "| RUN-1 (data-drift) | 1 | pass |" in section(text, "Resolution")
    for line in ("AL-1 fired", "opened: late", "resolved (version 2 serves)", "flights-delay promoted 2 (was 1)"):
        assert line in section(text, "Timeline")
    assert _reading.missing(text) == list(WRITTEN), "what only people know is visibly empty"


def test_every_time_is_where_the_project_is(over, clock):
    text = drafted(over)
    assert "| Onset | 2013-09-14 20:00 EDT, 10 h 00 min before detection |" in text
    assert "| Detected | 2013-09-15 06:00 EDT |" in text
    assert "| 2013-09-16 08:00 EDT | bo (simulated) | resolved (version 2 serves) |" in section(text, "Timeline")
    assert "UTC" not in text


def test_the_draft_does_not_say_of_itself_what_its_state_is(over):
    assert "| Status |" not in drafted(over)


def test_what_was_found_is_told_in_order_of_time_and_of_many_what_failed(over, made, clock, monkeypatch):
    over.ledger.append(made.finding("fail", "calibration"), effective_at=clock.moment - timedelta(hours=20))
    rows = [line.split(" | ") for line in section(drafted(over), "Detection").splitlines() if "EDT" in line]
    assert [row[1] for row in rows] == sorted(row[1] for row in rows)
    assert [row[2] for row in rows] == ["drift", "drift", "performance", "calibration"]
    monkeypatch.setattr(_document, "MOST", 3)
    text = section(drafted(over), "Detection")
    assert "| pass |" not in text
    assert "1 more of that time is in the history" in text


def test_a_gate_that_said_no_is_part_of_the_story_and_detected_nothing(over, made, clock):
    said = "flights-delay@3 may not serve: calibrated fails"
    over.ledger.append(made.finding("fail", "gate", title=said, monitor=""), effective_at=clock.moment)
    text = drafted(over)
    assert "gate" not in section(text, "Detection")
    assert "gate fail: flights-delay@3 may not serve" in section(text, "Timeline")


def test_what_people_typed_is_data_and_not_markdown(over):
    text = drafted(over)
    assert "late \\| \\[labels\\] \\<b\\>" in text
    assert "nothing \\| moved" in text
    assert "<b>" not in text
    rows = [line for line in section(text, "Timeline").splitlines() if line.startswith("|")]
    assert {line.replace("\\|", "").count("|") for line in rows} == {4}


@pytest.mark.parametrize(("value", "shown"), [
    ("a_b _c_", "a_b \\_c\\_"), ("# x\n- y", "\\# x - y"), ("`a`", "\\`a\\`"), ("a & b &lt;", "a & b &amp;lt;"),
    ("\\", "\\\\"), ("[x](y)", "\\[x\\](y)"), (3, 3)])
def test_every_value_is_escaped(value, shown):
    assert _document.printed(value) == shown


def test_the_impact_is_counted_in_the_lake_with_the_query_beside_it(over, clock):
    predictions(over, clock)
    view = do(over, "postmortem draft INC-1").view
    during, before = view.table("impact").rows
    # hours 1..36 before the end are i = 0..35; outcomes are known after 12 hours, so those of i = 11..35 are in
    known = [i for i in range(36) if i + 1 >= 12]
    assert (during["predictions"], during["outcomes_known"]) == (36, len(known))
    assert during["flagged"] == sum(i % 8 < 4 for i in range(36))
    assert during["false_alarms"] == sum(i % 8 < 4 and i % 4 != 0 for i in known)
    assert during["missed"] == sum(i % 8 >= 4 and i % 4 == 0 for i in known)
    assert during["seen"] == pytest.approx(sum(i % 4 == 0 for i in known) / len(known))
    assert before["predictions"] == 4
    impact = section(drafted(over), "Impact")
    assert "| predictions | 36 | 4 |" in impact
    query = impact.split("```sql\n")[1].split("\n```")[0]
    assert 'FROM "flights-delay.predictions@' in query
    assert str(over.project.root) not in query, "it names datasets, not places on a machine"


def test_outcomes_that_came_by_themselves_count_and_failed_requests_do_not(over, clock):
    """The impact counts what every other command counts: the log with all that labels it."""
    lake, end = over.data(), clock.moment
    log = f"""SELECT 'r' || i AS prediction_id, TIMESTAMPTZ '{end}' - INTERVAL (i + 1) HOUR AS sched_dep,
                     '1' AS version, '2013-09-13' AS day, 0.9 AS score, CASE WHEN i < 2 THEN 500 ELSE 200 END AS status
              FROM range(10) t(i)"""
    over.commit(lake.write("flights-delay.predictions", log, sort=("prediction_id",), partition_by=("day",)))
    over.commit(lake.write("flights-delay.labels", f"SELECT 'r5' AS prediction_id, 0 AS label, TIMESTAMPTZ '{end}' - "
                           "INTERVAL 1 HOUR AS known_at", sort=("prediction_id",)))
    during = do(over, "postmortem draft INC-1").view.table("impact").rows[0]
    assert (during["predictions"], during["outcomes_known"], during["false_alarms"]) == (8, 1, 1)
    assert '"flights-delay.labels@' in section(drafted(over), "Impact")


def test_the_query_in_the_document_gives_the_figures_in_the_document(over, clock):
    predictions(over, clock)
    text = section(drafted(over), "Impact")
    query = text.split("```sql\n")[1].split("\n```")[0]
    for dataset in ("flights-delay.predictions", "flights"):
        manifest = over.snapshot(dataset)
        query = query.replace(f'"{dataset}@{manifest.id[:12]}"', over.data().scan(manifest))
    values = {"from": "2013-09-15T00:00:00+00:00", "until": "2013-09-16T12:00:00+00:00",
              "now": over.now().isoformat(), "threshold": 0.5}
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    found = connection.execute(query, values).fetchone()
    assert found[0] == 36


def test_an_impact_that_cannot_be_counted_says_why(over):
    assert "It was not computed: 'flights-delay' has no predictions in the lake." in drafted(over)


def test_errors_have_a_price_where_the_model_says_so(over, clock, project):
    path = project / "models" / "flights-delay.yaml"
    path.write_text(path.read_text() + "value: {kpi: k, per: true positive, worth: 40 EUR, false_alarm: 10 EUR}\n")
    over.project = type(over.project)(project)
    predictions(over, clock)
    during, _ = do(over, "postmortem draft INC-1").view.table("impact").rows
    assert during["cost"] == 10 * during["false_alarms"] + 40 * during["missed"]
    assert "| cost, EUR |" in drafted(over)


def test_a_newer_draft_takes_the_place_of_the_older(over):
    drafted(over)
    drafted(over)
    states = [each.state for each in proposals(over.ledger.entries()).values()]
    assert states == ["declined", "open"]


# -- written by people --------------------------------------------------------------------------------------------


def adopted(over, session):
    drafted(over)
    ana = session("ana")
    assert do(ana, "adopt P-1", yes=True).exit == 0
    return ana.project.root / "postmortems" / "INC-1.md"


def fill(path, **sections):
    text = path.read_text()
    for name, body in sections.items():
        text = text.replace(f"## {name}\n", f"## {name}\n\n{body}\n", 1)
    path.write_text(text)


def test_a_redraft_tells_what_is_known_by_now_and_keeps_what_people_wrote(over, session, clock):
    path = adopted(over, session)
    assert do(over, "postmortem draft INC-1").view.title == "The post-mortem of INC-1 has nothing new"
    fill(path, Summary="Mine.", Timeline="Not the whole story.")
    path.write_text(path.read_text() + "\n## Money\n\nNone was lost.\n")
    do(session("ana"), "postmortem tell INC-1 --saw 'a | bar'")
    do(over, "postmortem action INC-1 --type detect --title 'alert on late labels'")
    view = do(over, "postmortem draft INC-1").view
    assert view.facts()["kept_as_written"] == (), "nothing that is new was left out"
    [proposal] = [each for each in proposals(over.ledger.entries()).values() if each.state == "open"]
    assert do(session("ana"), f"adopt {proposal.id}", yes=True).exit == 0
    text = path.read_text()
    for written in ("Mine.", "Not the whole story.", "None was lost."):
        assert written in text
    assert "### ana (was not asked)\n\n- Saw: a \\| bar" in section(text, "What people said")
    assert "alert on late labels" in section(text, "Actions")
    clock.advance(clock.moment + timedelta(days=1))
    assert do(over, "postmortem draft INC-1").view.title == "The post-mortem of INC-1 has nothing new"


def test_what_people_rewrote_stays_though_the_history_says_something_else_now(over, session):
    path = adopted(over, session)
    path.write_text(path.read_text().replace("Everybody who was there was heard.", "").replace(
        "Not heard: bo.", "Bo told us at lunch."))
    do(over, "postmortem tell INC-1 --nothing")
    view = do(over, "postmortem draft INC-1").view
    assert view.facts()["kept_as_written"] == ("What people said",)
    assert view.title == "The post-mortem of INC-1 has nothing new"
    assert "Bo told us at lunch." in path.read_text()


def test_it_is_not_finished_while_something_is_empty(over, session):
    path = adopted(over, session)
    fill(path, **{name: body for name, body in WRITTEN.items() if name != "Where we got lucky"})
    outcome = do(over, "postmortem finish INC-1")
    assert (outcome.exit, outcome.error["what"]) == (2, "Still empty: Where we got lucky.")
    assert do(over, "postmortem show INC-1").view.facts()["empty"] == ("Where we got lucky",)


def test_a_draft_that_nobody_adopted_is_to_be_adopted_and_not_drafted_again(over):
    assert "postmortem draft INC-1" in do(over, "postmortem finish INC-1").error["next"]
    drafted(over)
    assert "adopt P-1" in do(over, "postmortem finish INC-1").error["next"]
    offered = [each.argv for each in do(over, "incident show INC-1").view.actions]
    assert ("postmortem", "show", "INC-1") in offered
    assert ("postmortem", "draft", "INC-1") not in offered


def test_finishing_keeps_the_document_and_takes_up_its_actions(over, session):
    path = adopted(over, session)
    fill(path, **WRITTEN)
    path.write_text(path.read_text().replace("| --- | --- | --- | --- | --- |\n", "| --- | --- | --- | --- | --- |\n"
                                             "| | alert on \\| labels | detect | bo | 2013-10-01 |\n"))
    outcome = do(over, "postmortem finish INC-1")
    assert outcome.exit == 0, outcome.error
    state = postmortems(over.ledger.entries())["INC-1"]
    assert (state.state, over.data().object(state.document)) == ("finished", path.read_bytes())
    [item] = action_items(over.ledger.entries()).values()
    assert (item.id, item.title, item.owner, item.due) == ("INC-1/1", "alert on | labels", "bo", "2013-10-01")


def test_what_is_finished_is_offered_again_only_where_somebody_changed_it(over, session):
    def offered():
        return [(action.label, action.argv) for action in do(over, "postmortem show INC-1").view.actions]

    do(over, "postmortem draft INC-1")
    assert offered() == [("Which proposal is it?", ("adopt", "list"))], "there is no file to finish"
    assert do(session("ana"), "adopt P-1", yes=True).exit == 0
    path = over.project.root / "postmortems" / "INC-1.md"
    assert offered() == [("It is finished", ("postmortem", "finish", "INC-1"))]
    fill(path, **WRITTEN)
    assert do(over, "postmortem finish INC-1").exit == 0
    assert offered() == []
    path.write_text(path.read_text() + "\nLater: it was the feed.\n")
    assert offered() == [("Keep it as it is now", ("postmortem", "finish", "INC-1"))]


@pytest.mark.parametrize(("line", "said"), [
    ("| | x | detect | | 2013-10-01 |", "has no owner"), ("| | x | detect | bo | soon |", "no due date"),
    ("| | x | fix | bo | 2013-10-01 |", "has the type 'fix'"), ("| | | detect | bo | 2013-10-01 |", "says nothing")])
def test_an_action_needs_owner_day_and_type(over, session, line, said):
    path = adopted(over, session)
    fill(path, **WRITTEN)
    path.write_text(path.read_text().replace("| --- | --- | --- | --- | --- |\n",
                                             f"| --- | --- | --- | --- | --- |\n{line}\n"))
    outcome = do(over, "postmortem finish INC-1")
    assert outcome.exit == 2
    assert said in outcome.error["what"]
    assert action_items(over.ledger.entries()) == {}


def test_words_of_blame_are_hinted_at_and_forbid_nothing(over, session):
    path = adopted(over, session)
    fill(path, **(WRITTEN | {"Summary": "Bo should have looked; the root cause was Bo."}))
    outcome = do(over, "postmortem finish INC-1")
    assert outcome.exit == 0
    assert {row["word"] for row in outcome.view.table("hints").rows} == {"should have", "root cause"}
    assert _reading.hints(drafted_template()) == [], "the template itself blames nobody"


def drafted_template():
    from importlib.resources import files

    return files("templates").joinpath("postmortem.md.j2").read_text()


# -- actions ------------------------------------------------------------------------------------------------------


def test_an_action_has_an_owner_and_a_day(over):
    outcome = do(over, "postmortem action INC-1 --type detect --title 'alert on labels' --owner ana --due 2013-10-01")
    assert outcome.exit == 0
    do(over, "postmortem action INC-1 --type process --title 'call them first'")
    items = list(action_items(over.ledger.entries()).values())
    assert [(item.id, item.owner, item.due) for item in items] == [("INC-1/1", "ana", "2013-10-01"),
                                                                  ("INC-1/2", "bo", "2013-09-30")]
    assert do(over, "postmortem done INC-1/2 --note 'it is in the manual'").exit == 0
    assert action_items(over.ledger.entries())["INC-1/2"].state == "done"
    assert do(over, "postmortem done INC-1/2").error["code"] == "conflict"
    text = drafted(over)
    assert "| INC-1/1 | alert on labels | detect | ana | 2013-10-01 |" in section(text, "Actions")


@pytest.mark.parametrize("line", [
    "--type detect", "--type fix --title x", "--type detect --title x --owner nobody",
    "--type detect --title x --due soon", "--type detect --title x --item a", "--type checklist --title x",
    "--type checklist --title x --item a",
    "--type checklist --title x --item a --finding f --sign-off r",
    "--type checklist --title x --item a --finding f --max-age soon",
    "--type checklist --title x --item drift-ok --finding drift",
    "--type checklist --title x --item a --finding f --expires soon", "--type fix --title x --expires 2014-01-01",
    "--type checklist --title x --item a --finding f --model nothing"])
def test_half_an_action_is_refused_and_proposes_nothing(over, line):
    outcome = do(over, f"postmortem action INC-1 {line}")
    assert outcome.exit == 2
    assert (action_items(over.ledger.entries()), proposals(over.ledger.entries())) == ({}, {})


def test_a_checklist_action_proposes_the_item_as_a_lesson(over, project):
    action = "postmortem action INC-1 --type checklist"
    assert do(over, f"{action} --item labels-in --finding health --max-age 36h --title 'they are in'").exit == 0
    assert do(over, f"{action} --item law --sign-off legal --title 'law looked'").exit == 0
    first, second = proposals(over.ledger.entries()).values()
    assert (first.lesson, first.origin, first.path, first.why) == (True, "INC-1", "checklists/standard.yaml",
                                                                  "they are in")
    assert "# the inputs are the ones it was trained on" in first.content
    assert "- {id: labels-in, finding: health, max_age: 36h, title: they are in, lesson_of: INC-1}" in first.content
    assert "labels-in" in second.content, "the second builds upon the first"
    assert do(over, "postmortem done INC-1/1").error["code"] == "bad_input", "a lesson is done when it is decided"


def test_an_incident_that_is_about_no_model_asks_which(over, project):
    do(over, "incident open --title x")
    line = "postmortem action INC-2 --type checklist --item a --sign-off legal --title t"
    assert do(over, line).exit == 0, "there is only one model"
    text = (project / "models" / "flights-delay.yaml").read_text()
    (project / "models" / "other.yaml").write_text(text)
    over.project = type(over.project)(project)
    assert do(over, line.replace("--item a", "--item b")).error["next"] == "Add: --model MODEL"


@pytest.mark.parametrize("line", ["draft INC-9", "show INC-9", "finish INC-9", "show INC-1", "finish INC-1",
                                  "done INC-1/9"])
def test_what_is_not_there_is_said_so(over, line):
    assert do(over, f"postmortem {line}").error["code"] == "not_found"


def test_a_viewer_reads_and_writes_nothing(over, session):
    drafted(over)
    vera = session("vera")
    view = do(vera, "postmortem show INC-1").view
    assert view.status is Status.WARN
    for line in ("draft INC-1", "finish INC-1", "action INC-1 --type detect --title x"):
        assert do(vera, f"postmortem {line}").exit == 4


# -- what people said ---------------------------------------------------------------------------------------------


def test_an_answer_is_kept_beside_the_history_and_a_new_one_replaces_it(over):
    for words in ("the first words", "the second words"):
        assert do(over, f"postmortem tell INC-1 --saw '{words}' --change='less of {words}'").exit == 0
    text = drafted(over)
    said = section(text, "What people said")
    assert "### bo (opened it, acked AL-1, ran RUN-1, resolved it)" in said
    assert "- Saw: the second words\n- Would change: less of the second words" in said
    assert "the first words" not in text
    history = " ".join(str(entry.fact) for entry in over.ledger.entries())
    assert "words" not in history
    assert "--saw', '…'" in history
    assert "--change=…" in history


def test_who_was_there_and_said_nothing_is_named(over, session):
    assert "Not heard: bo." in section(drafted(over), "What people said")
    view = do(over, "postmortem tell INC-1 --nothing").view
    assert view.title == "bo has nothing to add to INC-1; everybody is heard"
    said = section(drafted(over), "What people said")
    assert "Everybody who was there was heard." in said
    assert "Nothing to add: bo." in said


def test_an_answer_that_was_erased_says_so(over):
    do(over, "postmortem tell INC-1 --saw x")
    [fact] = [entry.fact for entry in over.ledger.entries("postmortem") if entry.fact.event == "told"]
    [file] = over.project.root.rglob(fact.document)
    file.unlink()
    assert "- Saw: (erased)" in section(drafted(over), "What people said")


@pytest.mark.parametrize(("given", "said"), [
    ("", "What do you want to say?"), ("--saw ' '", "What do you want to say?"),
    ("--saw x --nothing", "You say something, and that there is nothing.")])
def test_to_say_nothing_is_said_with_nothing(over, given, said):
    assert do(over, f"postmortem tell INC-1 {given}").error["what"] == said


def test_half_a_letter_in_an_answer_is_kept_as_it_is(over):
    assert over.perform(("postmortem", "tell", "INC-1", "--saw", "a\udcff")).exit == 0
    assert over.perform(("postmortem", "draft", "INC-1")).exit == 0


def test_everybody_may_tell_what_he_saw(over, session):
    assert do(session("vera"), "postmortem tell INC-1 --saw 'it was red'").exit == 0


# -- over all incidents -------------------------------------------------------------------------------------------


def test_actions_are_listed_the_longest_overdue_first(over, clock):
    for title, due, owner in (("later", "2013-12-01", "bo"), ("soon", "2013-09-18", "ana"),
                              ("first", "2013-09-17", "bo")):
        do(over, f"postmortem action INC-1 --type detect --title {title} --due {due} --owner {owner}")
    clock.advance(clock.moment + timedelta(days=4))
    do(over, "postmortem done INC-1/2")

    def listed(line):
        view = do(over, f"postmortem actions {line}").view
        return [(row["title"], row["state"]) for row in view.table("actions").rows], view

    rows, view = listed("")
    assert rows == [("first", "overdue"), ("later", "open")]
    assert (view.title, view.status) == ("1 action is overdue, 2 open", Status.WARN)
    facts = view.facts()
    assert (facts["due_by_now"], facts["closed_by_their_day"], facts["share_closed_by_their_day"]) == (2, 0, 0.0)
    assert facts["median_age_of_open_days"] == 4.0
    assert listed("--overdue")[0] == [("first", "overdue")]
    assert listed("--owner ana")[0] == []
    assert listed("--all")[0][-1] == ("soon", "done")
    assert [title for title, _ in listed("--mine")[0]] == ["first", "later"]


def test_a_finished_one_is_not_asked_for_the_same_action_twice(over, session):
    path = adopted(over, session)
    fill(path, **WRITTEN)
    path.write_text(path.read_text().replace("| id | action | type | owner | due |\n| --- | --- | --- | --- | --- |\n",
                                             "| id | action | type | owner | due |\n| --- | --- | --- | --- | --- |\n"
                                             "|  | watch the feed | detect | bo | 2013-10-01 |\n"))
    for _ in range(2):
        assert do(over, "postmortem finish INC-1").exit == 0
    assert list(action_items(over.ledger.entries())) == ["INC-1/1"]


def test_what_comes_back_is_told_by_its_tag_with_what_is_still_promised(over, session, clock):
    clock.advance(clock.moment + timedelta(days=30))
    do(over, "incident open --title 'late again' --about flights-delay")
    over.ledger.append(AlertEvent(subject="AL-9", event="fired", monitor="m", check="drift", title="it moves"),
                       IncidentEvent(subject="INC-2", event="linked", alert="AL-9"))  # afterwards: a person noticed it
    do(over, "incident resolve INC-2", reason="over")
    do(over, "postmortem action INC-1 --type detect --title 'alert on late labels'")
    for number, factors in ((1, "- the feed #late-data\n- nobody looked #on-call"), (2, "- again #Late-Data, &#35;no")):
        do(over, f"postmortem draft INC-{number}")
        [proposal] = [each for each in proposals(over.ledger.entries()).values() if each.state == "open"]
        do(session("ana"), f"adopt {proposal.id}", yes=True)
        fill(over.project.root / "postmortems" / f"INC-{number}.md", **(WRITTEN | {"Contributing factors": factors}))
        assert do(over, f"postmortem finish INC-{number}").exit == 0
    view = do(over, "postmortem trends").view
    assert view.title == "#late-data comes back: INC-1, INC-2"
    assert [(row["factor"], row["times"], row["open_actions"]) for row in view.table("factors").rows] == [
        ("#late-data", 2, ("INC-1/1",)), ("#on-call", 1, ("INC-1/1",))]
    assert [(row["quarter"], row["incidents"], row["by_monitor"], row["by_person"])
            for row in view.table("quarters").rows] == [("2013-Q4", 1, 0, 1), ("2013-Q3", 1, 1, 0)]
    assert {row["lucky"] for row in view.table("lucky").rows} == {"It was a Sunday."}
    text = (over.project.root / "postmortems" / "INC-2.md").read_text()
    assert "INC-1, of which INC-1/1 is still open" in text
    listed = do(over, "postmortem").view
    assert listed.title == "2 incidents are over; every post-mortem is finished"
    assert [(row["incident"], row["actions"], row["open"]) for row in listed.table("postmortems").rows] == [
        ("INC-2", 0, 0), ("INC-1", 1, 1)]


# -- written in an editor -----------------------------------------------------------------------------------------


BASE = "# INC-1\n\n## Summary\n\nLate.\n\n## What went well\n\nNothing yet.\n"


@pytest.fixture
def begun(over):
    """Bo has begun to write on the post-mortem that stands in the project: his text, and the project's file."""
    root = over.declared().root
    file = root / "postmortems" / "INC-1.md"
    file.parent.mkdir()
    file.write_text(BASE)
    writing = _writing.writing_of(root, "INC-1", "bo")
    writing.begin(BASE.replace("Late.", "Late for a day."), BASE)
    return writing, file


def test_what_was_written_stands_in_the_project_once_its_plan_is_agreed_to(over, begun):
    writing, file = begun
    do(over, "postmortem draft INC-1")
    plan = do(over, "postmortem write INC-1", consent=None)
    assert plan.view.status is Status.CONFIRM
    assert "+Late for a day." in plan.view.parts[1].body
    assert "What went badly" in plan.view.facts()["still_empty"]
    assert file.read_text() == BASE, "a plan does nothing"
    file.chmod(0o600)
    outcome = over.perform(("postmortem", "write", "INC-1"), consent=plan.plan)
    assert outcome.exit == 0, outcome.error
    assert file.read_text() == BASE.replace("Late.", "Late for a day.")
    assert file.stat().st_mode & 0o777 == 0o600
    assert not writing.text.exists()
    assert [each.state for each in proposals(over.ledger.entries()).values()][-1] == "declined", "it would say less"


def test_what_others_changed_meanwhile_is_taken_in(over, begun):
    _, file = begun
    file.write_text(BASE.replace("Nothing yet.", "The alert came."))
    plan = do(over, "postmortem write INC-1", consent=None)
    assert plan.view.facts()["changed_meanwhile"]
    assert over.perform(("postmortem", "write", "INC-1"), consent=plan.plan).exit == 0
    assert file.read_text() == BASE.replace("Late.", "Late for a day.").replace("Nothing yet.", "The alert came.")


def test_what_two_have_written_is_for_people_to_settle(over, begun):
    writing, file = begun
    file.write_text(BASE.replace("Late.", "Late for hours."))
    outcome = do(over, "postmortem write INC-1", consent=None)
    assert outcome.error["code"] == "conflict"
    assert "Summary" in outcome.error["what"]
    _writing.side_by_side(writing, file.read_text())
    assert "Late for a day.\n\n> **In the file by now:**\n> \n> Late for hours.\n" in writing.text.read_text()
    writing.text.write_text(BASE.replace("Late.", "Late for a day and some hours."))
    plan = do(over, "postmortem write INC-1", consent=None)
    assert over.perform(("postmortem", "write", "INC-1"), consent=plan.plan).exit == 0
    assert "some hours" in file.read_text()


def test_who_has_written_nothing_has_nothing_to_put_in_place(over, session):
    outcome = do(session("ana"), "postmortem write INC-1", consent=None)
    assert outcome.error["what"] == "ana has begun no text of INC-1 in the dashboard."


def test_a_text_that_is_no_text_is_refused_by_name(over, begun):
    writing, _ = begun
    writing.text.write_bytes(b"caf\xe9")
    assert "INC-1.bo.md is not written in UTF-8." in do(over, "postmortem write INC-1", consent=None).error["what"]
