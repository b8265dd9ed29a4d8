"""What we sign OpenSSF model-signing verifies, and the other way round; whatever was changed is told by both."""

import base64
import json
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from store.modelfiles import SIGNATURE, hashed
from store.refusal import NotFound, Refusal, Unreadable
from store.signing import PRIVATE, PUBLIC, Unsigned, bundle, fingerprint, own_key, private_key, public_key, verified

FILES = {"MLmodel": b"flavors: {}\n", "model.skops": b"weights" * 3000, "a/b.json": b"{}", "a.json": b"", "ü [x]": b"x"}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    for name, content in FILES.items():
        path = tmp_path / "model" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path / "model"


def keys_in(folder: Path, curve: ec.EllipticCurve) -> Path:
    """A folder with a key pair as `own_key` keeps it, of another curve."""
    key = ec.generate_private_key(curve)
    folder.mkdir(exist_ok=True)
    (folder / PRIVATE).write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (folder / PRIVATE).chmod(0o600)
    (folder / PUBLIC).write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return folder


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    own_key(tmp_path / "keys")
    return tmp_path / "keys"


@pytest.fixture(scope="module")
def theirs() -> Any:
    """model-signing's own interface; its import costs a second."""
    import model_signing

    return model_signing


def signed(model: Path, keys: Path) -> bytes:
    made = bundle(model.name, hashed(model), private_key(keys / PRIVATE))
    (model / SIGNATURE).write_bytes(made)
    return made


def check(content: bytes, model: Path, keys: Path) -> int:
    return verified(content, hashed(model), [public_key(keys / PUBLIC)], "here").files


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()], ids=lambda curve: curve.name)
def test_model_signing_verifies_what_we_sign_and_we_what_it_signs(model: Path, tmp_path: Path, theirs: Any,
                                                                  curve: ec.EllipticCurve) -> None:
    keys = keys_in(tmp_path / "keys", curve)

    def they_verify() -> None:
        theirs.verifying.Config().use_elliptic_key_verifier(public_key=keys / PUBLIC).verify(model, model / SIGNATURE)

    signed(model, keys)
    they_verify()
    (model / "a/b.json").write_bytes(b"[]")
    with pytest.raises(ValueError, match=r"a/b\.json"):
        they_verify()
    (model / "a/b.json").write_bytes(FILES["a/b.json"])
    (model / SIGNATURE).unlink()
    config = theirs.signing.Config().use_elliptic_key_signer(private_key=keys / PRIVATE)
    config.set_hashing_config(theirs.hashing.Config().set_ignored_paths(paths=[SIGNATURE], ignore_git_paths=True))
    config.sign(model, model / SIGNATURE)
    assert check((model / SIGNATURE).read_bytes(), model, keys) == len(FILES)
    (model / "a/b.json").write_bytes(b"[]")
    with pytest.raises(Unreadable, match=r"'a/b\.json' is not the one that was signed"):
        check((model / SIGNATURE).read_bytes(), model, keys)


def test_files_that_are_added_removed_or_renamed_are_told(model: Path, keys: Path) -> None:
    made = signed(model, keys)
    assert check(made, model, keys) == len(FILES)
    (model / "more").write_bytes(b"")
    with pytest.raises(Unreadable, match="'more' is not signed"):
        check(made, model, keys)
    (model / "more").unlink()
    (model / "a.json").rename(model / "b.json")
    with pytest.raises(Unreadable, match=r"'a\.json' is missing"):
        check(made, model, keys)


def test_every_bit_of_what_is_signed_counts(model: Path, keys: Path) -> None:
    """In the signature and in the statement; what lies around them says nothing."""
    document = json.loads(signed(model, keys))
    envelope, files, trusted = document["dsseEnvelope"], hashed(model), [public_key(keys / PUBLIC)]
    for place, field in ((envelope["signatures"][0], "sig"), (envelope, "payload")):
        whole = place[field]
        content = base64.b64decode(whole)
        for bit in range(0, 8 * len(content), 1 if field == "sig" else 13):
            changed = bytearray(content)
            changed[bit // 8] ^= 1 << bit % 8
            place[field] = base64.b64encode(changed).decode()
            with pytest.raises(Unsigned):
                verified(json.dumps(document).encode(), files, trusted, "here")
        place[field] = whole
    assert verified(json.dumps(document).encode(), files, trusted, "here").key == fingerprint(trusted[0])


def test_another_key_counts_for_nothing(model: Path, keys: Path, tmp_path: Path) -> None:
    made = signed(model, keys)
    own_key(tmp_path / "other")
    with pytest.raises(Unsigned, match="no key that is trusted"):
        check(made, model, tmp_path / "other")
    both = [public_key(folder / PUBLIC) for folder in (tmp_path / "other", keys)]
    assert verified(made, hashed(model), both, "here").key == fingerprint(both[1])


@pytest.mark.parametrize("change", [
    lambda said: said["subject"].append(said["subject"][0]), lambda said: said.update(predicateType="x"),
    lambda said: said["subject"][0]["digest"].update(sha256="00" * 32),
    lambda said: said["predicate"]["resources"].append(said["predicate"]["resources"][0]),
    lambda said: said["predicate"]["resources"][0].update(algorithm="md5"),
    lambda said: said["predicate"]["serialization"].update(allow_symlinks=True),
    lambda said: said["predicate"]["serialization"].update(method="shards"),
    lambda said: said.pop("predicate"), lambda said: said["predicate"]["resources"][0].update(digest="x"),
])
def test_a_statement_that_is_not_one_of_ours_is_refused_even_where_a_trusted_key_signed_it(
        model: Path, keys: Path, change: Callable[[dict[str, Any]], None], monkeypatch: pytest.MonkeyPatch) -> None:
    real = json.dumps

    def dumps(value: Any, **how: Any) -> str:
        if "_type" in value:
            change(value)
        return real(value, **how)

    monkeypatch.setattr("store.signing.json.dumps", dumps)
    made = signed(model, keys)
    with pytest.raises(Unreadable, match="nothing that we know"):
        check(made, model, keys)


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff", b"null", b'{"dsseEnvelope": {}}', b"[" * 100_000])
def test_what_is_no_bundle_is_refused(model: Path, keys: Path, content: bytes) -> None:
    with pytest.raises(Unreadable, match="no bundle"):
        check(content, model, keys)


def test_keys_that_cannot_be_used_are_refused(tmp_path: Path, keys: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = set(pool.map(lambda _: own_key(tmp_path / "new").private_numbers(), range(16)))
    assert len(made) == 1, "whoever asks first, all get the same one"
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [PRIVATE, PUBLIC]
    assert (keys / PRIVATE).stat().st_mode & 0o777 == 0o600
    (keys / PRIVATE).chmod(0o640)
    with pytest.raises(Unreadable, match="Others may read"):
        own_key(keys)
    (keys / PRIVATE).chmod(0o600)
    shutil.copyfile(keys / PUBLIC, keys / PRIVATE)
    with pytest.raises(Unreadable, match="no private key"):
        own_key(keys)
    with pytest.raises(Unreadable, match="no public key"):
        public_key(_with(tmp_path / "text", "hello"))
    with pytest.raises(NotFound):
        public_key(tmp_path / "nowhere")
    with pytest.raises(Refusal, match="P-256"):
        private_key(keys_in(tmp_path / "small", ec.SECP224R1()) / PRIVATE)


def _with(path: Path, text: str) -> Path:
    path.write_text(text)
    return path
