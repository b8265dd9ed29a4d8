"""What a program or the training of a version costs: time, CPU, memory, I/O, GPUs, money, energy, phase by phase."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace

import click

from mlops_tui import folds
from mlops_tui.capability import look, measure, noun
from mlops_tui.errors import BadInput, Denied, NotFound
from mlops_tui.modeling._footprints import (
    LIMIT,
    Run,
    beside_earlier,
    facts,
    more_facts,
    parts,
    run_of,
    told,
    worst_of,
)
from mlops_tui.roles import LOCAL_SOURCES
from mlops_tui.running.measuring import Measured, measured
from mlops_tui.running.rates import Rates
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Column, Facts, Row, Status, Table, Text, View, counted
from store.facts import Finding, Trained

footprint = noun("footprint", __doc__ or "", bare="run", subject="show")
SIZE = "{size}"


@measure(of=footprint)
@click.argument("words", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- PROGRAM [ARGS]...")
@click.option("--name", default=None, help="What its runs are called in the history; else the program's words.")
@click.option("--sizes", default=None, help="Run it for each of these sizes in place of {size}: 1000,2000,4000.")
@click.option("--rows", type=click.IntRange(min=1), default=None, help="How many rows it reads, to tell growth by.")
@click.option("--limit", type=click.FloatRange(min=1), default=LIMIT, show_default=True,
              help="So many times the median of earlier runs is too much.")
@click.option("--per-hour", type=click.FloatRange(min=0), default=None, help="Price of the machine for an hour.")
def run(session: Session, words: tuple[str, ...], name: str | None, sizes: str | None, rows: int | None, limit: float,
        per_hour: float | None) -> View:
    """Run a program and measure all its processes, each once; its exit code becomes ours.

    What it prints goes to the error stream. A program marks its phases by writing a line to the file that
    FOOTPRINT_PHASES names: `echo fit >> $FOOTPRINT_PHASES`. The command line is kept in the history: no passwords.

    \b
    Example: mlops-tui footprint -- python train.py
             mlops-tui footprint --name nightly --rows 250000 -- python train.py --epochs 3
             mlops-tui footprint --sizes 10000,20000,40000 -- python train.py --rows {size}
    """
    if session.actor.source not in LOCAL_SOURCES:
        raise Denied(f"A program cannot be run from {session.actor.source}.", where="footprint",
                     next="Type it in a terminal of the machine.")
    if rows is not None and sizes is not None:
        raise BadInput("Give --rows or --sizes, not both.", where="--rows", next="--sizes says how many there are.")
    asked: list[int | None] = list(_sizes(sizes, words)) if sizes is not None else [rows]
    called, factors = name or " ".join(words), _rates(session, per_hour)
    made, last = list[Run](), None
    for number, size in enumerate(asked):
        if len(asked) > 1:
            session.progress(number, len(asked), f"{SIZE[1:-1]} {size}")
        filled = [word.replace(SIZE, str(size)) for word in words] if sizes is not None else list(words)
        last = measured(filled, session.directory)
        made.append(Run(_key(filled), size, last))
        if last.exit:
            break
    return _recorded(session, called, made, limit, factors)


def _sizes(text: str, words: Sequence[str]) -> list[int]:
    found = [each.strip().replace("_", "") for each in text.split(",")]
    if not all(each.isdigit() and int(each) > 0 for each in found) or len(set(found)) < len(found) or len(found) < 3:
        raise BadInput(f"'{text}' are not three sizes or more.", where="--sizes", next="Write --sizes 1000,2000,4000")
    if not any(SIZE in word for word in words):
        raise BadInput(f"The program's words have no {SIZE}.", where=" ".join(words),
                       next=f"Write {SIZE} where the size belongs.")
    return [int(each) for each in found]


def _rates(session: Session, per_hour: float | None) -> Rates:
    declared = session.project.settings.compute if session.project is not None else Rates()
    return declared if per_hour is None else replace(declared, machine_hour=per_hour)


def _key(words: Sequence[str]) -> str:
    return hashlib.sha256(json.dumps(list(words)).encode()).hexdigest()


def _recorded(session: Session, name: str, made: Sequence[Run], limit: float, rates: Rates) -> View:
    """Judge the last run beside earlier ones of the same words, keep each as a finding, and show it."""
    before, found = _runs(session, name), made[-1]
    same = [each for each in before if each.key == found.key and not each.used.exit]
    beside = beside_earlier(found.used, [each.used for each in same], limit)
    exit_, title = found.used.exit, _title(name, found.used)
    worse = [row for row in beside if row["status"] is Status.FAIL]
    title += f", exit code {exit_}" if exit_ else "".join(
        f"; {row['measure']} {row['ratio']:.2f} times the median of earlier runs" for row in worse)
    status = Status.FAIL if exit_ or worse else Status.DONE
    judged = Status.FAIL if exit_ else worst_of(beside)
    session.ledger.append(*(Finding(
        subject=name, check="footprint", status=str(judged if each is found else Status.UNKNOWN),
        title=title if each is found else _title(name, each.used), value=each.used.cpu_seconds, unit="CPU s",
        limit=limit, n=len(same), detail=told(each)) for each in made))
    sized = [each for each in (made if len(made) > 1 else [*before, *made]) if each.rows and not each.used.exit]
    shown = (Facts(facts(found)), *parts(found.used, sized, beside), Facts(more_facts(found, rates)))
    return View(title, status, shown, exit=exit_ or None)


def _title(name: str, used: Measured) -> str:
    return (f"{name}: {used.seconds:.2f} s, {used.cpu_seconds:.2f} CPU s, "
            f"{'at most ' if 'at most' in used.memory_method else 'peak '}{used.peak_bytes / 2**20:,.1f} MiB")


def _runs(session: Session, name: str) -> list[Run]:
    """The runs of that name that the history keeps, in order."""
    return [run_of(entry.fact.detail) for entry in session.ledger.entries("finding", subject=name)
            if isinstance(entry.fact, Finding) and entry.fact.check == "footprint" and "key" in entry.fact.detail]


@look(of=footprint)
def list_(session: Session) -> View:
    """What was measured: each name with its newest run, and the median of those before.

    \b
    Example: mlops-tui footprint list
    """
    names = dict.fromkeys(entry.subject for entry in reversed(session.ledger.entries("finding"))
                          if isinstance(entry.fact, Finding) and entry.fact.check == "footprint"
                          and "key" in entry.fact.detail)
    rows: list[Row] = []
    for name in names:
        runs = _runs(session, name)
        used = runs[-1].used
        rows.append({"name": name, "runs": len(runs), "seconds": used.seconds, "cpu_seconds": used.cpu_seconds,
                     "peak_bytes": used.peak_bytes, "peak_mib": used.peak_bytes / 2**20, "exit": used.exit})
    table = Table.of("runs", rows, Column("name", cut=40), "runs", Column("seconds", "took", unit="s", digits=2),
                     Column("cpu_seconds", "CPU", unit="s", digits=2), Column("peak_mib", "peak", unit="MiB", digits=1),
                     "exit")
    title = counted(len(rows), "program was measured", "programs were measured") if rows else "Nothing was measured yet"
    return View(title, Status.DONE, (table,),
                () if rows else (Action("How to", ("footprint", "run", "--help")),))


# -- versions -------------------------------------------------------------------------------------------------------


@look(of=footprint, fold=True)
@click.argument("model")
def show(session: Session, model: str) -> View:
    """What the training of MODEL[@VERSION] cost, phase by phase, beside earlier versions of the same candidate.

    \b
    Example: mlops-tui footprint flights-delay@3
    """
    return _of_version(session, model, LIMIT)[0]


@measure(of=footprint)
@click.argument("model")
@click.option("--limit", type=click.FloatRange(min=1), default=LIMIT, show_default=True,
              help="So many times the median of earlier versions is too much.")
def check(session: Session, model: str, limit: float) -> View:
    """Judge what the training of MODEL[@VERSION] cost beside earlier versions, and keep that as a finding.

    \b
    Example: mlops-tui footprint check flights-delay --limit 1.5
    """
    view, fact, beside = _of_version(session, model, limit)
    if fact is None:
        return view
    status = worst_of(beside)
    numbers = {str(row["measure"]): row["ratio"] for row in beside}
    session.ledger.append(Finding(
        subject=fact.subject, check="footprint", status=str(status), title=view.title,
        value=view.facts().get("cpu_seconds"),  # type: ignore[arg-type]
        unit="CPU s", limit=limit, n=int(str(beside[0]["runs"])), data=(fact.training,), declaration=fact.declaration,
        version=fact.version, detail={"ratios": numbers}))
    return view.with_status(status)


def _of_version(session: Session, text: str, limit: float) -> tuple[View, Trained | None, list[Row]]:
    subject = session.declared().subject(text, "model")
    state = folds.model_state(session.ledger.entries("trained", "promotion"), subject.name)
    if not state.versions:
        return View(f"{subject.name} was never trained", Status.UNKNOWN, actions=(
            Action("Train its candidates", ("train", subject.name)),)), None, []
    version = state.resolve(subject.version) or ("" if subject.version else state.challenger)
    fact = state.trained(version) if version else None
    if fact is None:
        raise NotFound(f"'{subject.name}' has no version '{subject.version}'.",
                       where=f"versions: {', '.join(state.versions)}", next="Try: mlops-tui model list")
    kept = fact.detail.get("footprint")
    if not kept:
        return View(f"{subject.name} {version} was trained before footprints were kept", Status.UNKNOWN, actions=(
            Action("Train its candidates", ("train", subject.name)),)), None, []
    known = [each for number in state.versions if (each := state.trained(number)) is not None
             and each.candidate == fact.candidate and each.detail.get("footprint")]
    runs = [run_of(each.detail["footprint"]) for each in known]
    at = next(place for place, each in enumerate(known) if each.version == fact.version)
    used = runs[at].used
    beside = beside_earlier(used, [each.used for each in runs[:at] if each.rows == runs[at].rows], limit)
    shown: dict[str, Cell] = {"version": version, "candidate": fact.candidate, **facts(runs[at])}
    more = {key: each for key, each in more_facts(runs[at], _rates(session, None)).items()
            if each is not None or key == "cost"}
    view = View(_title(f"Training {subject.name} {version} ({fact.candidate})", used), Status.DONE,
                (Facts(shown), *parts(used, runs[:at + 1], beside),
                 Facts(more), Text(_COUNTED)),
                (Action("How good it is", ("evaluate", f"{subject.name}@{version}")),))
    return view, fact, beside


_COUNTED = ("Rows are read, prepared and scored once for all candidates that are trained together; here that is "
            "counted whole, as if this one had been trained alone. The peak is that of the process that held most.")
