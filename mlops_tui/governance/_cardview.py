"""A card as a view: what a person reads first, then the figures, then what is not known."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from mlops_tui.governance._cardrecord import UNKNOWN, Card, Figure
from mlops_tui.view import Cell, Column, Facts, Part, Row, Series, Status, Table, Text, View, counted, finite

NUMBERS = (Column("value", digits=3), Column("low", digits=3), Column("high", digits=3), Column("n", digits=0))


def headline(card: Card) -> str:
    """What to say of it in a line: what it answers, and how well."""
    main = next((each for each in card.metrics if each.metric == card.metric and finite(each.value) is not None), None)
    told = f", {main.metric} {main.value:.3f}" if main is not None and main.value is not None else ""
    if main is not None and main.low is not None and main.high is not None:
        told += f" [{main.low:.3f}, {main.high:.3f}]"
    return f"Model card of {card.title}{told}"[:100]


def document(card: Card) -> View:
    """The whole card: it says the same whoever reads it, and when."""
    return View(headline(card), Status.WARN if card.gaps else Status.PASS, tuple(parts(card)))


def parts(card: Card) -> Iterator[Part]:
    """Every part of the card in the order in which it is read."""
    yield Facts(_details(card))
    yield Table.of("metrics", [_row(each) for each in _all(card)], "metric", *NUMBERS, *_reason(_all(card)),
                   title="On test rows that it had not seen, 95 % intervals")
    yield Text("\n".join(_words(card)), "markdown")
    if card.slices:
        yield Table.of("slices", [_row(each) for each in card.slices], Column("slice"), *NUMBERS,
                       *_reason(card.slices), title=f"{card.metric} by part of the rows")
        yield from _picture(card)
    yield Table.of("baselines", [{"baseline": each.baseline, "lead": finite(each.estimate), "low": finite(each.low),
                                  "high": finite(each.high), "verdict": each.verdict} for each in card.baselines],
                   "baseline", Column("lead", digits=3), Column("low", digits=3), Column("high", digits=3), "verdict",
                   title="Lead on each baseline")
    yield Facts(_run(card))
    yield Table.of("data", list(_data(card)), "data", "role", Column("rows", digits=0), "from", "to", "people",
                   Column("snapshot", worth=-1), title="Data")
    yield Table.of("history", list(_history(card)), "status", "about", "what", title="Fairness, incidents and since")
    if card.gaps:
        yield Table.of("gaps", [{"unknown": each} for each in card.gaps], "unknown", title="Not known")


def _details(card: Card) -> dict[str, Cell]:
    return {"model": card.name, "version": card.version, "role": card.standing.role or UNKNOWN, "task": card.task,
            "trained": datetime.fromisoformat(card.created), "owner": ", ".join(card.owners) or UNKNOWN,
            "licence": card.licence or UNKNOWN, "impact": card.tier or UNKNOWN,
            "signature": card.standing.signature or UNKNOWN, "not known": len(card.gaps), "digest": card.digest}


def _run(card: Card) -> dict[str, Cell]:
    return {"estimator": f"{card.estimator or UNKNOWN} ({card.candidate})",
            "params": ", ".join(f"{name} {value}" for name, value in sorted(card.params.items())) or UNKNOWN,
            "threshold": card.threshold, "seed": card.seed, "window": f"{card.window[0]} to {card.window[1]}",
            "inputs": ", ".join(name for name, _ in card.inputs) or UNKNOWN, "training": card.key,
            "artifact": card.artifact}


def _words(card: Card) -> Iterator[str]:
    """What people say of it; where nobody does, that."""
    ethics = tuple(f"{risk}: {measure or UNKNOWN}" for risk, measure in card.ethics)
    for heading, texts in (("What it is", (card.description,)), ("Intended use", (card.use,)), ("Users", card.users),
                           ("Limits", card.limits), ("Trade-offs", card.tradeoffs), ("Ethics", ethics),
                           ("Lessons of incidents", card.lessons), ("Decisions", card.decisions)):
        said = [_one_line(each) for each in texts if each]
        yield f"## {heading}\n"
        yield from (f"- {each}" for each in (said or [UNKNOWN]))
        yield ""


def _one_line(text: str) -> str:
    """The text as one item of a list: it can begin no heading, fence or comment of its own."""
    return " ".join(text.split()).replace("<!--", "<! --")


def _all(card: Card) -> tuple[Figure, ...]:
    return tuple(each for each in card.figures if not each.slice)


def _row(each: Figure) -> Row:
    return {"metric": each.metric, "slice": each.slice or None, "value": finite(each.value), "low": finite(each.low),
            "high": finite(each.high), "n": each.n, "method": each.method, "reason": each.reason or None}


def _reason(figures: Sequence[Figure]) -> tuple[str, ...]:
    return ("reason",) if any(each.reason for each in figures) else ()


def _picture(card: Card) -> Iterator[Series]:
    shown = [each for each in card.slices if None not in (finite(each.value), finite(each.low), finite(each.high))]
    if shown:
        yield Series("by_slice", "interval", tuple(each.slice for each in shown), tuple(each.value for each in shown),
                     tuple(each.low for each in shown), tuple(each.high for each in shown), title=card.metric)


def _data(card: Card) -> Iterator[Row]:
    said = {True: "yes", False: "no", None: UNKNOWN}
    for each in card.data:
        yield {"data": each.name, "role": each.role, "rows": each.rows, "from": each.start[:10] or None,
               "to": each.end[:10] or None, "people": said[each.personal], "snapshot": each.snapshot[:12] or UNKNOWN,
               "classes": each.classes, "licence": each.licence or UNKNOWN, "description": each.description}


def _history(card: Card) -> Iterator[Row]:
    for about, found in (("fairness", card.fairness), ("drift since", card.standing.drift),
                         ("performance since", card.standing.performance)):
        yield {"status": _status(found.status) if found else Status.UNKNOWN, "about": about,
               "what": found.title if found else UNKNOWN, "entry": found.entry if found else None}
    verdicts = {"survives": Status.PASS, "fails": Status.FAIL, "trained on it": Status.WARN}
    for incident, verdict, reason in card.replays:
        yield {"status": verdicts.get(verdict, Status.UNKNOWN), "about": f"replay of {incident}",
               "what": f"{verdict}: {reason}" if reason else verdict}
    for each in card.standing.incidents:
        yield {"status": Status.WARN if "open)" in each else Status.DONE, "about": "incident", "what": each}
    for each in card.standing.approvals:
        yield {"status": Status.DONE, "about": "approval", "what": each}


def _status(word: str) -> Status:
    return Status(word) if word in ("pass", "warn", "fail", "done") else Status.UNKNOWN


def gaps_said(card: Card) -> str:
    """How much of it is not known."""
    return f"{counted(len(card.gaps), 'thing')} not known" if card.gaps else "nothing is left unknown"
