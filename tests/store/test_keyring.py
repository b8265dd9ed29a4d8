"""Master keys are made once, read by their owner only, never mistaken for each other, and gone when destroyed."""

import base64
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from store.keyring import COST, Keyring, derived, id_of
from store.modelfiles import Origin
from store.refusal import NotFound, Refusal, Unreadable

WORDS = "correct horse battery staple"


def test_a_passphrase_gives_the_key_of_rfc_7914() -> None:
    """Section 12, the third case; 64 bytes there, of which ours are the first 32."""
    assert derived("pleaseletmein", b"SodiumChloride", 16384, 8, 1).hex() == \
        "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2"


def test_a_key_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    ring = Keyring(tmp_path / "keys")
    assert (ring.active(), ring.ids()) == ("", [])
    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(lambda _: Keyring(tmp_path / "keys").ready(), range(16)))
    assert ids == {ring.active()} == set(ring.ids())
    key = ring.key(ring.active())
    assert (len(key), id_of(key)) == (32, ring.active())
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "keys" / f"{ring.active()}.key").stat().st_mode) == 0o600


def test_a_key_that_others_may_read_or_that_was_changed_is_refused(tmp_path: Path) -> None:
    id = Keyring(tmp_path).ready()
    path = tmp_path / f"{id}.key"
    path.chmod(0o644)
    with pytest.raises(Unreadable, match="Others may read"):
        Keyring(tmp_path).key(id)
    path.chmod(0o600)
    whole = path.read_bytes()
    for broken in (b"", b"[]", whole[:-4], whole.replace(b'"file"', b'"else"'), b"{}", b"\xff"):
        path.write_bytes(broken)
        with pytest.raises(Refusal):
            Keyring(tmp_path).key(id)
    other = Keyring(tmp_path / "other")
    path.write_bytes((tmp_path / "other" / f"{other.ready()}.key").read_bytes())
    with pytest.raises(Unreadable, match="another key"):
        Keyring(tmp_path).key(id)
    path.unlink()
    with pytest.raises(NotFound, match=f"{id} is not here"):
        Keyring(tmp_path).key(id)


@pytest.mark.parametrize("text", ["ab" * 32, base64.b64encode(bytes(range(32))).decode()])
def test_a_key_may_come_from_a_variable_and_is_not_written_down(tmp_path: Path, text: str) -> None:
    ring = Keyring(tmp_path, Origin("key", "VAULT_KEY"), {"VAULT_KEY": text})
    id = ring.ready()
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert text.encode() not in kept
    assert ring.key(id).hex().encode() not in kept
    assert ring.of(id) == "key in $VAULT_KEY"
    with pytest.raises(Refusal, match=r"\$VAULT_KEY, which is not set"):
        Keyring(tmp_path, ring.origin, {}).key(id)
    with pytest.raises(Unreadable, match="another key") as problem:
        Keyring(tmp_path, ring.origin, {"VAULT_KEY": "cd" * 32}).key(id)
    assert "cd" * 8 not in str(problem.value)
    with pytest.raises(Refusal, match="32 bytes"):
        Keyring(tmp_path / "new", ring.origin, {"VAULT_KEY": "short"}).ready()
    with pytest.raises(Refusal, match="holds the active key already"):
        ring.made()


def test_a_passphrase_is_salted_slow_and_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert 128 * COST["n"] * COST["r"] == 32 << 20, "bytes of memory for a guess"
    monkeypatch.setitem(COST, "n", 1 << 12)
    origin = Origin("passphrase", "VAULT_WORDS")
    ring = Keyring(tmp_path, origin, {"VAULT_WORDS": WORDS})
    id = ring.ready()
    assert id_of(Keyring(tmp_path, origin, {"VAULT_WORDS": WORDS}).key(id)) == id
    assert Keyring(tmp_path / "other", origin, {"VAULT_WORDS": WORDS}).ready() != id
    assert WORDS.encode() not in (tmp_path / f"{id}.key").read_bytes()
    with pytest.raises(Refusal, match="shorter than 12"):
        Keyring(tmp_path / "new", origin, {"VAULT_WORDS": "password"}).ready()
    path = tmp_path / f"{id}.key"
    path.write_bytes(path.read_bytes().replace(b'"n": 4096', b'"n": 1073741824'))
    with pytest.raises(Unreadable, match="damaged"):
        Keyring(tmp_path, origin, {"VAULT_WORDS": WORDS}).key(id)


def test_a_destroyed_key_is_gone_and_twice_is_like_once(tmp_path: Path) -> None:
    ring = Keyring(tmp_path)
    first = ring.ready()
    second = ring.made()
    assert ring.active() == first
    ring.activate(second)
    key = ring.key(first)
    held = (tmp_path / f"{first}.key").open("rb")  # as a copy of the disk would
    for _ in range(2):
        ring.destroy(first)
    with held:
        assert key.hex().encode() not in held.read(), "it was overwritten before it was removed"
    assert ring.ids() == [second]
    with pytest.raises(NotFound):
        ring.key(first)


def test_a_key_cannot_be_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ring = Keyring(tmp_path)
    first = ring.ready()

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Refusal, match="No space left"):
        ring.made()
    assert ring.ids() == [first]
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
