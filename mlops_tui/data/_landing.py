"""Written files become part of their datasets, and the finding about them part of the history: all at once."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops_tui import folds
from mlops_tui.data._regrouped import Regrouped
from mlops_tui.session import Session
from store.facts import Fact, Finding, Snapshot
from store.lake import Manifest

if TYPE_CHECKING:
    from store.ledger import Entry


@dataclass(frozen=True)
class Landed:
    """A dataset's state before and after new files came; `written` is what was new, `put_into` what it was added to."""

    written: Manifest
    before: Manifest | None
    after: Manifest
    put_into: Manifest | None = None

    @property
    def changed(self) -> bool:
        return self.before is None or self.before.id != self.after.id

    def partitions(self) -> list[tuple[str, str, int, int]]:
        """Each partition that was written: its name, `new`, `replaced` or `already there`, its rows before and now."""
        old = self.put_into.by_partition() if self.put_into else {}
        found = []
        for part, files in self.written.by_partition().items():
            was = old.get(part, [])
            same = {file.digest for file in was} == {file.digest for file in files}
            change = "new" if not was else "already there" if same else "replaced"
            found.append((files[0].part_name, change, sum(file.rows for file in was), sum(file.rows for file in files)))
        return found


def land(session: Session, manifests: Sequence[Manifest], source: str,
         judged: Callable[[Sequence[Landed]], Finding], regrouped: Regrouped | None = None,
         whole: str = "") -> list[Landed]:
    """Partitions replace their like, others stay; nothing is appended where everything was there already.

    `regrouped` is a state that has other partitions now; Conflict where its dataset has changed since. `whole`: the
    dataset of which nothing stays but what was written.

    One transaction: whoever dies before it has changed nothing, and two processes at once both land.
    """
    landed: list[Landed] = []

    def decide(entries: "Sequence[Entry]") -> Iterable[Fact]:
        landed[:] = [_merged(session, manifest, entries, regrouped, whole) for manifest in manifests]
        new = [each for each in landed if each.changed]
        if not new:
            return ()
        for each in new:
            session.data().require(each.written)
            session.data().keep(each.after)
        return (*(_snapshot(each, source) for each in new), judged(landed))

    session.ledger.transact(decide)
    return landed


def _merged(session: Session, written: Manifest, entries: "Sequence[Entry]", regrouped: Regrouped | None,
            whole: str) -> Landed:
    parent = folds.current_snapshot(entries, written.dataset)
    before = session.data().manifest(written.dataset, parent) if parent else None
    base = regrouped.now if regrouped is not None and before is not None and before.id == regrouped.was.id else before
    partitioned = base is not None and any(file.partition for file in written.files) and written.dataset != whole
    return Landed(written, before, base.replacing(written) if base and partitioned else written, base)


def _snapshot(each: Landed, source: str) -> Snapshot:
    return Snapshot(subject=each.written.dataset, snapshot=each.after.id, parent=each.before.id if each.before else "",
                    rows=each.after.rows, bytes=each.after.bytes, source=source)
