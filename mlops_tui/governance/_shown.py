"""What whoever votes sees beside the gate: the champion on the same rows, segments, drift, price and where it is from.

All of it follows from the history and the lake: nothing here moves with the clock alone, so that votes stay for it.
"""

from collections.abc import Iterator, Sequence

from mlops_tui import folds, gates
from mlops_tui.analysis.interval import Contrast
from mlops_tui.analysis.segments import Segment, worse
from mlops_tui.analysis.significance import Verdict
from mlops_tui.folds import ModelState
from mlops_tui.models.beside import Beside, Pair, beside
from mlops_tui.session import Session
from mlops_tui.view import Cell, Column, Facts, Part, Row, Status, Table, Text, counted, finite
from store.facts import Finding, Trained
from store.ledger import Entry

DIGITS = 4
STANDS = {Verdict.WORSE: Status.WARN, Verdict.BETTER: Status.PASS}
WORDS = {Verdict.WORSE: "worse", Verdict.BETTER: "better", Verdict.INCONCLUSIVE: "unsure"}
STALE = 7  # days after which the newest drift finding says nothing any more


def shown(session: Session, case: gates.Case, state: ModelState,
          entries: Sequence[Entry]) -> tuple[tuple[Part, ...], str]:
    """The parts, and the version against the champion in a few words for the title."""
    trained = state.trained(case.version)
    if trained is None:
        return (Text("It is not known how it was made."),), ""
    found = beside(session, case.model, trained, state.trained(case.champion) if case.champion else None)
    facts = {"drift": _drift(case, entries, state), **_priced(found)}
    parts = (*_pairs(case, found), *_segments(found), Facts(facts), _lineage(case, trained), *_replayed(case, entries))
    return parts, _said(found)


def _said(found: Beside) -> str:
    """The lead by the first metric, and how many segments got worse."""
    lead = next((each.lead for each in found.pairs[:1]), None)
    bad = len(worse(found.segments))
    told = [f"{found.metric} {_signed(lead)}"] if lead is not None else []
    if any(each.tested for each in found.segments):
        told.append(f"{counted(bad, 'segment')} got worse" if bad else "no segment got worse")
    return ", ".join(told)


def _signed(lead: Contrast, digits: int = DIGITS) -> str:
    bounds = "" if lead.low is None or lead.high is None else f" [{lead.low:+.{digits}f}, {lead.high:+.{digits}f}]"
    return f"{lead.estimate:+.{digits}f}{bounds}"


def _pairs(case: gates.Case, found: Beside) -> Iterator[Part]:
    """Champion, version and lead by each metric; the reason where there are no rows in common."""
    if not found.pairs:
        if case.champion:
            yield Text(f"It stands beside no champion: {found.reason}.")
        return
    rows = [row for each in found.pairs for row in _rows(case, each)]
    yield Table.of("beside", rows, "metric", "of", Column("value", digits=DIGITS), Column("low", digits=DIGITS),
                   Column("high", digits=DIGITS), title=f"Beside the champion on {found.n:,} rows of {found.source} "
                   "(a lead above 0 is better)")
    yield from (Text(f"{each.metric.id}: {each.reason}.") for each in found.pairs if each.reason)


def _rows(case: gates.Case, each: Pair) -> Iterator[Row]:
    for name, value in ((f"champion {case.champion}", each.before), (f"version {case.version}", each.after)):
        if value is not None:
            yield {"metric": each.metric.id, "of": name, "value": finite(value.value), "low": finite(value.low),
                   "high": finite(value.high), "n": value.n, "method": value.method}
    if (lead := each.lead) is not None:
        yield {"metric": each.metric.id, "of": "lead", "value": finite(lead.estimate), "low": finite(lead.low),
               "high": finite(lead.high), "p_value": finite(lead.p_value), "method": lead.method}


