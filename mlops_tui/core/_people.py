"""What the demo's people do, given what they see: nothing is scripted to a date, everything follows from the ledger."""

from datetime import date, timedelta

from mlops_tui import folds
from mlops_tui.core._cast import Cast
from mlops_tui.folds import Alert, Incident
from mlops_tui.project import Project
from mlops_tui.view import Row, Status, View
from store.facts import Finding

URGENT = ("high", "critical")
GATE = (Status.CONFIRM, Status.FAIL, Status.UNKNOWN)
MEASURED = ("calibration", "performance", "drift", "health", "replay")
COOL_DOWN = timedelta(days=21)
WEEK = timedelta(days=7)
SETTLED = ("pass", "warn", "done", "skipped", "diverted")
MODEL = "flights-delay"
LESSON = "calibrated-in-service"


def react(cast: Cast, day: date) -> None:
    """One morning's round: who is on call answers, the lead works, and what is over becomes a lesson."""
    answer_alerts(cast, day)
    for incident in folds.incidents(cast.session.ledger.entries("incident")).values():
        if incident.open:
            work(cast, incident, day)
    written = folds.postmortems(cast.session.ledger.entries("postmortem"))
    for incident in folds.incidents(cast.session.ledger.entries("incident")).values():
        if not incident.open and (incident.id not in written or written[incident.id].state != "finished"):
            learn(cast, incident, day)


def answer_alerts(cast: Cast, day: date) -> None:
    """Acknowledge what fires; open an incident for what is urgent, or add it to the one that is open about it."""
    for alert in folds.alerts(cast.session.ledger.entries("alert")).values():
        if alert.state == "recovered" and alert.severity not in URGENT:
            cast.does("bo", "alert", "resolve", alert.id, *verdict_on(cast, alert))
        if alert.state != "firing":
            continue
        cast.does("bo", "alert", "ack", alert.id)
        going = [incident for incident in folds.incidents(cast.session.ledger.entries("incident")).values()
                 if incident.open and incident.about == alert.about]
        if going and alert.id not in going[-1].alerts:
            cast.does("bo", "incident", "link", going[-1].id, "--alert", alert.id)
        elif not going and alert.severity in URGENT:
            cast.does("bo", "incident", "open", "--alert", alert.id)
            made = list(folds.incidents(cast.session.ledger.entries("incident")))[-1]
            cast.does("bo", "incident", "role", made, "lead", "ana")
            cast.tell(f"{day} {made}", alert.title, Status.FAIL)


def verdict_on(cast: Cast, alert: Alert) -> tuple[str, ...]:
    """Real, where the outcomes of that week broke a limit or the batch itself was odd; else noise."""
    if alert.check in ("health", "ingest", "validate"):
        return "--real", "--reason", "the batch was as odd as the alert said"
    broken = [entry for entry in folds.findings_of(cast.session.ledger.entries("finding"), subject=alert.about)
              if isinstance(entry.fact, Finding) and entry.fact.check in ("performance", "calibration")
              and entry.fact.status == "fail" and abs(entry.recorded_at - alert.opened_at) <= WEEK]
    if broken:
        return "--real", "--reason", f"the outcomes of that week broke a limit (entry {broken[0].seq})"
    return "--noise", "--reason", "the outcomes of that week kept every limit"


def work(cast: Cast, incident: Incident, day: date) -> None:
    """The lead takes the runbook one step further; when it is done and all is calm, the incident is closed."""
    entries = cast.session.ledger.entries()
    known = folds.alerts(entries)
    runs = [run for run in folds.runbook_runs(entries).values() if run.incident == incident.id]
    if not runs:
        first = next((known[name].runbook for name in incident.alerts if known[name].runbook), "")
        view = cast.does("ana", "runbook", "run", first, "--incident", incident.id)
        step_through(cast, incident, view, day)
    elif runs[-1].open:
        step_through(cast, incident, cast.does("ana", "runbook", "resume", runs[-1].id), day)
    elif all(known[name].state in ("recovered", "resolved") for name in incident.alerts):
        close(cast, incident, day)


