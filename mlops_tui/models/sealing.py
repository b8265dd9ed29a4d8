"""How the versions of models are kept: sealed or plain, under which key, signed by whom; told to the history."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_tui.errors import BadInput, NotFound, Refusal, nearest
from mlops_tui.session import Session
from mlops_tui.view import Status, counted
from store.clutter import places
from store.facts import Archived, Fact, Finding, Kept, Trained
from store.modelfiles import SIGNATURE

if TYPE_CHECKING:
    from store.ledger import Entry
    from store.vault import Place, Vault

CHECK = "signed"


@dataclass(frozen=True)
class Version:
    """A version of a model that the history knows: the digest of its files, the folder that they lie in, and the
    archive where they were packed away."""

    model: str
    number: str
    artifact: str
    folder: Path
    archive: str = ""

    @property
    def name(self) -> str:
        return f"{self.model}@{self.number}"

    @property
    def there(self) -> bool:
        return self.folder.is_dir()


def versions(session: Session) -> list[Version]:
    """Every version that was trained here, in the order of its making."""
    tracking = session.tracking()
    known = places(Path(tracking.uri.removeprefix("sqlite:///")), tracking.artifacts) if tracking.local else {}
    packed: dict[tuple[str, str], str] = {}
    for entry in session.ledger.entries("archive"):
        if isinstance(fact := entry.fact, Archived) and fact.event in ("taken", "restored"):
            packed[fact.subject, fact.version] = fact.archive if fact.event == "taken" else ""
    nowhere = tracking.artifacts / "nowhere"
    return [Version(fact.subject, fact.version, fact.artifact, known.get((fact.subject, fact.version), nowhere),
                    packed.get((fact.subject, fact.version), ""))
            for entry in session.ledger.entries("trained") if isinstance(fact := entry.fact, Trained)]


def chosen(session: Session, subject: str | None) -> list[Version]:
    """The versions that MODEL or MODEL@VERSION names; all where nothing is named."""
    found = versions(session)
    if subject is None:
        return found
    name, _, number = subject.rpartition("/")[2].partition("@")
    session.declared().model(name)
    ours = [each for each in found if each.model == name and number in ("", each.number)]
    if not ours:
        known = [each.name for each in found]
        raise NotFound(f"No version '{subject}'.", next=nearest(subject, known)
                       or f"There are: {', '.join(known[-8:]) or 'none; train one first'}.")
    return ours


def local(session: Session) -> "Vault":
    """The vault of models that lie here; BadInput where they lie on a server, whose files are not ours to change."""
    tracking = session.tracking()
    if not tracking.local:
        raise BadInput("The models lie on an MLflow server. What is trained is sealed and signed before it is sent, "
                       "but what lies there is not changed from here.", where="mlops.yaml, stores: mlflow",
                       next="Train it again to have it sealed.")
    return tracking.vault


def sealed_places(session: Session) -> "list[Place]":
    """The header of every sealed version, archived ones too."""
    return local(session).places(session.tracking().artifacts, session.declared().root / ".mlops" / "archive")


# -- told to the history --------------------------------------------------------------------------------------------


def signs(session: Session) -> bool:
    """Whether the project wants its versions signed."""
    policy = session.tracking().policy
    return policy.sign or policy.require


def ready(session: Session) -> None:
    """Have the keys that the project's policy needs before a model is trained, and tell the history of new ones."""
    tracking = session.tracking()
    if tracking.policy.seal:
        tracking.vault.keys.ready()
        told(session)
    if signs(session):
        tracking.vault.signer()


def told(session: Session) -> None:
    """Append that keys were created, of which the history does not know yet: who made one may have been killed."""
    keys = session.tracking().vault.keys

    def decide(entries: "Sequence[Entry]") -> list[Fact]:
        known = {entry.subject for entry in entries if isinstance(entry.fact, Kept) and entry.fact.event == "created"}
        return [Kept(subject=id, event="created", key=id, origin=keys.of(id)) for id in keys.ids() if id not in known]

    if decide(session.ledger.entries("vault")):
        session.ledger.transact(decide)


def kept(session: Session, trained: Trained) -> Iterator[Fact]:
    """What there is to say of a version that was just registered: that it is sealed, and who signed it."""
    tracking = session.tracking()
    if tracking.policy.seal:
        yield Kept(subject=trained.subject, event="sealed", version=trained.version, artifact=trained.artifact,
                   key=tracking.vault.keys.active())
    if signs(session):
        yield judged(session, trained.subject, trained.version, trained.artifact)


def judged(session: Session, model: str, number: str, artifact: str) -> Finding:
    """Every file of a version read, compared with what was registered, and its signature with the files."""
    tracking, name = session.tracking(), f"{model}@{number}"
    detail: dict[str, object] = {"artifact": artifact}
    files: dict[str, str] = {}
    try:
        files = tracking.hashes(model, number, digest=artifact)
        folder = tracking.place(model, number)
        found = tracking.vault.signed(folder, files)
        detail |= {"key": found.key, "signature": hashlib.sha256((folder / SIGNATURE).read_bytes()).hexdigest()}
        status, title = Status.PASS, f"{name}: {counted(len(files), 'file')} as signed by key {found.key[:12]}"
    except Refusal as problem:
        status, title = Status.FAIL, f"{name}: {problem.what}"
        detail |= {"where": problem.where, "code": problem.code}
    return Finding(subject=model, check=CHECK, status=str(status), title=title, version=number, n=len(files),
                   data=(artifact,), declaration=session.declaration("model", model), detail=detail)
