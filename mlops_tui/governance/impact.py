"""What a model may cost people: impact level and class under the EU AI Act, answered by evidence where it can be."""

from collections.abc import Iterator
from pathlib import Path

import click

from mlops_tui.assurance import tier
from mlops_tui.assurance.tier import LEVELS
from mlops_tui.capability import LocalPath, look, measure, noun
from mlops_tui.governance._assessing import Assessment, assessed, kept, words
from mlops_tui.oversight.watching import watching
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Column, Facts, Part, Row, Status, Table, View, counted
from store.facts import Finding

impact = noun("impact", __doc__ or "", bare="list", subject="assess", package=__package__ or "")
CHECK = "impact"


@look(of=impact, fold=True)
def list_(session: Session) -> View:
    """Every model with its impact level and class, as last assessed.

    \b
    Example: mlops-tui impact
    """
    entries = session.ledger.entries("assessed", "finding")
    rows: list[Row] = []
    for name in session.declared().models:
        found = tier.of(entries, name)
        rows.append({"status": Status.UNKNOWN if found is None or not found.known else
                     Status.WARN if found.high else Status.PASS, "model": name,
                     "tier": found.words if found else "not assessed", "questions": found.questions if found else None,
                     "entry": found.entry if found else None})
    lacking = [row for row in rows if row["status"] is Status.UNKNOWN]
    said = f"The tier of {counted(len(lacking), 'model')} is not known" if lacking else \
        f"The tier of {counted(len(rows), 'model')} is known"
    table = Table.of("tiers", rows, "status", Column("model", worth=1), "tier", "questions", Column("entry", digits=0))
    return View(said, Status.UNKNOWN if lacking else Status.PASS, (table,),
                tuple(Action(f"Assess {row['model']}", ("impact", "assess", str(row["model"]))) for row in rows[:3]))


@measure(of=impact)
@click.argument("model", metavar="MODEL[@VERSION]")
@click.option("--questions", type=LocalPath(), default=None, help="A file of questions to try; nothing is recorded.")
@click.option("--monitor", default=None, help="Judge as this declared monitor does.")
def assess(session: Session, model: str, questions: Path | None, monitor: str | None) -> View:
    """Assess MODEL: the level by Canada's questions, the class by the EU AI Act, each answer with what shows it.

    What the project's own records answer is computed. Typed answers stand in impact/MODEL.yaml; one that the records
    deny does not count. While answers are missing, level and class say what they can still be.

    \b
    Example: mlops-tui impact assess flights-delay
    Example: mlops-tui impact flights-delay@6
    """
    found = assessed(session, model, questions)
    if monitor is not None:
        watching(session, "impact", found.model, monitor)
    title, status = said(found)
    if questions is None:
        session.ledger.append(kept(session, found), _finding(session, found, title, status, monitor or ""))
    return View(title, status, tuple(parts(found)), actions(found))


def said(found: Assessment) -> tuple[str, Status]:
    """What to say first, and how it stands: red where a paper is wrong, unknown while answers are missing."""
    low, high = found.score.levels
    level = f"level {LEVELS[low - 1]}" if low == high else f"level {LEVELS[low - 1]} to {LEVELS[high - 1]}"
    class_ = found.classed.lowest if len(set(found.classed.classes)) == 1 else " to ".join(found.classed.classes)
    tier_said = f"{found.model}: {level}, EU {class_}"
    if found.prohibited:
        return f"{tier_said} by {found.classed.article}", Status.FAIL
    wrong = [(len(found.denied), "answer is denied by evidence", "answers are denied by evidence"),
             (len(found.score.contradictions), "contradiction", ""),
             (len(found.changes), "change since it was answered", "changes since it was answered")]
    told = [counted(number, one, many) for number, one, many in wrong if number]
    if told:
        only_better = not found.score.contradictions and not found.changes and not any(
            each.worse for each in found.denied)
        return f"{tier_said}; {', '.join(told)}", Status.FAIL if not only_better else \
            Status.UNKNOWN if found.open else Status.WARN
    if found.open:
        return f"{tier_said}; {counted(len(found.open), 'answer')} missing", Status.UNKNOWN
    return tier_said, Status.PASS


