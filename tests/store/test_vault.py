"""A version's files are kept sealed: read whole or not at all, by whoever has the key, whoever was killed meanwhile."""

import resource
import shutil
import signal
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread

import pytest

from store.archives import Archives
from store.modelfiles import HEADER, SEALED, SIGNATURE, Policy, hashed, listed
from store.refusal import Refusal, Unreadable
from store.signing import Unsigned
from store.vault import Vault, renewed
from tests.dying import killed

SECRET = b"weights that nobody else may read "
FILES = {"MLmodel": b"flavors: {}\n", "model.skops": SECRET * 3000, "sub/ünï [x].json": b"{}", "empty": b""}
ON = Policy(seal=True)


def vault_in(root: Path, policy: Policy = ON) -> Vault:
    return Vault.of(root, policy, {})


def written(folder: Path, files: Mapping[str, bytes] = FILES) -> str:
    """The files laid down; their digest."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return listed(hashed(folder))


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return vault_in(tmp_path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "artifacts" / "m" / "models" / "m-1" / "artifacts"


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def plain_anywhere(root: Path) -> list[Path]:
    """Files that hold a line of the model in the clear."""
    return [path for path in root.rglob("*") if path.is_file() and SECRET in path.read_bytes()]


def test_what_is_sealed_is_read_back_to_the_byte_and_its_digest_stays(vault: Vault, folder: Path,
                                                                      tmp_path: Path) -> None:
    digest = written(folder)
    assert vault.seal(folder, digest)
    assert names(folder) == {SEALED, HEADER}
    assert plain_anywhere(tmp_path) == []
    files, hashes = vault.files(folder)
    assert files == FILES
    assert (listed(hashes), vault.digest(folder)) == (digest, digest)
    with vault.opened(folder) as plain:
        assert {name: (plain / name).read_bytes() for name in FILES} == FILES
        assert plain.parent.stat().st_mode & 0o077 == 0
        assert plain.is_relative_to(vault.work)
    assert list(vault.work.iterdir()) == []
    assert vault.seal(folder, digest) is False, "twice is like once"


def test_a_new_version_is_sealed_before_it_leaves(vault: Vault, folder: Path, tmp_path: Path) -> None:
    written(tmp_path / "made")
    with vault.prepared(tmp_path / "made", "m") as kept:
        assert names(kept) == {SEALED, HEADER}
        shutil.copytree(kept, folder)
    assert vault.files(folder)[0] == FILES
    with vault_in(tmp_path, Policy()).prepared(tmp_path / "made", "m") as kept:
        assert kept == tmp_path / "made"


@pytest.mark.parametrize("damage", [
    lambda content: content[:-1], lambda content: content + b"\0", lambda content: b"",
    lambda content: content[:5000] + bytes([content[5000] ^ 1]) + content[5001:],
    lambda content: content[:-1] + bytes([content[-1] ^ 1]),
])
@pytest.mark.parametrize("name", [SEALED, HEADER])
def test_a_damaged_version_gives_nothing_and_leaves_nothing(vault: Vault, folder: Path, tmp_path: Path, name: str,
                                                            damage: Callable[[bytes], bytes]) -> None:
    vault.seal(folder, written(folder, FILES | {"large": SECRET * 60000}))  # the last chunk is not the first
    path = folder / name
    path.write_bytes(damage(path.read_bytes() if name == SEALED else path.read_bytes() * 53))
    for attempt in (lambda: vault.files(folder), lambda: vault.digest(folder), lambda: vault.opened(folder).__enter__(),
                    lambda: vault.held(folder)):
        with pytest.raises(Unreadable):
            attempt()
    assert plain_anywhere(tmp_path) == []
    assert not vault.work.exists() or list(vault.work.iterdir()) == []


def test_a_version_in_the_place_of_another_is_refused_though_its_key_is_right(vault: Vault, tmp_path: Path) -> None:
    one, two = tmp_path / "artifacts" / "one", tmp_path / "artifacts" / "two"
    digests = written(one), written(two, FILES | {"model.skops": b"other"})
    for folder, digest in zip((one, two), digests, strict=True):
        vault.seal(folder, digest)
    shutil.copyfile(two / SEALED, one / SEALED)
    with pytest.raises(Unreadable, match="chunk 0"):
        vault.files(one)
    shutil.copyfile(two / HEADER, one / HEADER)
    assert vault.digest(one) == digests[1] != digests[0], "the whole of another: its digest tells"


def test_without_the_key_nothing_is_read_and_that_is_said(vault: Vault, folder: Path, tmp_path: Path) -> None:
    vault.seal(folder, written(folder))
    shutil.rmtree(tmp_path / "keys")
    other = vault_in(tmp_path)
    other.keys.ready()
    with pytest.raises(Refusal, match="nobody can read what was sealed under it"):
        other.files(folder)


def test_files_that_are_not_the_registered_ones_are_not_sealed(vault: Vault, folder: Path) -> None:
    digest = written(folder)
    (folder / "MLmodel").write_bytes(b"other")
    with pytest.raises(Unreadable, match="not the ones that were registered"):
        vault.seal(folder, digest)
    assert names(folder) == {"MLmodel", "model.skops", "sub", "empty"}
    (folder / "link").symlink_to(folder / "MLmodel")
    with pytest.raises(Refusal, match="no plain file"):
        vault.seal(folder, digest)


def test_a_full_disk_leaves_the_plain_files_and_no_half_sealed_one(vault: Vault, folder: Path) -> None:
    digest, (usual, most) = written(folder), resource.getrlimit(resource.RLIMIT_FSIZE)
    vault.keys.ready()
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, most))
        with pytest.raises(Refusal, match="nothing was removed"):
            vault.seal(folder, digest)
        with pytest.raises(Refusal), vault.prepared(folder, "m"):
            pass
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (usual, most))
        signal.signal(signal.SIGXFSZ, before)
    assert vault.digest(folder) == digest
    assert SEALED not in names(folder)
    assert list(vault.work.iterdir()) == []


# -- killed ---------------------------------------------------------------------------------------------------------


def test_whoever_is_killed_while_sealing_has_lost_nothing_and_seals_it_again(folder: Path, tmp_path: Path) -> None:
    step, ends = 0, set()
    while True:
        shutil.rmtree(folder, ignore_errors=True)
        digest = written(folder)
        died = killed(step, tmp_path, lambda digest=digest: vault_in(tmp_path).seal(folder, digest))  # type: ignore[misc]
        after = vault_in(tmp_path)
        assert after.digest(folder) == digest, f"killed at step {step}"
        ends.add((SEALED in names(folder), "model.skops" in names(folder)))
        after.seal(folder, digest)
        assert names(folder) == {SEALED, HEADER}
        assert after.files(folder)[0] == FILES
        assert plain_anywhere(tmp_path) == []
        assert not after.work.exists() or list(after.work.iterdir()) == []
        if not died:
            break
        step += 1
    assert step > 15
    assert ends == {(False, True), (True, True), (True, False)}, "it was killed before, while and after plain files go"


def test_whoever_is_killed_while_putting_versions_under_a_new_key_leaves_all_of_them_readable(tmp_path: Path) -> None:
    root, kept = tmp_path / "artifacts", tmp_path / "archive"
    first = vault_in(tmp_path)
    folders = [root / name for name in ("a", "b")]
    digests = [written(each, FILES | {"name": each.name.encode()}) for each in folders]
    for each, digest in zip(folders, digests, strict=True):
        first.seal(each, digest)
    shutil.copytree(folders[1], tmp_path / "gone")
    id, _ = Archives(kept).keep(tmp_path / "gone", {})
    old, whole = first.keys.active(), [(each / SEALED).read_bytes() for each in folders]

    def rotated() -> None:
        vault = vault_in(tmp_path)
        if vault.keys.active() == old:
            vault.keys.activate(vault.keys.made())
        for place in vault.places(root, kept):
            if place.kek != vault.keys.active():
                vault.rewrap(place, vault.keys.active())

    step, both = 0, 0
    while killed(step, tmp_path, rotated):
        after = vault_in(tmp_path)
        assert [after.digest(each) for each in folders] == digests, f"killed at step {step}"
        under = {place.kek for place in after.places(root, kept)}
        both += len(under) == 2
        assert "" not in under
        step += 4 if step > 30 else 1
        if len(under) == 1 and old not in under:
            break
    rotated()
    after = vault_in(tmp_path)
    assert {place.kek for place in after.places(root, kept)} == {after.keys.active()} != {old}
    assert len(after.places(root, kept)) == 3
    after.keys.destroy(old)
    last = vault_in(tmp_path)
    assert [last.digest(each) for each in folders] == digests
    assert [(each / SEALED).read_bytes() for each in folders] == whole, "no byte of a model was rewritten"
    archives = Archives(kept)
    archives.give_back(id, tmp_path / "back", renewed(archives.path(id)))
    assert last.digest(tmp_path / "back") == digests[1]
    archives.give_back(id, tmp_path / "stale")
    with pytest.raises(Refusal, match=f"{old} is not here"):
        last.digest(tmp_path / "stale")


def test_readers_go_on_while_keys_are_rotated_and_files_are_sealed(tmp_path: Path) -> None:
    folders, over, wrong = [tmp_path / "artifacts" / str(number) for number in range(6)], Event(), []
    digests = {each: written(each, FILES | {"number": each.name.encode()}) for each in folders}

    def reads() -> None:
        while not over.is_set():
            for each, digest in digests.items():
                try:
                    if vault_in(tmp_path).digest(each) != digest:
                        wrong.append("digest")
                except Exception as problem:  # whatever it is, it is told
                    wrong.append(repr(problem))

    vault = vault_in(tmp_path)
    readers = [Thread(target=reads) for _ in range(2)]
    for reader in readers:
        reader.start()
    for each, digest in digests.items():
        vault.seal(each, digest)
        vault.keys.activate(vault.keys.made())
        for place in vault.places(tmp_path / "artifacts", tmp_path / "archive"):
            vault.rewrap(place, vault.keys.active())
    over.set()
    for reader in readers:
        reader.join()
    assert wrong == []


def test_who_lists_the_plain_files_just_before_they_go_reads_the_sealed_ones(
        folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vault, digest, listing = vault_in(tmp_path), written(folder), Path.rglob

    def late(path: Path, pattern: str) -> list[Path]:
        found = list(listing(path, pattern))
        monkeypatch.undo()
        vault.seal(folder, digest)
        return found

    monkeypatch.setattr(Path, "rglob", late)
    assert vault.digest(folder) == digest
    assert names(folder) == {SEALED, HEADER}


# -- signed ---------------------------------------------------------------------------------------------------------


def test_a_signature_is_over_the_plain_files_and_stays_when_they_are_sealed(folder: Path, tmp_path: Path) -> None:
    vault = vault_in(tmp_path, Policy(seal=True, sign=True, require=True))
    digest = written(folder)
    with pytest.raises(Unsigned):
        vault.signed(folder, hashed(folder))
    vault.sign(folder, "m@1", hashed(folder))
    assert listed(hashed(folder)) == digest, "the signature is none of the version's files"
    vault.seal(folder, digest)
    assert names(folder) == {SEALED, HEADER, SIGNATURE}
    assert vault.signed(folder, vault.hashes(folder)).files == len(FILES)
    with vault.prepared(_made(tmp_path / "made"), "m") as kept:
        assert names(kept) == {SEALED, HEADER, SIGNATURE}
        assert vault.signed(kept, vault.hashes(kept)).key == vault.signer()


def test_only_the_declared_signers_count(folder: Path, tmp_path: Path) -> None:
    vault = vault_in(tmp_path)
    written(folder)
    vault.sign(folder, "m@1", hashed(folder))
    other = vault_in(tmp_path / "other")
    other.signer()
    strict = replace(vault, policy=Policy(require=True, signers=(tmp_path / "other/keys/signing/signing.pub.pem",)))
    with pytest.raises(Unsigned, match="no key that is trusted"):
        strict.signed(folder, hashed(folder))
    strict.sign(folder, "m@1", hashed(folder), tmp_path / "other/keys/signing/signing.pem")
    assert strict.signed(folder, hashed(folder)).key == other.signer()


def _made(folder: Path) -> Path:
    written(folder)
    return folder
