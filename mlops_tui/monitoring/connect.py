"""The models you have already: an MLflow server and a table of predictions, read as they are."""

import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from mlops_tui.capability import Function, LocalPath, Plan, act, look, noun
from mlops_tui.declarations.marker import find as find_project
from mlops_tui.errors import BadInput
from mlops_tui.folds import next_id, proposals
from mlops_tui.monitoring._connected import SQLITE, Asked, Found, find
from mlops_tui.monitoring._firstlook import Look
from mlops_tui.monitoring._guessed import NAMES
from mlops_tui.monitoring._proposed import proposed, slug
from mlops_tui.monitoring._readiness import score
from mlops_tui.monitoring.drift import counts, pictures, row, verdict
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Column, Facts, Part, Row, Status, Table, Text, View, counted, worst
from store.facts import Proposal
from store.ledger import Entry
from store.registry import Known

connect = noun("connect", __doc__ or "", bare="show", package="mlops_tui.monitoring")
MOST_COLUMNS = 8  # of a table that moved least


def asking(function: Function) -> Function:
    """The options by which every verb of connect is told where to look."""
    added: list[Callable[[Any], Any]] = [
        click.option("--mlflow", "uri", required=True, help="The MLflow server (http://…), or its SQLite file."),
        click.option("--predictions", type=LocalPath(), default=None, help="Its predictions: Parquet, CSV or JSON."),
        click.option("--labels", type=LocalPath(), default=None, help="Outcomes by id, in a file of their own."),
        click.option("--model", default="", help="Whose predictions they are."),
        *(click.option(f"--{part}", default=None, help=f"The column that is the {part}.") for part in NAMES)]
    for option in reversed(added):
        function = option(function)
    return function


def asked(uri: str, predictions: Path | None, labels: Path | None, model: str, given: dict[str, str | None]) -> Asked:
    """What the options say."""
    return Asked(uri, predictions, labels, model, {part: name for part, name in given.items() if name})


@look(of=connect)
@asking
def show(session: Session, uri: str, predictions: Path | None, labels: Path | None, model: str,
         **given: str | None) -> View:
    """Which models there are, how ready each is to be watched, and what its predictions say.

    Nothing is written: not to MLflow, not to the data, not here. No model is loaded. With a table of predictions the
    last 7 days are compared with the weeks before them; what each column is, is guessed from its name, and said.
    MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, log in.

    \b
    Example: mlops-tui connect --mlflow http://127.0.0.1:5000
             mlops-tui connect --mlflow http://127.0.0.1:5000 --model churn --predictions scored.parquet
    """
    request = asked(uri, predictions, labels, model, given)
    return shown(find(session, request), request)


@act(of=connect)
@click.argument("folder", type=LocalPath())
@asking
def write(session: Session, folder: Path, uri: str, predictions: Path | None, labels: Path | None, model: str,
          **given: str | None) -> Plan:
    """Begin a project in FOLDER for one model: its log, its monitors and its owner, as far as they were found.

    What would be written is shown first. Where FOLDER is a project, or in one, the files are proposed there, and
    `adopt` writes them.

    \b
    Example: mlops-tui connect write churn --mlflow http://127.0.0.1:5000 --model churn --predictions scored.parquet
    """
    request = asked(uri, predictions, labels, model, given)
    found = find(session, request)
    if found.chosen is None:
        names = [each.model.name for each in found.models]
        raise BadInput("Which model is it for?", where=found.shown,
                       next=f"Say it: --model {names[0]}" if names else "Register one first.")
    target = (session.directory / folder).resolve()
    files = proposed(found, found.chosen, target)
    there = find_project(target)
    if there is not None and (session.project is None or there.resolve() != session.project.root.resolve()):
        raise BadInput("There is another project.", where=str(there), next=f"Run it in there: --project {there}")
    if there is not None:
        files = {path: text for path, text in files.items() if not (there / path).exists()}
    taken = [path for path in files if there is None and (target / path).exists()]
    if taken or not files:
        raise BadInput(f"'{taken[0]}' is there already." if taken else "All of it is there already.",
                       where=str(target), next="Name an empty folder.")
    listing: list[Row] = [{"file": path, "lines": text.count("\n")} for path, text in files.items()]
    texts = [Text(f"# {path}\n{text}", "code") for path, text in files.items()
             if path.startswith(("datasets/", "models/", "monitors/"))]
    what = "proposed to the project" if there is not None else f"written into {folder}"
    model_name = found.chosen.model.name
    facts = Facts({"folder": str(target), "model": model_name})
    plan = View(f"{counted(len(files), 'file')} would be {what}", Status.CONFIRM,
                (facts, Table.of("files", listing, "file", "lines"), *texts))
    if there is not None:
        return Plan(plan, lambda: _propose(session, files, slug(model_name)))
    return Plan(plan, lambda: _written(target, files, found, request))


