"""Datasets, fields and features that have the words one looks for."""

from collections.abc import Iterator, Sequence
from difflib import get_close_matches

import click

from mlops_tui.capability import look
from mlops_tui.data import _catalogued as catalogued
from mlops_tui.data.catalog import catalog, purpose
from mlops_tui.declarations import featurelist
from mlops_tui.session import Session
from mlops_tui.view import Action, Column, Row, Status, Table, View, counted


@look(of=catalog)
@click.argument("words", nargs=-1, required=True)
def search(session: Session, words: tuple[str, ...]) -> View:
    """Datasets, fields and features whose name, description, tags or people have all WORDS, the best first.

    \b
    Example: mlops-tui catalog search arrival delay
    """
    asked = [word.casefold() for word in words]
    found = sorted(((score, row) for texts, row in _documents(session) if (score := _score(texts, asked))),
                   key=lambda each: (-each[0], str(each[1]["name"])))
    if not found:
        near = _near(session, asked)
        hint = f" Did you mean '{near}'?" if near else ""
        return View(f"Nothing is called or described by {' '.join(words)}.{hint}", Status.UNKNOWN, (),
                    ((Action(f"Search {near}", ("catalog", "search", *near.split())),) if near else ()))
    rows = [row for _, row in found]
    table = Table.of("found", rows, "kind", "name", Column("description", cut=90))
    return View(f"{counted(len(rows), 'match', 'matches')} for {' '.join(words)}", Status.DONE, (table,),
                tuple(Action(f"More of {row['name']}", _more(row)) for row in rows[:3]))


def _more(row: Row) -> tuple[str, ...]:
    return ("dictionary" if row["kind"] == "feature" else "catalog", "show", str(row["name"]))


Texts = Sequence[tuple[float, str]]  # how much a word in it counts, and the text


def _documents(session: Session) -> Iterator[tuple[Texts, Row]]:
    """Everything that can be found, with its texts."""
    project = session.declared()
    for name, contract in project.datasets.items():
        whole, people = contract.schema[0], " ".join((*catalogued.people(contract, ""),))
        yield ((5, name), (4, f"{contract.name} {whole.businessName}"), (3, " ".join((*contract.tags, *whole.tags))),
               (2, f"{purpose(contract)} {whole.description} {contract.domain}"), (2, people)), {
            "kind": "dataset", "name": name, "description": purpose(contract)}
        for item in contract.properties:
            yield ((5, item.name), (4, item.businessName), (3, " ".join(item.tags)), (2, item.description),
                   (1, f"{name} {item.classification}")), {
                "kind": "field", "name": f"{name}.{item.name}", "description": item.description}
    for each in featurelist.features(project):
        if each.view in project.features:
            view = project.features[each.view]
            yield ((5, each.name), (3, each.view), (2, each.description), (1, f"{view.description} {each.owner}")), {
                "kind": "feature", "name": each.id, "description": each.description}


def _score(texts: Texts, asked: Sequence[str]) -> float:
    """What each word counts where it counts most; nothing where a word is nowhere. A beginning counts half."""
    total = 0.0
    for word in asked:
        best = max((_worth(weight, text.casefold(), word) for weight, text in texts), default=0.0)
        if not best:
            return 0.0
        total += best
    return total


def _worth(weight: float, text: str, word: str) -> float:
    words = _words(text)
    if text == word:
        return weight + 1
    return weight if word in words else weight / 2 if any(each.startswith(word) for each in words) else 0.0


def _words(text: str) -> list[str]:
    cut = "".join(letter if letter.isalnum() else " " for letter in text)
    return [*cut.split(), *text.split()]


def _near(session: Session, asked: Sequence[str]) -> str:
    """The words that were meant, as far as there are any like them."""
    known = sorted({word for texts, _ in _documents(session) for _, text in texts for word in _words(text.casefold())})
    meant = [next(iter(get_close_matches(word, known, n=1, cutoff=0.7)), "") for word in asked]
    return " ".join(meant) if all(meant) and list(meant) != list(asked) else ""
