"""A feature taken out of a model's file or of a view's SQL, as a proposal: the text is edited, and read again."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from difflib import unified_diff

import yaml
from sqlglot import tokenize
from sqlglot.tokenizer_core import Token, TokenType

from mlops_tui import folds
from mlops_tui.declarations import featurelist
from mlops_tui.declarations.declare import parse
from mlops_tui.declarations.featurelist import Described
from mlops_tui.declarations.kinds import Model
from mlops_tui.errors import BadInput, NotFound, Unreadable, nearest
from mlops_tui.session import Session
from mlops_tui.tracing.lineage import DIALECT, Schema, lineage
from mlops_tui.view import Action, Cell, Facts, Status, Text, View
from store.facts import Fact, Proposal
from store.ledger import Entry

Cuts = list[tuple[int, int]]


def proposed(session: Session, model: str, feature: str, reason: str) -> View:
    """Append the proposal; where one of the same path waits, it is built upon."""
    project = session.declared()
    name = project.subject(model, "model").name
    known = [each for each in featurelist.features(project) if name in each.models]
    found = [each for each in known if feature in (each.name, each.id)]
    if len(found) != 1:
        hint = nearest(feature, [each.name for each in known]) or f"Try: mlops-tui dictionary --model {name}"
        raise NotFound(f"'{name}' uses no feature '{feature}'.", where=f"models/{name}.yaml", next=hint)
    each, alone = found[0], sum(other.view == found[0].view for other in known) == 1
    of_view = each.view in project.features and not alone
    path = f"features/{each.view}.sql" if of_view else f"models/{name}.yaml"
    touched = each.models if of_view else (name,)
    why = f"{each.name} is retired from {', '.join(touched)}: {reason}"
    file = project.root / path

    def decided(entries: Sequence[Entry]) -> list[Fact]:
        content, before = _latest(file.read_bytes(), path, entries)
        text = content.decode("utf-8")
        new = without_column(text, each.name, path, featurelist.schema(project)) if of_view else \
            without_item(text, "features" if each.view in project.features else "columns",
                         each.view if each.view in project.features else each.name, path)
        number = folds.next_id("P", folds.proposals(entries))
        return [Proposal(subject=number, event="proposed", path=path, content=new, before=before, why=why,
                         origin=f"stability of {name}")]

    fact = session.ledger.transact(decided)[-1].fact
    assert isinstance(fact, Proposal)
    return _view(session, fact, each, touched, file.read_text(encoding="utf-8"))


def _view(session: Session, fact: Proposal, each: Described, touched: Sequence[str], before: str) -> View:
    naming = [name for name, monitor in session.declared().monitors.items() if each.name in monitor.columns]
    facts: dict[str, Cell] = {"proposal": fact.subject, "path": fact.path, "models": tuple(touched)}
    facts |= {"monitors_that_name_it": tuple(naming)} if naming else {}
    diff = "".join(unified_diff(before.splitlines(keepends=True), fact.content.splitlines(keepends=True), fact.path,
                                f"{fact.path} ({fact.subject})"))
    return View(f"{fact.subject} would retire {each.name} from {', '.join(touched)}", Status.DONE,
                (Facts(facts), Text(diff, "code")), (Action("Write it into the project", ("adopt", fact.subject)),))


def _latest(content: bytes, path: str, entries: Sequence[Entry]) -> tuple[bytes, str]:
    """What is to be changed, with its digest: the file, or what the newest open proposal about it would write."""
    before = hashlib.sha256(content).hexdigest()
    for each in folds.proposals(entries).values():
        if each.state == "open" and (each.path, each.before) == (path, before):
            content = each.content.encode()
            before = hashlib.sha256(content).hexdigest()
    return content, before


def _by_hand(path: str, what: str) -> Unreadable:
    return Unreadable("The file cannot be edited without disturbing it.", where=path, next=f"Take {what} out by hand.")


# -- a model's list -------------------------------------------------------------------------------------------------


def without_item(text: str, key: str, item: str, path: str) -> str:
    """The model's file without one item of its list `features` or `columns`."""
    before = parse(Model, text, path)
    kept = tuple(each for each in getattr(before, key) if each != item)
    node = _list(text, key)
    if node is None or kept == getattr(before, key):
        raise _by_hand(path, item)
    values = [each.value for each in node.value]
    at = values.index(item)
    if not node.flow_style:
        lines = text.splitlines(keepends=True)
        del lines[node.value[at].start_mark.line]
        new = "".join(lines) if kept else ""
    elif at + 1 < len(values):
        new = text[:node.value[at].start_mark.index] + text[node.value[at + 1].start_mark.index:]
    else:
        start = node.value[at - 1].end_mark.index if at else node.value[at].start_mark.index
        new = text[:start] + text[node.value[at].end_mark.index:]
    wanted = replace(before, features=kept) if key == "features" else replace(before, columns=kept)
    if not _is(new, wanted, path):
        raise _by_hand(path, item)
    return new


