"""How small the groups are into which the quasi-identifiers of a dataset divide its rows."""

import click

from mlops_tui.capability import look
from mlops_tui.errors import BadInput, nearest
from mlops_tui.governance.access import access
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Facts, Status, Text, View, counted
from store.quoting import quote

METHOD = ("k-anonymity (Sweeney 2002): k is the size of the smallest group of rows with the same values; nulls are a "
          "value. l-diversity (Machanavajjhala et al. 2007, distinct): l is the fewest different values of the "
          "sensitive column in any group.")


@look(of=access)
@click.argument("dataset", metavar="DATASET[@SNAPSHOT]")
@click.option("--by", required=True, help="The quasi-identifiers, by commas.")
@click.option("--sensitive", default="", help="A column of which each group should have several values.")
@click.option("--at-least", default=5, show_default=True, type=click.IntRange(min=2), help="Rows that a group needs.")
def anonymity(session: Session, dataset: str, by: str, sensitive: str, at_least: int) -> View:
    """Whether rows of DATASET hide among others by what is known of a person anyway: before it is given away.

    \b
    Example: mlops-tui access anonymity flights --by origin,carrier --sensitive dest
    """
    session.declared()
    state = session.snapshot(dataset)
    names = [each.strip() for each in by.split(",") if each.strip()]
    for name in (*names, *([sensitive] if sensitive else [])):
        if name not in state.columns:
            raise BadInput(f"'{state.dataset}' has no column '{name}'.", where=f"{state.dataset}@{state.id[:12]}",
                           next=nearest(name, state.columns) or f"Columns: {', '.join(state.columns)}.")
    if not names:
        raise BadInput("No quasi-identifier is named.", next="Give --by born,sex,postcode.")
    lake, keys = session.data(), ", ".join(map(quote, names))
    different = f"count(DISTINCT {quote(sensitive)})" if sensitive else "NULL"
    [(rows, groups, k, small, lone, least)] = lake.connect().execute(
        f"SELECT coalesce(sum(n), 0), count(*), min(n), coalesce(sum(n) FILTER (n < $least), 0), "
        f"count(*) FILTER (n = 1), min(l) FROM (SELECT count(*) AS n, {different} AS l "
        f"FROM {lake.scan(state)} GROUP BY {keys})", {"least": at_least}).fetchall()
    facts: dict[str, Cell] = {"dataset": state.dataset, "n": int(rows), "groups": groups, "k": k, "l": least,
                              "rows_in_small_groups": int(small), "rows_alone": lone, "at_least": at_least,
                              "by": tuple(names), "snapshot": state.id[:12]}
    if not rows:
        return View(f"{state.dataset} has no rows", Status.UNKNOWN, (Facts(facts), Text(METHOD)))
    status = Status.PASS if k >= at_least and (least is None or least >= 2) else Status.FAIL
    said = f"k = {k}: {int(small):,} of {counted(int(rows), 'row')} hide among fewer than {at_least}"
    if least is not None:
        said += f"; l = {least}: {'some group has one' if least < 2 else 'every group has several'} {sensitive}"
    return View(said, status, (Facts(facts), Text(METHOD)),
                (Action("Who may read it", ("access", "show")),))