def step_through(cast: Cast, incident: Incident, view: View, day: date) -> None:
    """Do the steps that need a person, until one has to wait or the run is over."""
    for _ in range(20):
        run, row = str(view.facts()["run"]), pending(view)
        if row is None or (row["status"] == "waiting" and row["kind"] == "wait"):
            return
        number = str(row["step"])
        if row["command"] == f"train {MODEL}" and recently_trained(cast):
            note = f"a challenger was trained less than {COOL_DOWN.days} days ago; its outcomes are not all in"
            view = cast.does("ana", "runbook", "step", run, number, "--note", note, consent=True)
        elif row["kind"] == "manual":
            choices = row["choices"]
            note = f"{choices[0]}: {chosen(cast)}" if isinstance(choices, tuple) and choices else chosen(cast)
            view = cast.does("ana", "runbook", "step", run, number, "--note", note, consent=True)
            cast.tell(f"{day} {incident.id} step {number}", chosen(cast))
        elif row["kind"] == "approve":
            view = ask(cast, incident, run, row, day)
        elif row["status"] in ("fail", "unknown"):
            note = f"seen: {row['status']}; the next steps say what to do"
            view = cast.does("ana", "runbook", "step", run, number, "--note", note, consent=True)
        else:
            view = cast.does("ana", "runbook", "step", run, number, consent=True)


def pending(view: View) -> Row | None:
    """The first step that is not settled; None where the run is over."""
    if view.facts().get("state") != "running":
        return None
    return next((row for row in view.table("steps").rows if row["status"] not in SETTLED), None)


def recently_trained(cast: Cast) -> bool:
    """Whether the newest version is younger than the cool-down: almost the same rows teach little."""
    trained = cast.session.ledger.entries("trained", subject=MODEL)
    return bool(trained) and cast.session.now() - trained[-1].recorded_at < COOL_DOWN


def chosen(cast: Cast) -> str:
    """What the newest comparison of remedies found, and what is done now: a retrained model has to be tried."""
    found = folds.latest_finding(cast.session.ledger.entries("finding"), "remedy", MODEL)
    said = found.fact.title if found is not None and isinstance(found.fact, Finding) else "no remedy was compared"
    return f"{said}; a challenger is trained on newer data, and the gate decides"


def fill_in(cast: Cast, incident: Incident) -> None:
    """What only people know, as far as simulated people know anything: said as such, in the draft's own sections."""
    entries = cast.session.ledger.entries()
    alerts = [folds.alerts(entries)[name] for name in incident.alerts]
    remedy = folds.latest_finding(entries, "remedy", MODEL)
    compared = remedy.fact.title if remedy is not None and isinstance(remedy.fact, Finding) else "Nothing was compared"
    first, others = alerts[0], [alert.check for alert in alerts[1:]]
    sections = {
        "Summary": f"{first.title}. Warnings about late flights were less useful until the incident ended. "
                   "(Written for a simulated person, from the ledger.)",
        "Contributing factors": "- The weather and the traffic of these days were not like those it was trained on.\n"
                                f"- Seen at the same time: {', '.join(others) or 'no other monitor'}.\n",
        "What went well": f"The runbook's comparison was there at once: {compared}.",
        "What went badly": "Outcomes come half a day late and a week is judged at once, so it was seen days later.",
        "Where we got lucky": whole_batches(cast, incident)}
    path = cast.session.declared().root / "postmortems" / f"{incident.id}.md"
    text = path.read_text(encoding="utf-8")
    for heading, words in sections.items():
        before, title, after = text.partition(f"## {heading}\n\n<!--")
        if title:
            rest = after.partition("-->\n")[2].removeprefix("\n-\n-\n")
            text = f"{before}## {heading}\n\n{words}\n{rest}"
    path.write_text(text, encoding="utf-8")


def ask(cast: Cast, incident: Incident, run: str, row: Row, day: date) -> View:
    """Put the challenger before the gate; two people vote on an open one, a shut one is passed over with its reason."""
    subject = str(row["command"]).split()[-1]
    if not folds.model_state(cast.session.ledger.entries("trained", "promotion"), MODEL).challenger:
        note = "no newer version is there to ask for"
        return cast.does("ana", "runbook", "step", run, str(row["step"]), "--note", note, consent=True)
    plan = gate_of(cast, subject)
    if plan.status is not Status.CONFIRM:
        cast.tell(f"{day} gate of {subject}", shut(plan), plan.status)
        return cast.does("ana", "runbook", "step", run, str(row["step"]), "--note", shut(plan)[:200], consent=True)
    cast.does("ana", "runbook", "step", run, str(row["step"]), consent=True)
    vote(cast, day, subject)
    return cast.does("ana", "runbook", "resume", run)


def gate_of(cast: Cast, subject: str) -> View:
    """The gate as it stands, after what it does not know was measured and what a person has to sign is signed."""
    plan = cast.does("ana", "promote", subject, expect=GATE)
    for action in plan.actions:
        if action.argv[0] in MEASURED:
            cast.does("ana", *action.argv)
        elif action.argv[:2] == ("checklist", "sign"):
            cast.does("bo", *action.argv, reason="read: limits, intervals, and what it was trained on")
    return cast.does("ana", "promote", subject, expect=GATE) if plan.actions else plan