def _finding(session: Session, found: Assessment, title: str, status: Status, monitor: str) -> Finding:
    project = session.declared()
    kind = "impact" if found.model in project.impact else "model"
    return Finding(check=CHECK, subject=found.model, status=status.value, title=title, version=found.version,
                   value=float(found.score.worst.left), limit=None, unit="points", n=len(found.answers),
                   declaration=session.declaration(kind, found.model), monitor=monitor,
                   detail={"levels": list(found.score.levels), "classes": list(found.classed.classes),
                           "open": list(found.open), "denied": [each.id for each in found.denied],
                           "contradictions": [each.why for each in found.score.contradictions],
                           "changes": list(found.changes)})


def parts(found: Assessment) -> Iterator[Part]:
    """The figures, what is wrong, what is asked next, why the class is so, and what shows each answer."""
    best, worst, forks = found.score.best, found.score.worst, found.asked.forks
    facts: dict[str, Cell] = {
        "model": found.model, "version": found.version or None, "risk": _range(best.risk, worst.risk),
        "risk most": found.score.risk_most, "measures": _range(worst.mitigation, best.mitigation),
        "measures most": found.score.mitigation_most // forks, "left": _range(best.left, worst.left),
        "EU article": found.classed.article if found.classed.lowest == found.classed.highest else None,
        "answered": len(found.answers), "from evidence": sum(each.origin == "evidence"
                                                             for each in found.answers.values()),
        "questions": found.asked.name, "act": f"Regulation (EU) {found.act.version}"}
    yield Facts(facts)
    if wrong := list(_wrong(found)):
        yield Table.of("wrong", wrong, "status", "what", "why", title="Wrong")
    if found.open:
        yield Table.of("open", [{"question": id, "asks": _ask(found, id)} for id in found.open[:5]], "question",
                       Column("asks"), total=len(found.open), title="Asked next")
    if branches := list(_branches(found)):
        yield Table.of("branches", branches, "status", "class", "article", "question", title="EU AI Act: what holds")
    duties = found.asked.obligations.get(LEVELS[worst.level - 1], ())
    yield Table.of("obligations", [{"duty": each} for each in duties], "duty",
                   title=f"What level {LEVELS[worst.level - 1]} asks for")
    yield Table.of("evidence", [{"question": _ask(found, each.id), "answer": each.choices, "shown": each.shown,
                                 "id": each.id} for each in found.answers.values() if each.origin == "evidence"],
                   "question", "answer", "shown", title="Answered by evidence")


def _range(low: int, high: int) -> str:
    return str(low) if low == high else f"{low} to {high}"


def _ask(found: Assessment, id: str) -> str:
    return words(found.asked, found.act)[id]


def _wrong(found: Assessment) -> Iterator[Row]:
    for each in found.denied:
        typed, shown = " + ".join(each.instead), " + ".join(each.choices)
        yield {"status": Status.FAIL if each.worse else Status.WARN, "what": each.id,
               "why": f"typed {typed}, but {shown}: {each.shown}"}
    for wrong in found.score.contradictions:
        what = ", ".join(f"{id} {choice}" for id, choice in wrong.all.items())
        yield {"status": Status.FAIL, "what": what, "why": wrong.why}
    for change in found.changes:
        yield {"status": Status.FAIL, "what": "changed since it was answered", "why": change}


def _branches(found: Assessment) -> Iterator[Row]:
    """The branches that hold, and those that hold unless an exception does that nobody has answered."""
    for each in found.classed.branches:
        if each.holds or (each.holds is None and each.branch.id in found.answers):
            yield {"status": Status.UNKNOWN if each.holds is None else
                   Status.FAIL if each.branch.class_ == "prohibited" else Status.WARN, "class": each.branch.class_,
                   "article": each.article, "question": each.branch.ask, "branch": each.branch.id}


def actions(found: Assessment) -> tuple[Action, ...]:
    """What to do next about it."""
    next_ = [Action("Answer what is missing", ("impact", "ask", found.model))] if found.open else []
    return (*next_, Action("Every answer", ("impact", "show", found.model)),
            Action("Assessed before", ("impact", "history", found.model)))
