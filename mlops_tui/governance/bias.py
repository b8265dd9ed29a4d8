"""Whether groups are decided, and wrongly decided, alike: every difference and ratio with its interval."""

import math
from dataclasses import dataclass, replace

import click
import numpy as np

from mlops_tui import folds
from mlops_tui.analysis.answers import Task
from mlops_tui.capability import hidden_columns, measure
from mlops_tui.declarations.kinds import Monitor
from mlops_tui.errors import BadInput
from mlops_tui.governance import _answered, _classes, _decided, _limits, _numbers, _tables
from mlops_tui.governance._answered import Answered
from mlops_tui.governance._audited import Asked, of_table
from mlops_tui.governance._decided import Wish
from mlops_tui.governance._engines import ENGINES
from mlops_tui.governance._judgement import finding, groups_of
from mlops_tui.inputs.moments import span
from mlops_tui.inputs.tabular import tabular
from mlops_tui.oversight.watching import watching
from mlops_tui.session import Session
from mlops_tui.view import Facts, Status, View
from store.facts import Finding
from store.written import names_file


@dataclass(frozen=True)
class Options:
    """What was asked for beside WHAT and the groups."""

    label: str | None
    prediction: str | None
    score: str | None
    threshold: float | None
    group: str | None
    favourable: str | None
    privileged: str | None
    condition: str | None
    weight: str | None
    alike: str | None
    task: str
    method: str
    limit: tuple[str, ...]
    engine: str | None
    length: str | None
    monitor: str | None
    preview: bool

    @property
    def groups(self) -> tuple[str, ...]:
        return _split(self.group)

    def wish(self, limits: dict[str, float], privileged: str | None = None) -> Wish:
        return Wish(self.privileged or privileged, self.method == "to_overall", limits, self.engine or "")


def _split(text: str | None) -> tuple[str, ...]:
    return tuple(name.strip() for name in (text or "").split(",") if name.strip())


@measure(looks="preview")
@click.argument("what")
@click.option("--label", default=None, help="File: column with what came.")
@click.option("--prediction", default=None, help="File: column with what was decided, in the words of the label.")
@click.option("--score", default=None, help="File: column with a score instead, decided at --threshold.")
@click.option("--threshold", type=float, default=None, help="File: a score at or above it is a yes (1).")
@click.option("--group", default=None,
              help="Column of groups; several with commas between them: every combination. A model: else those it is "
                   "reweighed by, or was audited by last.")
@click.option("--favourable", default=None,
              help="The value of label and decision that is good for whom it concerns. A model: as it declares, or 1.")
@click.option("--privileged", default=None,
              help="The group that others are held against; else the one that is favoured most often.")
@click.option("--condition", default=None, help="File: column within whose values groups are compared as well.")
@click.option("--weight", default=None, help="File: column with what each row counts. A model declares its own.")
@click.option("--alike", default=None, help="File: columns of numbers by which rows are alike, for consistency.")
@click.option("--task", type=click.Choice(["auto", *(each.value for each in Task)]), default="auto", show_default=True,
              help="File: what is predicted; auto: decisions with one favourable value.")
@click.option("--method", type=click.Choice(["between_groups", "to_overall"]), default="between_groups",
              show_default=True, help="Groups are held against each other, or each against all rows.")
@click.option("--limit", multiple=True,
              help="NAME=VALUE, such as equalized_odds_difference=0.1 or mae=20; four_fifths=0.8 where none is given.")
@click.option("--engine", type=click.Choice(ENGINES), default=None,
              help="Whose values are shown, where it knows a metric; needs the extra 'fairness'.")
@click.option("--window", "length", default=None,
              help="A model: judge predictions whose outcome came, such as 30d, not test rows.")