def shut(plan: View) -> str:
    """Why a gate is shut, in one line."""
    red = [f"{row['item']}: {row['detail']}" for row in plan.table("gate").rows
           if row["status"] in (Status.FAIL, Status.UNKNOWN)]
    return f"{plan.title} · {'; '.join(red)}" if red else plan.title


def promote(cast: Cast, subject: str) -> None:
    """Sign what has to be signed, ask for the promotion, and vote; the last vote carries it out."""
    plan = gate_of(cast, subject)
    if plan.status is not Status.CONFIRM:
        cast.tell(f"Gate of {subject}", shut(plan), plan.status)
        return
    cast.does("ana", "promote", subject, consent=True)
    vote(cast, cast.session.now().astimezone(cast.session.declared().zone).date(), subject)


def vote(cast: Cast, day: date, subject: str) -> None:
    """Two people, neither of whom asked, look at the plan and say yes."""
    waiting = [each for each in folds.approvals(cast.session.ledger.entries(), cast.session.now()).values()
               if each.state == "open"]
    for voter in ("bo", "cy"):
        cast.does(voter, "approve", "vote", waiting[-1].id, reason="the gate is green, and the figures are there")
    state = folds.model_state(cast.session.ledger.entries("trained", "promotion"), MODEL)
    cast.tell(f"{day} promoted", f"{MODEL}@{state.champion} serves, by two votes ({waiting[-1].id})")


def close(cast: Cast, incident: Incident, day: date) -> None:
    """Resolve the incident and its alerts: every one has recovered on matured outcomes."""
    known = folds.alerts(cast.session.ledger.entries("alert"))
    for name in incident.alerts:
        if folds.alerts(cast.session.ledger.entries("alert"))[name].open:
            cast.does("bo", "alert", "resolve", name, *verdict_on(cast, known[name]))
    cast.does("ana", "incident", "resolve", incident.id, reason="every alert has recovered on matured outcomes")
    cast.tell(f"{day} {incident.id} resolved", incident.title)


def learn(cast: Cast, incident: Incident, day: date) -> None:
    """Write the post-mortem, and turn its lesson into something that the next promotion must show."""
    written = folds.postmortems(cast.session.ledger.entries("postmortem")).get(incident.id)
    if written is None:
        cast.does("ana", "postmortem", "draft", incident.id)
    adopt(cast)
    if LESSON not in {item.id for item in Project(cast.session.declared().root).checklists["standard"].items}:
        cast.does("ana", "postmortem", "action", incident.id, "--type", "checklist", "--item", LESSON,
                  "--finding", "calibration", "--max-age", "2d",
                  "--title", "The probabilities in service mean what they say, as of this week")
        adopt(cast)
    fill_in(cast, incident)
    answer(cast, incident)
    cast.does("ana", "postmortem", "finish", incident.id)
    adopt(cast)
    cast.tell(f"{day} {incident.id} post-mortem", f"written; the gate now asks for '{LESSON}'")


def answer(cast: Cast, incident: Incident) -> None:
    """Both who were there say what they saw and did, as far as the history knows it."""
    first = folds.alerts(cast.session.ledger.entries())[incident.alerts[0]]
    simulated = "(Written for a simulated person, from the ledger.)"
    cast.does("bo", "postmortem", "tell", incident.id, "--saw", f"{first.title}. {simulated}",
              "--did", "Took the alert up, opened the incident, and asked ana to lead it.")
    cast.does("ana", "postmortem", "tell", incident.id, "--did", f"Worked through {first.runbook}. {simulated}",
              "--change", "See the outcomes of each day as they come, before a week is judged.")


def whole_batches(cast: Cast, incident: Incident) -> str:
    """What the checks of the batches said while it lasted."""
    odd = [entry.fact.title for entry in folds.findings_of(cast.session.ledger.entries("finding"), check="health")
           if isinstance(entry.fact, Finding) and entry.fact.status == "fail"
           and incident.opened_at - WEEK <= entry.recorded_at <= (incident.resolved_at or entry.recorded_at)]
    return f"The data were odd as well, and it did not mislead us: {odd[0]}." if odd else \
        "Every batch came, in its usual size, so the labels could be trusted."


def adopt(cast: Cast) -> None:
    """Write what was proposed into the project folder."""
    for proposal in folds.proposals(cast.session.ledger.entries("proposal")).values():
        if proposal.state == "open":
            cast.does("ana", "adopt", "write", proposal.id, consent=True)
