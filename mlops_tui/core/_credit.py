"""The demo of a model that decides about people: 1,000 real loans, and what must be shown before it may serve."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

from mlops_tui import folds
from mlops_tui.core._cast import Cast
from mlops_tui.core._people import adopt
from mlops_tui.core._replay import set_clock
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Column, Facts, Row, Status, Steps, Table, View
from store.facts import Finding

MODEL, GROUP = "credit-risk", "age_group"
AFTER = datetime(1975, 10, 1, 6, tzinfo=UTC)  # the day after the last place in the list of loans
MILDER = (("threshold: 0.8333  # 5 / (5 + 1)\n",
           "threshold: 0.6  # milder than 5 / (5 + 1): what that costs, and whom it helps, is in the card\n"),
          ("seed: 1994\n", f"mitigation: {{reweigh: [{GROUP}]}}\nseed: 1994\n"))
ANSWERS = "people-decide=yes,groups=yes,explained=yes"
VOTES = (("bo", "bad loans at this threshold are known and priced"), ("cy", "the rows' limits are said in the card"),
         ("di", "a clerk decides; the four fifths rule is not surely broken, and it stays under audit"))
GATE = (Status.CONFIRM, Status.FAIL, Status.UNKNOWN)


def work(opened: Callable[[], Session], target: Path, began: float) -> View:
    """Take the loans in, train, audit, mend, audit again, and put the version before board and gate; a rerun goes on
    where it was cut short."""
    cast = Cast(opened())
    set_clock(cast, AFTER)
    if cast.session.current("credit") is None:
        cast.stage("Ingest the loans", "machine", "ingest", "credit", "--file", str(target / "files" / "credit.csv"))
        cast.stage("See them as an onlooker does", "ed", "sql", "SELECT min(age), max(age), count(*) FROM credit")
    if not _newest(cast):
        cast.stage("Train, decide as costs say", "ana", "train", MODEL)
        cast.stage("Audit it by age", "di", "bias", _newest(cast), "--group", GROUP)
    if _declares(target, MILDER):
        cast = replace(cast, session=opened())  # who opens it again reads the declaration anew
        cast.stage("Train, weighed by age, milder", "ana", "train", MODEL)
        cast.stage("Audit it again", "di", "bias", _newest(cast), "--group", GROUP)
        cast.stage("Ask what mercy costs", "ana", "metric", _newest(cast))
    if not folds.model_state(cast.session.ledger.entries("trained", "promotion"), MODEL).champion:
        _through_the_gate(cast, _newest(cast))
    adopt(cast)  # the record of what the board decided
    return _told(cast, target, began)


def _newest(cast: Cast) -> str:
    """The version that wants to serve or does, as `model@version`; empty before the first."""
    state = folds.model_state(cast.session.ledger.entries("trained", "promotion"), MODEL)
    return f"{MODEL}@{state.challenger or state.champion}" if state.versions else ""


def _declares(target: Path, changes: tuple[tuple[str, str], ...]) -> bool:
    """Write what ana changes in the model's declaration; False where an earlier run got past it."""
    path = target / "models" / f"{MODEL}.yaml"
    text = path.read_text(encoding="utf-8")
    made = text
    for before, after in changes:
        made = made if after in made else made.replace(before, after)
    path.write_text(made, encoding="utf-8")
    return made != text


def _through_the_gate(cast: Cast, subject: str) -> None:
    """Everything that the gate asks for: assessed, described, traced, signed, decided by a board, and voted on."""
    for name, who, argv in (
            ("Assess the impact", "di", ("impact", "assess", MODEL)), ("Write its card", "ana", ("card", subject)),
            ("Trace where it comes from", "ana", ("provenance", "check", subject)),
            ("Look who opted out", "ana", ("optout", "check", subject)),
            ("Verify what is sealed", "ana", ("vault", "verify", subject)),
            ("Rehearse going back", "ana", ("rehearse", subject))):
        cast.stage(name, who, *argv)
    cast.stage("Publish the card", "ana", "card", "publish", subject, consent=True)
    plan = cast.does("ana", "promote", subject, expect=GATE)
    for action in plan.actions:
        if action.argv[:2] == ("checklist", "sign"):
            who = "di" if action.argv[2] == "person-decides" else "bo"
            cast.does(who, *action.argv, reason="read, with its limits")
    _decided_by_the_board(cast, subject)
    plan = cast.stage("Look at the gate", "ana", "promote", subject, expect=GATE)
    if plan.status is not Status.CONFIRM:
        return
    cast.does("ana", "promote", subject, consent=True)
    waiting = [each for each in folds.approvals(cast.session.ledger.entries(), cast.session.now()).values()
               if each.state == "open"][-1].id
    cast.does("bo", "approve", "vote", waiting, reason="the gate is green, and the board said yes")
    cast.stage("Two votes let it serve", "cy", "approve", "vote", waiting, reason="the card says what it costs whom")


def _decided_by_the_board(cast: Cast, subject: str) -> None:
    """Three people vote on the version as it is now; an approval that was given stands."""
    cases = [row for row in cast.does("ana", "board", "list", "--all").table("cases").rows if row["about"] == subject]
    case = next((str(row["case"]) for row in cases if row["state"] in ("open", "approved")), "") or str(
        cast.stage("Ask the lending board", "ana", "board", "open", subject, consent=True).facts()["case"])
    for member, why in VOTES:
        votes = {row["member"] for row in cast.does("ana", "board", "show", case).table("members").rows if row["vote"]}
        if member not in votes and cast.does("ana", "board", "show", case).facts()["state"] == "open":
            cast.does(member, "board", "vote", case, "yes", "--answers", ANSWERS, reason=why)
    cast.stage("Count the board's votes", "ana", "board", "show", case)


def _told(cast: Cast, target: Path, began: float) -> View:
    """The story, with its figures read back from the ledger."""
    entries = cast.session.ledger.entries()
    state = folds.model_state(entries, MODEL)
    audits: list[Row] = [
        {"version": entry.fact.version, "status": Status(entry.fact.status), "ratio": entry.fact.value,
         "low": entry.fact.low, "high": entry.fact.high, "said": entry.fact.title}
        for entry in folds.findings_of(entries, check="bias", subject=MODEL) if isinstance(entry.fact, Finding)]
    facts: dict[str, Cell] = {
        "folder": str(target), "champion": f"{MODEL}@{state.champion}" if state.champion else None,
        "versions": len(state.versions), "findings": len(folds.findings_of(entries)), "entries": len(entries),
        "seconds": round(perf_counter() - began, 1)}
    shown = Table.of("audits", audits, "version", "status", Column("ratio", digits=3), Column("low", digits=3),
                     Column("high", digits=3), title="Decided repaid: up to 25 as a multiple of over 25")
    served = f"{MODEL}@{state.champion} serves" if state.champion else "the gate stays shut"
    return View(f"The credit model was audited, mended and put before its board: {served}", Status.DONE,
                (Steps(tuple(cast.steps)), Facts(facts), shown),
                (Action("Look around", ("status", "--project", str(target))),
                 Action("Its card", ("card", f"{MODEL}@{state.champion or state.challenger}", "--project",
                                     str(target)))))