@click.option("--monitor", default=None, help="A model: judge as this declared monitor does.")
@click.option("--preview", is_flag=True, help="Only look; nothing is recorded.")
def bias(session: Session, what: str, **wanted: object) -> View:
    """Audit the answers in WHAT by group: a file or dataset, or MODEL[@VERSION] on its own test rows.

    Differences are group − reference, ratios group / reference, and every line says so. It fails where a group is
    surely favoured less than four fifths as often as another one, however many groups there are, or where a --limit is
    surely broken. A group of too few rows is not judged, and keeps it from passing. Numbers (--task regression) and
    classes without a favourable one are judged by limits alone.

    \b
    Example: mlops-tui bias compas.csv --label recid --prediction high --group race --favourable 0 --privileged White
             mlops-tui bias loans.parquet --label repaid --score p --threshold 0.4 --group sex,age_band --favourable 1
             mlops-tui bias fares.csv --task regression --label paid --prediction said --group zone --limit mae=5
             mlops-tui bias flights-delay@challenger --group carrier
    """
    asked = Options(**wanted)  # type: ignore[arg-type]
    if asked.label is None and not names_file(what):
        return _of_model(session, what, asked)
    _not_of_files(asked)
    if not asked.groups:
        raise BadInput("Which groups are compared?", next="Add: --group COLUMN")
    return _of_file(session, what, asked)


def _of_model(session: Session, what: str, asked: Options) -> View:
    if asked.prediction or asked.score or asked.threshold is not None or asked.condition or asked.weight or asked.alike:
        raise BadInput("A model declares its label and threshold; a file needs --label.",
                       next="Of a model, give --group, and --favourable and --privileged where you like.")
    if asked.task != "auto":
        raise BadInput("A model declares its task.", next="Leave --task out.")
    subject = session.declared().subject(what, "model")
    watched = watching(session, "bias", subject.name, asked.monitor, asked.length) if asked.monitor else None
    groups = asked.groups or (watched.columns if watched else _usual(session, subject.name))
    if not groups:
        raise BadInput("Which groups are compared?", next="Add: --group COLUMN, or --monitor NAME")
    if watched is None:  # what a monitor looks at was decided by those who declared it
        _hidden(session, session.declared().model(subject.name).label.dataset, groups)
    if watched is not None or asked.length:
        length = watched.window if watched else span(str(asked.length))
        found = _answered.served(session, what, groups, length)
    else:
        found = _answered.tested(session, what, groups)
    view = _judged(session, found, asked, groups, watched)
    if not asked.preview:
        session.ledger.append(finding(session, found, groups, view, asked.monitor or ""))
    return view


def _usual(session: Session, name: str) -> tuple[str, ...]:
    """The groups that a model is audited by where nobody names any: those it is reweighed by, else those of its last
    audit; none where there was none."""
    mitigation = session.declared().model(name).mitigation
    if mitigation is not None:
        return mitigation.reweigh
    entry = folds.latest_finding(session.ledger.entries("finding", subject=name), "bias", name)
    return groups_of(entry.fact) if entry is not None and isinstance(entry.fact, Finding) else ()


def _judged(session: Session, found: Answered, asked: Options, groups: tuple[str, ...],
            watched: Monitor | None) -> View:
    limits = _limits.asked(asked.limit) or dict(watched.limits if watched else {})
    needed = max(watched.min_rows if watched else 0, 1)
    if found.answers.n < needed:
        return View(f"{found.name}: {found.answers.n:,} outcomes are known, needs {needed:,}", Status.UNKNOWN,
                    (Facts({**found.facts, "group": " · ".join(groups), "version": found.version}),))
    model, privileged = found.model, watched.reference.get("group") if watched else None
    favourable = asked.favourable or str(model.favourable) or ("1" if found.task is Task.BINARY else "")
    wish = asked.wish(limits, None if privileged is None else str(privileged))
    said = Asked(model.label.column, groups, favourable, score=found.candidate or found.subject,
                 threshold=model.threshold if found.task is Task.BINARY else None, weight=model.weight)
    where = f"monitors/{asked.monitor}.yaml" if asked.monitor else "--limit"
    wish = replace(wish, costs=model.costs, facts={**found.facts, "version": found.version},
                   notes=(_assumed(found, asked.favourable), _together(found)))
    if favourable and found.task is not Task.REGRESSION:
        _limits.for_task(limits, "binary", where)
        return _decided.view(_answered.decisions(found, said), said, wish, found.name)
    if wish.engine:
        raise BadInput(f"--engine is for decisions, not for {found.task.value} answers.", next="Leave it out.")
    _limits.for_task(limits, found.task.value, where)
    if found.task is Task.REGRESSION:
        return _numbers.view(_answered.numbers(found, said), said, wish, found.name)
    return _classes.view(_answered.classes(found, said), said, wish, found.name)