def _propose(session: Session, files: dict[str, str], name: str) -> View:
    """One proposal for each file; the project's owner adopts it."""
    def decide(entries: Sequence[Entry]) -> list[Proposal]:
        taken, made = list(proposals(entries)), []
        for path, text in files.items():
            taken.append(next_id("P", taken))
            made.append(Proposal(subject=taken[-1], event="proposed", path=path, content=text, why="found by connect"))
        return made

    made = [entry.subject for entry in session.ledger.transact(decide)]
    return View(f"{counted(len(files), 'file is', 'files are')} proposed", Status.DONE,
                (Table.of("files", [{"proposal": id, "file": path} for id, path in zip(made, files, strict=False)],
                          "proposal", "file"),),
                (*(Action(f"Adopt {id}", ("adopt", id)) for id in made[:3]),
                 Action("Then, with a log: have its inputs moved?", ("drift", f"{name}.predictions"))))


def _written(target: Path, files: dict[str, str], found: Found, request: Asked) -> View:
    for path, text in files.items():
        place = target / path
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("x", encoding="utf-8") as stream:
            stream.write(text)
    name = slug(found.chosen.model.name) if found.chosen is not None else ""
    steps = [f"cd {shlex.quote(str(target))}", "mlops-tui doctor"]
    if request.predictions is not None:
        steps.append(f"mlops-tui log add {name} {shlex.quote(str(request.predictions.resolve()))}")
    if request.labels is not None:
        steps.append(f"mlops-tui log label {name} {shlex.quote(str(request.labels.resolve()))}{_map(found)}")
    steps += [f"mlops-tui drift {name}.predictions --monitor {name}-drift"]
    if f"monitors/{name}-performance.yaml" in files:
        steps.append(f"mlops-tui performance {name} --monitor {name}-performance")
    return View(f"{counted(len(files), 'file is', 'files are')} written: look over every line", Status.DONE,
                (Facts({"folder": str(target)}), Table.of("files", [{"file": path} for path in files], "file"),
                 Text("\n".join(steps), "code"),
                 Text(f"The inputs of {name} lie in its log: `drift {name}.predictions` watches them.")))


def _map(found: Found) -> str:
    """What the files of outcomes call theirs."""
    labels = found.labels
    return "" if labels is None else f" --map id={shlex.quote(labels.key)} --map label={shlex.quote(labels.label)}"


def shown(found: Found, request: Asked) -> View:
    """The answer: what must be looked at first, then its evidence, then what to do."""
    status, title = _title(found)
    parts: list[Part] = [Facts(_facts(found)), *(_seen(found.look) if found.look is not None else [])]
    if found.chosen is not None:
        parts += [_readiness(found, found.chosen), _one(found.chosen, found.shown)]
    else:
        parts.append(_inventory(found))
    if found.look is not None:
        parts += pictures([each for each in found.look.shifts if each.verdict.drifted])
    return View(title, status, tuple(parts), _next(found, request))


def _title(found: Found) -> tuple[Status, str]:
    models = counted(len(found.models), "model")
    if not found.models:
        return Status.UNKNOWN, "MLflow has no registered model"
    if found.chosen is None:
        ready = sum(all(each.status is Status.PASS for each in found.ready[one.model.name]) for one in found.models)
        status = Status.PASS if ready == len(found.models) else Status.WARN
        return status, f"{models}, {ready} of them ready to be watched"
    name, checks = found.chosen.model.name, found.ready[found.chosen.model.name]
    said = f"{name} is ready in {score(checks)}"
    state = Status.PASS if all(each.status is Status.PASS for each in checks) else Status.WARN
    if found.look is None:
        return state, said
    drifted, words = verdict(found.look.shifts) if found.look.shifts else (Status.UNKNOWN, "nothing to compare")
    worse = [f"{each['metric']} {_short(each['before'])} → {_short(each['now'])}" for each in found.look.worse]
    states = [drifted, Status.FAIL if worse else Status.UNKNOWN if found.look.unmeasured else Status.PASS]
    return worst([*states, state]), "; ".join([f"{name}: {worse[0]}" if worse else said, words])


def _short(value: Cell) -> str:
    return f"{value:.3g}" if isinstance(value, float) else "–"


