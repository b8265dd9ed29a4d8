"""A model's files signed as OpenSSF model-signing does: an in-toto statement in a DSSE envelope in a Sigstore bundle.

The statement lists the SHA-256 of every file; its subject's digest is that of the listed ones in their order. Keys are
of the curves P-256, P-384 and P-521, in PEM; no network, no certificate, no log.
"""

import base64
import binascii
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from store.envelope import settle
from store.keyring import beside, write
from store.modelfiles import SIGNATURE
from store.refusal import NotFound, Refusal, Unreadable

PublicKey = ec.EllipticCurvePublicKey
PRIVATE, PUBLIC = "signing.pem", "signing.pub.pem"
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
PAYLOAD, STATEMENT = "application/vnd.in-toto+json", "https://in-toto.io/Statement/v1"
PREDICATE = "https://model_signing/signature/v1.0"
IGNORED = (SIGNATURE, ".git", ".gitattributes", ".github", ".gitignore")  # as model-signing has it
_HASH = {256: hashes.SHA256(), 384: hashes.SHA384(), 521: hashes.SHA512()}
_LARGEST = 64 << 20


class Unsigned(Refusal):
    """There is no signature, or none by a key that is trusted here."""

    code = "unsigned"


@dataclass(frozen=True)
class Signed:
    """Whose signature it is: the SHA-256 of the public key's PEM; and how many files it covers."""

    key: str
    files: int


def fingerprint(key: PublicKey) -> str:
    """SHA-256 of the public key's PEM: what a bundle names it by."""
    return hashlib.sha256(_pem(key)).hexdigest()


def _pem(key: PublicKey) -> bytes:
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def private_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """A signing key from its PEM file; Unreadable where it is none, or others may read it."""
    try:
        mode, content = path.stat().st_mode, path.read_bytes()
    except FileNotFoundError as problem:
        raise NotFound("There is no signing key.", where=str(path)) from problem
    if mode & 0o077:
        raise Unreadable("Others may read the signing key.", where=str(path), next=f"Say: chmod 600 {path}")
    try:
        key = load_pem_private_key(content, None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as problem:
        raise Unreadable("That is no private key in PEM without a password.", where=str(path)) from problem
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.key_size not in _HASH:
        raise Unreadable("The signing key should be of the curve P-256, P-384 or P-521.", where=str(path))
    return key


def own_key(folder: Path) -> ec.EllipticCurvePrivateKey:
    """The project's own signing key, made when it is first asked for, its public half beside it."""
    path = folder / PRIVATE
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        made = ec.generate_private_key(ec.SECP256R1())
        staged = beside(path)
        write(staged, made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), 0o600)
        with suppress(FileExistsError):  # somebody else was as quick
            os.link(staged, path)
        staged.unlink()
    key = private_key(path)
    if not (folder / PUBLIC).exists():
        staged = beside(folder / PUBLIC)
        write(staged, _pem(key.public_key()))
        staged.replace(folder / PUBLIC)
        settle(folder)
    return key


def public_key(path: Path) -> PublicKey:
    """A key to verify with, from its PEM file."""
    try:
        key = load_pem_public_key(path.read_bytes())
    except FileNotFoundError as problem:
        raise NotFound("There is no public key.", where=str(path), next="Try: mlops-tui vault status") from problem
    except (ValueError, UnsupportedAlgorithm) as problem:
        raise Unreadable("That is no public key in PEM.", where=str(path)) from problem
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.key_size not in _HASH:
        raise Unreadable("A signer's key should be of the curve P-256, P-384 or P-521.", where=str(path))
    return key


