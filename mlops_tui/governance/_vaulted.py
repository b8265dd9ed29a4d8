"""How the vault stands: every version with its key and signature, every key with what is on it."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from mlops_tui.models import sealing
from mlops_tui.models.sealing import Version
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Status, counted
from store.facts import Archived
from store.modelfiles import HEADER, SIGNATURE, plain_files
from store.vault import RENEWED, Place

KEEP = ("Back up .mlops/keys (or what the variable holds), and not together with the models: who has both can read "
        "them. Without its key a sealed model cannot be read again, by nobody.")
SEALED, PLAIN, HALF, ARCHIVED, GONE = "sealed", "plain", "sealed, plain files left", "archived plain", "not there"
SERVED = "on the server"


@dataclass(frozen=True)
class Held:
    """A version, how it lies there, the key it is under, and whether a signature lies beside it."""

    version: Version
    state: str
    key: str = ""
    signed: bool | None = None


@dataclass(frozen=True)
class Standing:
    """All there is to say, and what follows from it."""

    wanted: bool
    signatures: str
    active: str
    keys: tuple[str, ...]
    origins: dict[str, str]
    versions: tuple[Held, ...]
    packed_plain: tuple[Archived, ...]
    places: tuple[Place, ...]

    def on(self, key: str) -> list[Place]:
        return [each for each in self.places if each.kek == key]

    @property
    def broken(self) -> list[Place]:
        """Headers that cannot be read: nobody knows under which key those versions are."""
        return [each for each in self.places if each.header is None]

    @property
    def lost(self) -> list[Place]:
        """Versions under a key that is not here."""
        return [each for each in self.places if each.header is not None and each.kek not in self.keys]

    @property
    def behind(self) -> list[Place]:
        """Versions under a key that is here and not the active one: a rotation was begun and did not end."""
        return [each for each in self.places if each.kek in self.keys and each.kek != self.active]

    @property
    def plain(self) -> list[Held]:
        return [each for each in self.versions if each.state in (PLAIN, HALF)]

    @property
    def status(self) -> Status:
        if self.broken or self.lost:
            return Status.FAIL
        if self.behind or (self.wanted and (self.plain or self.packed_plain)):
            return Status.WARN
        return Status.PASS if self.wanted else Status.DONE

    @property
    def title(self) -> str:
        if self.broken or self.lost:
            return f"{counted(len(self.broken) + len(self.lost), 'sealed model')} cannot be read: key or header is gone"
        if self.behind:
            return f"{counted(len(self.behind), 'model is', 'models are')} still on an old key"
        kept = sum(each.state != GONE for each in self.versions)
        if not kept:
            return "No model is kept yet" + ("; those to come are sealed" if self.wanted else "")
        bare = len(self.plain) + len(self.packed_plain)
        if any(each.state == SERVED for each in self.versions):
            return f"Models lie on a server: new ones are sent {'sealed' if self.wanted else 'as they are'}"
        if not bare:
            return f"{counted(kept, 'version is', 'versions are')} sealed under one key" + (
                "" if self.wanted else "; mlops.yaml does not ask to seal new ones")
        return f"{counted(bare, 'version')} can be read by whoever reads the folder" + (
            f", {kept - bare} cannot" if kept > bare else "")

    @property
    def actions(self) -> tuple[Action, ...]:
        return (*([Action("Finish the rotation", ("vault", "rotate"))] if self.behind else []),
                *([Action("Seal them", ("vault", "seal"))] if self.plain or self.packed_plain else []),
                *(Action(f"Destroy {key[:8]}", ("vault", "destroy-key", key)) for key in self.keys
                  if key != self.active and not self.on(key) and not self.broken),
                Action("Read every file", ("vault", "verify")))

    def facts(self) -> dict[str, Cell]:
        states = Counter(each.state for each in self.versions)
        return {"new_models": "sealed" if self.wanted else "plain", "signatures": self.signatures,
                "active_key": self.active or None, "keys": len(self.keys), "sealed": states[SEALED] + states[HALF],
                "plain": len(self.plain) + len(self.packed_plain), "unreadable": len(self.broken),
                "on_lost_key": len(self.lost), "on_old_key": len(self.behind)}


def standing(session: Session) -> Standing:
    """The vault as it is now; nothing is opened or decrypted."""
    tracking, policy = session.tracking(), session.declared().settings.vault
    places, keys = sealing.sealed_places(session) if tracking.local else [], tracking.vault.keys
    by_path = {each.path: each for each in places}
    kept = session.declared().root / ".mlops" / "archive"
    held = []
    for each in sealing.versions(session):
        if each.archive:
            place = by_path.get((kept / each.archive[:2] / each.archive).with_suffix(RENEWED))
            held.append(Held(each, SEALED if place else ARCHIVED, place.kek if place else ""))
        elif not each.there:
            held.append(Held(each, GONE if tracking.local else SERVED))
        else:
            place, left = by_path.get(each.folder / HEADER), plain_files(each.folder)
            state = PLAIN if place is None else HALF if left else SEALED
            held.append(Held(each, state, place.kek if place else "", (each.folder / SIGNATURE).is_file()))
    ids = keys.ids()
    return Standing(tracking.policy.seal, policy.signatures, keys.active(), tuple(ids), {id: keys.of(id) for id in ids},
                    tuple(held), tuple(_packed_plain(session, kept, by_path)), tuple(places))


def _packed_plain(session: Session, kept: Path, by_path: Mapping[Path, Place]) -> Iterator[Archived]:
    """Archives that are there and not sealed, each as it was begun: those whose files were given back since as well."""
    seen = set()
    for entry in session.ledger.entries("archive"):
        if isinstance(fact := entry.fact, Archived) and fact.event == "began" and fact.archive not in seen:
            seen.add(fact.archive)
            path = kept / fact.archive[:2] / f"{fact.archive}.tar"
            if path.is_file() and path.with_suffix(RENEWED) not in by_path:
                yield fact