def _segments(found: Beside) -> Iterator[Part]:
    """Every segment, those that got worse first; which columns were left out."""
    if found.segments:
        tested, bad = sum(each.tested for each in found.segments), len(worse(found.segments))
        few = len(found.segments) - tested
        said = f"{bad} of {tested} segments {'is' if bad == 1 else 'are'} worse by {found.metric}" if tested else \
            "No segment has enough rows"
        more = f"; {few} {'has' if few == 1 else 'have'} not enough rows" if few and tested else ""
        yield Table.of("segments", [_segment(each) for each in found.segments], "segment", "n",
                       Column("lead", digits=DIGITS), Column("low", digits=DIGITS), Column("high", digits=DIGITS),
                       Column("p_adjusted", "p, Holm", digits=3), "stands", title=f"{said}{more}")
    elif found.n:
        yield Text("No segments are looked at: declare `slices:` of the model.")
    for column, why in found.left.items():
        yield Text(f"Segments by {column} are left out: {why}.")


def _segment(each: Segment) -> Row:
    lead = each.lead if each.tested else None
    before, after = (value.value if value is not None else None for value in (each.before, each.after))
    return {"status": STANDS.get(each.verdict) if each.tested else Status.UNKNOWN,
            "segment": f"{each.column}={each.name}", "column": each.column, "value": each.name, "n": each.n,
            "before": finite(before), "after": finite(after), "lead": finite(lead.estimate) if lead else None,
            "low": finite(lead.low) if lead else None, "high": finite(lead.high) if lead else None,
            "p_value": finite(lead.p_value) if lead else None, "p_adjusted": finite(each.p_adjusted),
            "stands": WORDS[each.verdict] if each.tested else each.reason}


def _priced(found: Beside) -> dict[str, Cell]:
    """What its decisions save a thousand rows, by the declared worth of right and wrong ones."""
    lead = found.price
    if lead is None:
        return {}
    low, high = (None if bound is None else round(1000 * bound, 2) for bound in (lead.low, lead.high))
    bounds = "" if low is None or high is None else f" [{low:+,.2f}, {high:+,.2f}]"
    return {"saves_per_1000": f"{1000 * lead.estimate:+,.2f} {found.unit}{bounds}"}


def _drift(case: gates.Case, entries: Sequence[Entry], state: ModelState) -> str:
    """How the inputs stand, and since when: the first of the findings that say the same as the newest."""
    made = state.versions[case.version].seq
    told = [entry for entry in folds.findings_of(entries, check="drift") if entry.subject in (case.name, case.subject)]
    if not told:
        return "never looked at"
    newest, since = told[-1], told[-1]
    for entry in reversed(told):
        if _status(entry) != _status(newest):
            break
        since = entry
    if (case.now - newest.recorded_at).days >= STALE:
        return f"not looked at for {STALE} days; entry {newest.seq} said {_status(newest)}"
    before = "" if newest.seq > made else ", and not looked at since it was trained"
    return f"{_status(newest)} since entry {since.seq} of {since.recorded_at:%Y-%m-%d}{before}"


def _status(entry: Entry) -> str:
    return entry.fact.status if isinstance(entry.fact, Finding) else ""


def _lineage(case: gates.Case, trained: Trained) -> Table:
    """What it was made from, by digest; whether it was made by today's declaration."""
    detail, today = trained.detail, case.fingerprints.get(f"model {case.name}", "")
    made = [("training rows", trained.training, f"{trained.window[0]} to {trained.window[1]}"),
            ("features", str(detail.get("features", "")), ""), ("labels", str(detail.get("labels", "")), ""),
            ("scores on its test", trained.scores, ""),
            ("declaration", trained.declaration, "today's" if trained.declaration == today else "not today's"),
            ("code, inputs, libraries", trained.key, f"seed {trained.seed}"), ("artefact", trained.artifact, "")]
    rows: list[Row] = [{"of": what, "digest": digest, "detail": more} for what, digest, more in made if digest]
    return Table.of("lineage", rows, Column("of", "made of"), Column("digest", cut=16), "detail",
                    title="Where it is from")


def _replayed(case: gates.Case, entries: Sequence[Entry]) -> Iterator[Table]:
    """Old incidents, where the gate does not ask for them."""
    found = gates.replays(case, entries) if "replays" not in case.model.gate else []
    rows: list[Row] = [{"status": each.status, "item": each.id, "title": each.title, "detail": each.detail}
                       for each in found if each.evidence or each.status is not Status.PASS]
    if rows:
        yield Table.of("replays", rows, "status", "item", "title", "detail", title="Old incidents, replayed")
