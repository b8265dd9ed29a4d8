"""The questions about a model's impact that nothing answers yet."""

from collections.abc import Iterator

import click

from mlops_tui.assurance.scoring import next_questions
from mlops_tui.capability import look
from mlops_tui.governance._assessing import OTHERS, Assessment, assessed
from mlops_tui.governance.impact import impact
from mlops_tui.session import Session
from mlops_tui.view import Action, Column, Row, Status, Table, View, counted

AT_ONCE = 5  # questions of one form


@look(of=impact)
@click.argument("model")
def ask(session: Session, model: str) -> View:
    """What is still to be answered about MODEL, the heaviest questions first, with the choices there are.

    \b
    Example: mlops-tui impact ask flights-delay
    """
    found = assessed(session, model)
    rows = [*_of_score(found), *_of_act(found)]
    name = found.model
    if not rows:
        return View(f"Everything about {name} is answered", Status.PASS, (),
                    (Action("Assess it", ("impact", "assess", name)),))
    table = Table.of("open", rows, "question", Column("asks"), "choices", Column("weighs", digits=0))
    asked = [f"set:{row['question']}" for row in rows[:AT_ONCE]]
    branches = any(str(row["question"]).startswith("eu-") for row in rows)
    none = (Action("None of the branches of the Act holds", ("impact", "answer", name, "--set", f"{OTHERS}=no")),)
    return View(f"{counted(len(rows), 'question')} about {name} to answer", Status.UNKNOWN, (table,),
                (Action("Answer the next ones", ("impact", "answer", name), tuple(asked)),
                 *(none if branches and OTHERS not in found.answers else ()),
                 Action("How it stands", ("impact", "assess", name))))


def _of_score(found: Assessment) -> Iterator[Row]:
    chosen = {id: each.choices for id, each in found.answers.items()}
    for each in next_questions(found.asked, chosen, found.score.open):
        yield {"question": each.id, "asks": each.ask, "choices": tuple(each.choices), "weighs": each.most,
               "part": each.part, "area": each.area, "several": each.many}


def _of_act(found: Assessment) -> Iterator[Row]:
    for id in found.classed.open:
        yield {"question": id, "asks": found.act.questions[id].ask, "choices": ("yes", "no"), "weighs": None,
               "part": "EU AI Act", "area": found.act.questions[id].article, "several": False}