def _list(text: str, key: str) -> yaml.SequenceNode | None:
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    pairs = root.value if isinstance(root, yaml.MappingNode) else []
    return next((value for name, value in pairs if name.value == key and isinstance(value, yaml.SequenceNode)), None)


def _is(text: str, wanted: Model, path: str) -> bool:
    try:
        return parse(Model, text, path) == wanted
    except Unreadable:
        return False


# -- a view's SQL ---------------------------------------------------------------------------------------------------


def without_column(text: str, column: str, path: str, schema: Schema) -> str:
    """The view's SQL without one column of its last SELECT; what is made of the others stays as it was."""
    before = lineage(text, schema, where=path)
    for cuts, name in _projections(text):
        if name != column:
            continue
        new = text
        for start, end in reversed(cuts):
            new = new[:start] + new[end:]
        try:
            after = lineage(new, schema, where=path)
        except BadInput:
            continue
        kept = [(each.column, each.sources) for each in before.columns if each.column != column]
        if [(each.column, each.sources) for each in after.columns] == kept and after.rows == before.rows:
            return new
    raise _by_hand(path, column)


def _projections(text: str) -> list[tuple[Cuts, str]]:
    """The columns of the last SELECT that is in no brackets: the parts of the text that are theirs, and the name."""
    tokens, depth, begin = tokenize(text, read=DIALECT), 0, -1
    for number, token in enumerate(tokens):
        depth += (token.token_type == TokenType.L_PAREN) - (token.token_type == TokenType.R_PAREN)
        if depth == 0 and token.token_type == TokenType.SELECT:
            begin = number
    if begin < 0:
        return []
    items: list[list[Token]] = [[]]
    depth = 0
    for token in tokens[begin + 1:]:
        depth += (token.token_type == TokenType.L_PAREN) - (token.token_type == TokenType.R_PAREN)
        if depth == 0 and token.token_type == TokenType.FROM:
            break
        items[-1].append(token)
        if depth == 0 and token.token_type == TokenType.COMMA:
            items.append([])
    return [_span(text, items, number) for number in range(len(items)) if items[number]]


def _span(text: str, items: Sequence[Sequence[Token]], number: int) -> tuple[Cuts, str]:
    """One column with its comma, or with the one before where it is the last, and with the comment behind it."""
    own = [token for token in items[number] if token.token_type != TokenType.COMMA]
    last = number == len(items) - 1
    start, end = own[0].start, items[number][-1].end + 1
    if own[-1].comments or items[number][-1].comments:  # it ends with the line
        line = text.find("\n", end)
        end = len(text) if line < 0 else line
    if last:
        start = len(text[:start].rstrip())
    else:
        end += len(text[end:]) - len(text[end:].lstrip())
    comma = [(items[number - 1][-1].start, items[number - 1][-1].end + 1)] if last and number else []
    return [*comma, (start, end)], own[-1].text
