"""What a part of the dashboard is for and how one begins, told where there is nothing in it yet."""

from collections.abc import Mapping

from mlops_tui.view import Action, Status, Text, View

SOUND = Action("Is every file sound?", ("doctor",))


def _start(says: str, example: str, *steps: Action) -> View:
    code = (Text(example, "code"),) if example else ()
    return View("", Status.DONE, (Text(says), *code), steps)


STARTS: Mapping[str, View] = {
    "pipelines": _start(
        "A pipeline makes datasets of datasets, step by step, and does nothing twice. Here one sees what is stale and "
        "why, runs it, and reads its log.",
        "# pipelines/daily.yaml\nsteps:\n  - {name: clean, sql: clean.sql, inputs: [flights]}",
        Action("How one is run", ("pipeline", "run", "--help")), SOUND),
    "models": _start(
        "A model is declared with its label, its features, its candidates and what it must reach. Here one trains "
        "them, compares versions, and sees what each costs.",
        "# models/late.yaml\ntask: binary\nlabel: {dataset: flights, column: late, delay: 12h}\ncolumns: [distance]\n"
        "candidates: {plain: {estimator: sklearn.linear_model.LogisticRegression}}\n"
        "split: {time: sched_dep, gap: 12h, test: 30d}\ncriteria: [{metric: roc_auc, at_least: 0.70, min_rows: 1000}]\n"
        "gate: [beats_baseline, calibrated]",
        Action("How one is trained", ("train", "--help")), SOUND),
    "monitoring": _start(
        "A monitor looks at a model or its data by the clock, and an alert comes of what it finds. Here one sees every "
        "finding against its limit, and how often a rule would have fired.",
        "# monitors/late-drift.yaml\ncheck: drift\nsubject: late\nevery: \"0 6 * * *\"\nwindow: 7d\n"
        "alert: {after: 2 of 3, severity: high, runbook: data-drift}",
        Action("What would one have found?", ("backtest", "--help")), SOUND),
    "governance": _start(
        "Here stand the versions that serve or want to, each with its gate, checklist, card and impact; and above them "
        "what waits for votes. It begins with the first version that is trained.", "",
        Action("How a version comes to serve", ("promote", "--help")),
        Action("Every gate as it stands", ("check",))),
    "incidents": _start(
        "An alert that fires stands here until somebody takes it; an incident until it is over and learned from. Enter "
        "opens it with its runbook, its evidence and its timeline.", "",
        Action("Which runbooks are there?", ("runbook", "list")),
        Action("Try it: which faults would be seen?", ("drill", "--help"))),
    "data": _start(
        "A dataset is a table with a contract: what breaks it is set aside, every state of it is kept. Here one sees "
        "its fields, what waits in quarantine, its calendar and what it was made from.",
        "mlops-tui init --from flights.csv   # in a terminal: reads the file and declares what is in it",
        SOUND),
    "activity": _start(
        "Everything that is done here, in Slack or in a terminal is an entry, each chained to the one before: who, "
        "when, and what came of it.", "", Action("Is the chain whole?", ("audit", "verify")))}
