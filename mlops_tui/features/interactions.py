"""Terms of two columns that earn their place: by a reason from the domain, or by what they save on held-out rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd

from mlops_tui.analysis.multiplicity import holm
from mlops_tui.capability import LocalPath, TargetPath, measure
from mlops_tui.errors import BadInput
from mlops_tui.features import _joint, _rows
from mlops_tui.features._joint import Examples, How, Judgement, Pair
from mlops_tui.features._rows import Source
from mlops_tui.session import Session
from mlops_tui.transforms import interactions as transform
from mlops_tui.transforms import rows
from mlops_tui.transforms.interactions import Interactions
from mlops_tui.view import Action, Cell, Column, Facts, Row, Status, Table, Text, View, counted
from store.facts import Finding
from store.quoting import quote

MOST_PAIRS, FEWEST, HELD_OUT = 45, 200, 0.3
METHOD = ("A model of boosted trees in which no two columns meet; then, from what it leaves over in the training rows, "
          "each pair's own term, less all that either column explains. 'beyond': how much more squared error (for "
          "classes: Brier) permuting both costs than the sum of the parts, on held-out rows, with its bootstrap "
          "interval; accepted where it is above 0 after Holm over the pairs. Columns whose rank correlation reaches "
          "the cut are permuted with their partner.")


@dataclass(frozen=True)
class _Asked:
    """What is looked for: pairs, the most promising columns, and reasons by pair."""

    pairs: tuple[Pair, ...]
    reasons: Mapping[frozenset[str], str]
    term: str


@measure
@click.argument("subject", required=False)
@click.option("--file", type=LocalPath(), default=None, help="Parquet, CSV or JSON file with the rows.")
@click.option("--target", required=True, help="Column with the outcome.")
@click.option("--columns", default=None, help="Columns whose pairs are looked at; else every one, the best --most.")
@click.option("--pairs", default=None, help="Only these pairs, such as distance*hour,carrier*origin.")
@click.option("--most", type=click.IntRange(min=2, max=30), default=6, show_default=True,
              help="Of more columns, so many that matter most are paired.")
@click.option("--reason", "reasons", multiple=True, help='Accept a pair for a reason: a*b="why the domain says so".')
@click.option("--time", default=None, help="Column with a time: the last rows are held out, not random ones.")
@click.option("--term", type=click.Choice(["auto", *transform.NAMED]), default="auto", show_default=True,
              help="What a pair becomes: product or ratio of numbers, or joint levels.")
@click.option("--rows", "most_rows", type=click.IntRange(min=FEWEST), default=20_000, show_default=True,
              help="Rows that are looked at, at most.")
@click.option("--trees", type=click.IntRange(min=10, max=1000), default=100, show_default=True,
              help="Trees of the model.")
@click.option("--rho", type=click.FloatRange(0.1, 1), default=0.8, show_default=True,
              help="Rank correlation from which columns go together.")
@click.option("--alpha", type=click.FloatRange(0.0001, 0.5), default=0.05, show_default=True,
              help="Chance of accepting any pair of an additive truth.")
@click.option("--seed", type=int, default=0, show_default=True, help="Another seed takes other rows.")
@click.option("--out", type=TargetPath(rows=True), help="Write the rows with the accepted terms to this file.")
@click.option("--save", type=TargetPath(), default=None, help="Write the accepted terms to this JSON file.")
def interactions(session: Session, subject: str | None, file: Path | None, target: str, columns: str | None,
                 pairs: str | None, most: int, reasons: tuple[str, ...], time: str | None, term: str, most_rows: int,
                 trees: int, rho: float, alpha: float, seed: int, out: Path | None, save: Path | None) -> View:
    """Test which pairs of columns foretell more together than apart, on held-out rows.

    A pair with a written reason is accepted as it is, and tested all the same.

    \b
    Example: mlops-tui interactions --file flights.csv --target late --columns hour,distance,carrier
             mlops-tui interactions --file flights.csv --target late --pairs hour*carrier --time sched_dep
             mlops-tui interactions flights --target late --reason wind*runway="crosswind closes one runway"
    """
    source, given = _rows.opened(session, subject, file), _reasons(reasons)
    with _rows.read(source):
        rows.need(source.types, [target], "target")
        own = [name for name in (target, time or "", rows.ROW, *source.key) if name]
        named = _rows.listed(columns) or tuple(name for name in source.columns if name not in own)
        asked = _pairs(pairs)
        named = tuple(dict.fromkeys([*(() if asked else named), *(name for pair in asked for name in pair),
                                     *(name for pair in given for name in pair)]))
        rows.need(source.types, named)
        examples, used = _examples(source, target, named, time, (most_rows, seed))
        how = How(trees=trees, seed=seed, rho=rho)
        chosen = asked or _all_pairs(session, examples, named, how, (most, columns is not None))
        wanted = tuple(dict.fromkeys([*chosen, *(pair for pair in map(_ordered, given) if pair not in chosen)]))
        session.progress(0, len(wanted), f"interactions: {len(wanted)} pairs beside {trees} trees, {used:,} rows")
        found = _joint.judged(examples, wanted, how, session.progress)
        return _view(session, source, found, _Asked(wanted, given, term), (examples, how, alpha, (out, save), time))


def _reasons(given: Sequence[str]) -> dict[frozenset[str], str]:
    """`a*b=why` by pair; BadInput for one without a reason."""
    found = {}
    for text in given:
        name, equals, why = text.partition("=")
        a, star, b = name.partition("*")
        if not (equals and star and a.strip() and b.strip()) or len(why.strip()) < 3:
            raise BadInput(f"'{text}' is no pair with a reason.", where="--reason",
                           next='Try: --reason a*b="why the domain says so"')
        found[frozenset((a.strip(), b.strip()))] = why.strip()
    return found


def _ordered(pair: frozenset[str]) -> Pair:
    a, b = sorted(pair)
    return a, b


def _pairs(text: str | None) -> tuple[Pair, ...]:
    found: list[Pair] = []
    for each in _rows.listed(text):
        a, star, b = each.partition("*")
        if not star or not a.strip() or not b.strip() or a.strip() == b.strip():
            raise BadInput(f"'{each}' is no pair of columns.", where="--pairs", next="Try: --pairs a*b,c*d")
        found.append((a.strip(), b.strip()))
    return tuple(found)


def _examples(source: Source, target: str, named: Sequence[str], time: str | None,
              most: tuple[int, int]) -> tuple[Examples, int]:
    """At most so many labelled rows, chosen by hash; the last 30 % of time held out, or 30 % by another hash."""
    y = quote(target)
    labelled = int(source.one(f"SELECT count({y}) FROM {source.relation}")[0])
    if labelled < FEWEST:
        raise BadInput(f"Only {labelled} rows have a target; that is too few to hold some out.", where=source.where,
                       next=f"Bring {FEWEST} or more.")
    if time is not None:
        rows.need(source.types, [time])
    by = (rows.ROW,) if rows.ROW in source.types else source.key or tuple(source.columns)
    texts = ", ".join(f"coalesce({rows.level(name, source.types[name])}, '')" for name in by)
    mixed = f"md5_number_lower(concat_ws('|', '{most[1]:d}', {texts}))"
    listed = ", ".join(f"{quote(name)} AS {quote(f'x{place}')}" for place, name in enumerate(named))
    when = quote(time) if time else mixed
    found = source.cursor.sql(
        f"SELECT {y} AS y, {mixed} AS mixed, {when} AS moment, {listed} FROM {source.relation} WHERE {y} IS NOT NULL "
        f"ORDER BY mixed LIMIT {most[0]}").to_arrow_table().to_pandas()
    found = found.sort_values(["moment", "mixed"] if time else ["mixed"], kind="stable", ignore_index=True)
    features = _joint.as_features(pd.DataFrame({name: found[f"x{place}"] for place, name in enumerate(named)}))
    outcome, task = _outcome(found["y"], target, source)
    held = np.arange(len(found)) >= int(len(found) * (1 - HELD_OUT))
    if task != "regression" and set(np.unique(outcome[held])) - set(np.unique(outcome[~held])):
        raise BadInput("The held-out rows have a class that the others lack.", where=source.where,
                       next="Bring more rows, or leave rare classes out.")
    return Examples(features, outcome, held, task), len(found)


def _outcome(column: "pd.Series[Any]", target: str, source: Source) -> tuple[Any, str]:
    """The outcome, and regression for numbers with more than two values, else classes."""
    distinct = column.nunique()
    if distinct < 2:
        raise BadInput(f"The target '{target}' is the same in every row.", where=source.where,
                       next="Choose rows in which more than one outcome occurs.")
    number = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
    if number and (distinct > 2 or not set(column.unique()) <= {0, 1}):
        values = column.to_numpy(dtype=np.float64)
        if not np.isfinite(values).all():
            raise BadInput(f"The target '{target}' is not finite in every row.", where=source.where,
                           next="Leave those rows out.")
        return values, "regression"
    return np.unique(column.astype(str).to_numpy(), return_inverse=True)[1], "classes"


def _all_pairs(session: Session, examples: Examples, named: Sequence[str], how: How,
               limits: tuple[int, bool]) -> tuple[Pair, ...]:
    """Every pair of the columns named; of more, of those that matter most to one model of them all."""
    most, given = limits
    if len(named) < 2:
        raise BadInput("A pair needs two columns.", where="--columns", next="Name two or more.")
    if len(named) > most and not (given and len(named) * (len(named) - 1) // 2 <= MOST_PAIRS):
        session.progress(0, len(named), f"interactions: which {most} of {len(named)} columns matter")
        named = _joint.ranked(examples, how)[:most]
    return tuple(combinations(named, 2))


def _view(session: Session, source: Source, found: Sequence[Judgement], asked: _Asked, run: tuple[Any, ...]) -> View:
    examples, how, alpha, (out, save), time = run
    adjusted = holm([each.p_value for each in found])
    listed = [_row(each, float(p), asked, alpha) for each, p in zip(found, adjusted, strict=True)]
    accepted = [each.pair for each, row in zip(found, listed, strict=True) if row["accepted"]]
    title = f"{counted(len(accepted), 'pair')} of {len(found)} accepted" if accepted else \
        f"None of {counted(len(found), 'pair')} says more together than apart"
    facts: dict[str, Cell] = {
        "rows": len(examples.features), "held_out": int(examples.held_out.sum()),
        "held_out_by": f"the last of {time}" if time else "hash", "loss": "squared error" if examples.task ==
        "regression" else "Brier score", "alpha": alpha, "pairs": len(found),
        "trees": how.trees, "rho": how.rho, "seed": how.seed}
    if accepted:
        terms = Interactions(tuple((a, b, asked.term) for a, b in accepted))
        document = transform.fit(source.cursor, source.relation, terms)
        if out is not None:
            _rows.write(source, transform.applied(source.cursor, source.relation, document), out)
        facts |= {"map": _rows.kept(session, source, document, save, title), "out": str(out) if out else None}
    elif source.subject:
        session.ledger.append(Finding(check="interactions", subject=source.subject, status="pass", title=title,
                                      n=source.rows, data=source.data))
    table = Table.of("pairs", listed, "pair", "accepted", Column("beyond", digits=5),
                     Column("low", digits=5), Column("high", digits=5), Column("p_adjusted", "p (Holm)", digits=4),
                     Column("alone_a", "first", digits=4), Column("alone_b", "second", digits=4),
                     Column("both", "both", digits=4))
    return View(title, Status.DONE, (Facts(facts), table, Text(METHOD)), _actions(source))


def _row(each: Judgement, p: float, asked: _Asked, alpha: float) -> Row:
    reason = asked.reasons.get(frozenset(each.pair), "")
    shown = p <= alpha and each.beyond > 0
    return {"pair": f"{each.pair[0]} × {each.pair[1]}", "a": each.pair[0], "b": each.pair[1],
            "accepted": ("by evidence" if shown else "by reason" if reason else None), "reason": reason or None,
            "beyond": each.beyond, "low": each.low, "high": each.high, "p_value": each.p_value, "p_adjusted": p,
            "alone_a": each.alone[0], "alone_b": each.alone[1], "both": each.both, "partners": each.partners}


def _actions(source: Source) -> tuple[Action, ...]:
    named = (source.subject,) if source.subject else ("--file", str(source.file))
    return (Action("Which columns have many values?", ("cardinality", *named)),)