def _facts(found: Found) -> dict[str, Cell]:
    if found.look is None or found.columns is None:
        return {"mlflow": found.shown, "models": len(found.models),
                "versions": sum(len(each.model.versions) for each in found.models)}
    look, window = found.look, found.look.parted.window
    methods = {str(each["method"]) for each in look.metrics}
    return {
        "predictions": look.parted.rows, "outcomes": look.parted.labelled, "compared": look.parted.words,
        "from": window[0] if window else None, "to": window[1] if window else None,
        "columns": found.columns.said(), "features": len(found.columns.features),
        **({"intervals_count": "days" if any("days" in each for each in methods) else "rows: too few days"}
           if look.metrics else {}),
        **({"duplicate_outcomes": look.parted.duplicates} if look.parted.duplicates else {})}


def _one(model: Known, shown: str) -> Facts:
    """What is known of the model in question."""
    found, run, card = model.model.serving, model.run, model.card
    return Facts({
        "mlflow": shown, "model": model.model.name, "version": _serving(model),
        "registered": found.created if found else None,
        "owner": model.owner or None, "trained_by": model.user or None,
        "trained_on": run.data if run is not None and run.data else None,
        "flavour": card.flavour or None, "bytes": card.bytes,
        "inputs": tuple(f"{name} {kind}" for name, kind in card.inputs.items()) or None,
        "output": card.outputs or None})


def _serving(model: Known) -> str | None:
    found = model.model.serving
    if found is None:
        return None
    return f"{found.number} {', '.join(found.called)}".strip() if model.model.named else f"{found.number} (the newest)"


def _readiness(found: Found, model: Known) -> Table:
    rows: list[Row] = [{"status": each.status, "check": each.check, "why": each.why, "next": each.next or None}
                       for each in found.ready[model.model.name]]
    return Table.of("readiness", rows, "status", "check", Column("why", "what is there"),
                    Column("next", "what would make it green"), title="Ready to be watched?")


def _seen(look: Look) -> list[Part]:
    """Performance first, since it is what matters; then what moved."""
    parts: list[Part] = []
    if look.metrics:
        numbers = [Column(name, digits=3) for name in ("now", "low", "high", "before")]
        parts.append(Table.of("metrics", look.metrics, "status", "metric", *numbers, "n", Column("reason", "verdict"),
                              title="How well does it do?"))
    else:
        parts.append(Facts({"performance": look.unmeasured}))
    ranked = sorted(look.shifts, key=lambda each: (each.verdict.drifted is not True, -each.severity))
    rows = [row(each) for each in ranked]
    parts.append(Table.of("columns", rows[:MOST_COLUMNS], "column", "drifted", Column("effect", "moved by", digits=3),
                          Column("declared_limit", "limit", digits=2), Column("reason", "evidence"),
                          title="Have its inputs and answers moved?", total=len(rows)))
    parts.append(Facts(counts(look.shifts, look.before, look.now)))
    return parts


def _inventory(found: Found) -> Table:
    rows: list[Row] = []
    for each in found.models:
        run, checks = each.run, found.ready[each.model.name]
        metric = next(iter(run.metrics.items()), None) if run is not None else None
        rows.append({
            "ready": score(checks), "model": each.model.name, "version": _serving(each),
            "versions": len(each.model.versions), "owner": each.owner or each.user or None,
            "trained": (run.ended if run is not None else None) or (each.model.serving.created if each.model.serving
                                                                    else None),
            "evaluation": f"{metric[0]} {metric[1]:.3g}" if metric else None, "flavour": each.card.flavour or None,
            "inputs": len(each.card.inputs) or None, "bytes": each.card.bytes, "problem": each.card.problem or None})
    return Table.of("models", rows, "ready", "model", "version", Column("versions", worth=-2),
                    Column("owner", worth=-1), Column("trained", worth=-1), "evaluation", Column("flavour", worth=-3),
                    title="Registered models")


def _next(found: Found, request: Asked) -> tuple[Action, ...]:
    place = found.shown if "://" in found.shown else f"{SQLITE}{found.shown}"  # whatever the file is called
    base = ("connect", "--mlflow", place)
    if found.chosen is None:
        return tuple(Action(f"How ready is {each.model.name}?", (*base, "--model", each.model.name))
                     for each in found.models[:3])
    one = (*base, "--model", found.chosen.model.name)
    if request.predictions is None:
        return (Action("Have its inputs moved?", (*one, "--predictions", "FILE")),
                Action("Begin a project", ("connect", "write", slug(found.chosen.model.name), *one[1:])))
    files = [("--predictions", request.predictions), ("--labels", request.labels)]
    given = [word for option, path in files if path is not None for word in (option, str(path))]
    columns = [word for part, name in request.columns.items() for word in (f"--{part}", name)]
    return (Action("Watch it: begin a project", ("connect", "write", slug(found.chosen.model.name), *one[1:], *given,
                                                 *columns)),)