def bundle(name: str, files: Mapping[str, str], key: ec.EllipticCurvePrivateKey) -> bytes:
    """The signature of a model's files, given the SHA-256 of each by its path."""
    listed = [{"name": each, "algorithm": "sha256", "digest": files[each]} for each in _ordered(files)]
    statement = {
        "_type": STATEMENT, "subject": [{"name": name, "digest": {"sha256": _root(listed)}}],
        "predicateType": PREDICATE,
        "predicate": {"serialization": {"method": "files", "hash_type": "sha256", "allow_symlinks": False,
                                        "ignore_paths": list(IGNORED)}, "resources": listed}}
    payload = json.dumps(statement).encode()
    signature = key.sign(_encoded(PAYLOAD, payload), ec.ECDSA(_HASH[key.curve.key_size]))
    return json.dumps({
        "mediaType": BUNDLE,
        "verificationMaterial": {"publicKey": {"hint": fingerprint(key.public_key())}, "tlogEntries": []},
        "dsseEnvelope": {"payload": base64.b64encode(payload).decode(), "payloadType": PAYLOAD,
                         "signatures": [{"sig": base64.b64encode(signature).decode(), "keyid": ""}]},
    }, indent=1).encode()


def verified(content: bytes, files: Mapping[str, str], trusted: Sequence[PublicKey],
             where: str) -> Signed:
    """Who signed exactly these files. Unsigned where no trusted key did; Unreadable where a file is another one, is
    missing, or was never signed."""
    payload, key = _authentic(content, trusted, where)
    try:
        listed = _resources(json.loads(payload))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as problem:
        raise Unreadable(f"The signature says nothing that we know: {problem}.", where=where) from problem
    for name in sorted({*listed, *files}):
        if listed.get(name) != files.get(name):
            why = "is not signed" if name not in listed else "is missing" if name not in files else \
                "is not the one that was signed"
            raise Unreadable(f"'{name[:80]}' {why}.", where=where, next="Restore the model, or train it again.")
    return Signed(fingerprint(key), len(listed))


def _authentic(content: bytes, trusted: Sequence[PublicKey],
               where: str) -> tuple[bytes, PublicKey]:
    """What was signed, and the trusted key that signed it."""
    try:
        document: Any = json.loads(content) if len(content) <= _LARGEST else None
        envelope = document["dsseEnvelope"]
        payload, kind = base64.b64decode(envelope["payload"], validate=True), envelope["payloadType"]
        (signature,) = (base64.b64decode(each["sig"], validate=True) for each in envelope["signatures"])
        if document["mediaType"] != BUNDLE or kind != PAYLOAD:
            raise ValueError(f"it is of the kind {document['mediaType']}, {kind}")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, binascii.Error) as problem:
        raise Unreadable("The signature is no bundle of one signed in-toto statement.", where=where) from problem
    for key in trusted:
        try:
            key.verify(signature, _encoded(PAYLOAD, payload), ec.ECDSA(_HASH[key.curve.key_size]))
        except InvalidSignature:
            continue
        return payload, key
    raise Unsigned("It is signed by no key that is trusted here, or the signature was changed.", where=where,
                   next="Sign it (mlops-tui vault sign), or name the signer's public key in mlops.yaml, vault: "
                        "signers.")


def _resources(statement: Any) -> dict[str, str]:
    """The digest of each file by its path, when the statement agrees with itself."""
    (subject,), predicate = statement["subject"], statement["predicate"]
    how, listed = predicate["serialization"], predicate["resources"]
    if statement["_type"] != STATEMENT or statement["predicateType"] != PREDICATE:
        raise ValueError(f"a statement of the kind {str(statement['predicateType'])[:80]}")
    if how["method"] != "files" or how["hash_type"] != "sha256" or how["allow_symlinks"] is not False:
        raise ValueError("the files are listed in another way than one SHA-256 each, without links")
    if {each["algorithm"] for each in listed} != {"sha256"} or subject["digest"]["sha256"] != _root(listed):
        raise ValueError("the digest of the whole is not that of its parts")
    found = {str(each["name"]): str(each["digest"]) for each in listed}
    if len(found) != len(listed):
        raise ValueError("a file is listed twice")
    return found


def _ordered(files: Mapping[str, str]) -> list[str]:
    """As model-signing lists them: by the parts of their paths."""
    return sorted(files, key=lambda name: name.split("/"))


def _root(listed: Sequence[Mapping[str, str]]) -> str:
    return hashlib.sha256(b"".join(bytes.fromhex(each["digest"]) for each in listed)).hexdigest()


def _encoded(kind: str, payload: bytes) -> bytes:
    """What is signed of a payload: its type and length with it (DSSE v1)."""
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(payload), payload)
