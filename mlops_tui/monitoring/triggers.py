"""When a model ought to be trained again: what speaks for it, and what was proposed."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import click

from mlops_tui import folds
from mlops_tui.capability import measure
from mlops_tui.declarations.kinds import Monitor
from mlops_tui.declarations.retraining import Judged, Retraining, State, cools_until, decided
from mlops_tui.errors import BadInput
from mlops_tui.oversight.triggering import Serving, gathered, last_trained, serving_at
from mlops_tui.oversight.watching import watchers
from mlops_tui.session import Session
from mlops_tui.view import Action, Column, Facts, Row, Status, Table, Text, View, counted
from store.facts import Finding

STATUS = {"fires": Status.FAIL, "fired": Status.FAIL, "cooling": Status.WARN, "armed": Status.PASS,
          "unknown": Status.UNKNOWN}
SAID = {"fires": "fires", "fired": "fired, not over", "cooling": "would fire, cools down", "armed": "armed",
        "unknown": "not known"}


@measure(looks="preview")
@click.argument("model")
@click.option("--monitor", default=None, help="Judge as this declared monitor does; the only one of MODEL by default.")
@click.option("--preview", is_flag=True, help="Only look: nothing is recorded, nothing trained.")
def triggers(session: Session, model: str, monitor: str | None, preview: bool) -> View:
    """Say whether MODEL ought to be trained again: decay, changed errors, age, new outcomes.

    What fires is a proposal with its evidence; with `then: train` the model is trained, and never promoted by that.

    \b
    Example: mlops-tui triggers flights-delay --preview
    """
    subject = session.declared().subject(model, "model")
    name, declared, retrain = _declared(session, subject.name, monitor)
    now = session.now()
    serving = serving_at(session, subject.name, now)
    evidence = gathered(session, declared, [now])[0]
    before = states(session, name)
    trained = last_trained(session, subject.name, now)
    found = decided(retrain, evidence, before, trained, now)
    finding = _finding(session, declared, name, found, serving)
    if not preview:
        session.ledger.append(finding)
    fresh = [each.name for each in found if each.stands == "fires"]
    done = _train(session, subject.name) if fresh and retrain.then == "train" and not preview else None
    until = cools_until(retrain, [each.state for each in found], trained)
    return _view(finding, found, serving, _facts(retrain, until, now), done)


def _declared(session: Session, model: str, monitor: str | None) -> tuple[str, Monitor, Retraining]:
    """The monitor that says when; BadInput shows how one is written where there is none."""
    names = [monitor] if monitor else watchers(session, "triggers", model)
    if len(names) != 1:
        what = f"{len(names)} monitors say when to train {model} again." if names else \
            f"Nothing says when {model} ought to be trained again."
        example = f"{{check: triggers, subject: {model}, retrain: {{when: {{old: {{every: 90d}}}}}}}}"
        following = f"Name one with --monitor: {', '.join(names)}." if names else \
            f"Write monitors/{model}-triggers.yaml: {example}"
        raise BadInput(what, next=following)
    declared: Monitor = session.declared().one("monitor", names[0])
    if declared.retrain is None or declared.subject != model:
        raise BadInput(f"Monitor '{names[0]}' checks {declared.check} of {declared.subject}, not triggers of {model}.")
    return names[0], declared, declared.retrain


def states(session: Session, monitor: str) -> Mapping[str, State]:
    """How the triggers stood after the monitor's last look."""
    findings = folds.findings_of(session.ledger.entries("finding"), check="triggers", monitor=monitor)
    last = findings[-1].fact if findings else None
    kept = last.detail.get("states") if isinstance(last, Finding) else None
    if not isinstance(kept, Mapping):
        return {}
    return {name: State(bool(each["armed"]), datetime.fromisoformat(each["fired"]) if each["fired"] else None)
            for name, each in kept.items()}


def _finding(session: Session, declared: Monitor, name: str, found: Sequence[Judged], serving: Serving) -> Finding:
    stands = {each.stands for each in found}
    status = next(STATUS[each] for each in ("fires", "fired", "cooling", "unknown", "armed") if each in stands)
    first = next((each for each in found if STATUS[each.stands] is Status.FAIL), found[0])
    firing = [each.name for each in found if STATUS[each.stands] is Status.FAIL]
    title = f"Train {declared.subject} again: {first.evidence.said}" if firing else \
        f"{declared.subject} need not be trained again: {counted(len(found), 'trigger')}, none fires" \
        if status is Status.PASS else f"{declared.subject}: {_first(found, status).evidence.said}"
    limit = declared.retrain.when[first.name].limit if declared.retrain else None
    kept = {each.name: {"armed": each.state.armed, "fired": each.state.fired.isoformat() if each.state.fired else "",
                        "stands": each.stands} for each in found}
    return Finding(check="triggers", subject=declared.subject, status=status.value, title=_short(title),
                   value=first.evidence.value, low=first.evidence.low, high=first.evidence.high, limit=limit,
                   declaration=session.declaration("monitor", name), monitor=name, version=serving.version,
                   detail={"states": kept, "fires": [each.name for each in found if each.stands == "fires"],
                           "propose": ["train", declared.subject] if firing else [],
                           "evidence": {each.name: each.evidence.said for each in found}})


def _first(found: Sequence[Judged], status: Status) -> Judged:
    return next(each for each in found if STATUS[each.stands] is status)


def _short(title: str, most: int = 100) -> str:
    return title if len(title) <= most else title[: most - 1].rstrip() + "…"


def _train(session: Session, model: str) -> Text:
    """Train, with the rights of whoever looks; a new version is a challenger and waits for its gate."""
    outcome = session.perform(("train", model))
    return Text(f"As declared, it was trained: {outcome.view.title}" if outcome.exit == 0 else
                f"As declared, it should be trained, and was not: {outcome.view.title}")


def _facts(retrain: Retraining, until: datetime | None, now: datetime) -> Facts:
    return Facts({"then": "train it" if retrain.then == "train" else "propose it",
                  "cools_down_until": until if until is not None and until > now else None})


def _view(finding: Finding, found: Sequence[Judged], serving: Serving, facts: Facts, done: Text | None) -> View:
    rows: list[Row] = [{"trigger": each.name, "status": STATUS[each.stands], "stands": SAID[each.stands],
                        "evidence": each.evidence.said, "next": each.evidence.due, "value": each.evidence.value,
                        "low": each.evidence.low, "high": each.evidence.high, "fired": each.state.fired}
                       for each in found]
    table = Table.of("triggers", rows, "trigger", "status", "stands", "evidence", Column("next", "by age"),
                     Column("fired", "fired last"))
    cost = Facts({"serves": serving.version, "trained": serving.trained, "took_s": serving.seconds})
    model = finding.subject
    proposed = (Action("Train it", ("train", model)), Action("What else would help?", ("remedy", model))) \
        if finding.detail["propose"] and done is None else ()
    return View(finding.title, Status(finding.status), (table, facts, cost, *((done,) if done else ())), (
        *proposed, Action("How well?", ("performance", model))))