def _assumed(found: Answered, favourable: str | None) -> str:
    """That yes is taken for what is good, where nobody said what is."""
    if found.task is not Task.BINARY or favourable or found.model.favourable != "":
        return ""
    return (f"Favourable is taken to be {found.model.label.column} = 1; --favourable 0 turns all round, and so does "
            f"`favourable: 0` in models/{found.subject}.yaml.")


def _together(found: Answered) -> str:
    """That rows of one span vary together, where they do: the intervals know nothing of it."""
    spans = found.answers.together
    if spans is None or not spans.size or np.unique(spans).size == spans.size:
        return ""
    return "Intervals take each row for one of its own kind; rows of one day may vary together, then they are narrow."


def _not_of_files(asked: Options) -> None:
    if asked.monitor or asked.length:
        raise BadInput("--monitor and --window are for models: a file is audited as it is.", next="Leave them out.")


def _of_file(session: Session, what: str, asked: Options) -> View:
    table = tabular(session, what)
    said = _asked(asked)
    if table.dataset:
        _hidden(session, table.dataset, said.columns)
    task = "binary" if asked.task == "auto" else asked.task
    wish = asked.wish(dict(_limits.for_task(_limits.asked(asked.limit), task, "--limit")))
    if task == Task.BINARY:
        alike = _tables.consistency(table, said) if said.alike else None
        return _decided.view(of_table(table, said), said, wish, consistency=alike)
    if task == Task.REGRESSION:
        return _numbers.view(_tables.numbers(table, said), said, wish)
    return _classes.view(_tables.classes(table, said), said, wish)


def _hidden(session: Session, dataset: str, columns: tuple[str, ...]) -> None:
    """Refuse a classified column where others read along."""
    hidden = hidden_columns(session, dataset, columns)
    if hidden:
        raise BadInput(f"'{hidden[0]}' is classified, and not shown where others read along.", where=dataset,
                       next="Ask in the terminal.")


def _asked(asked: Options) -> Asked:
    """The options of a file; BadInput for what is missing or too much."""
    decides = asked.task in ("auto", Task.BINARY)
    if asked.label is None or (decides and asked.favourable is None):
        raise BadInput(f"A file needs --{'label' if asked.label is None else 'favourable'}.",
                       next="Say what is good for whom it concerns: --label repaid --favourable 1")
    if not decides:
        _plain(asked)
    elif (asked.prediction is None) == (asked.score is None):
        raise BadInput("Either a column of decisions or one of scores is needed.",
                       next="Add: --prediction COLUMN, or --score COLUMN --threshold T")
    elif (asked.score is None) != (asked.threshold is None):
        raise BadInput("A score is decided at a threshold, and only a score.", next="Add: --score COLUMN --threshold T")
    if asked.threshold is not None and not math.isfinite(asked.threshold):
        raise BadInput(f"{asked.threshold} is no threshold.", next="Add: --threshold 0.5")
    return Asked(asked.label, asked.groups, asked.favourable or "", asked.prediction or "", asked.score or "",
                 asked.threshold, asked.condition or "", asked.weight or "", _split(asked.alike))


def _plain(asked: Options) -> None:
    """Refuse what numbers and classes do not have."""
    given = [name for name, value in (("--favourable", asked.favourable), ("--score", asked.score),
                                      ("--threshold", asked.threshold), ("--condition", asked.condition),
                                      ("--alike", asked.alike), ("--engine", asked.engine)) if value is not None]
    if given:
        raise BadInput(f"{given[0]} is for decisions, not for --task {asked.task}.",
                       next="With --favourable V, one class is held against the rest: leave --task out.")
    if asked.prediction is None:
        raise BadInput(f"--task {asked.task} needs --prediction COLUMN.", next="Add: --prediction COLUMN")
