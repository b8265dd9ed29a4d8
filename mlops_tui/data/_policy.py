"""Who may read which folder of a lake in S3, written as a bucket policy: text, nothing is applied."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlops_tui.errors import BadInput, Refusal, nearest
from mlops_tui.view import Column, Facts, Row, Status, Table, Text, View, counted
from store.lake import Manifest

BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]|BUCKET")
LONGEST = 20 * 1024  # bytes that S3 takes as a bucket policy


@dataclass(frozen=True)
class Wanted:
    """Whose policy: the key (empty: the first), the bucket and where in it, for whom, and which values (none: all)."""

    by: str
    bucket: str
    prefix: str
    principal: str
    values: tuple[str, ...]


def prefixes(state: Manifest, key: str, prefix: str) -> dict[str, tuple[str, ...]]:
    """By value of the key, the folders with its files; Refusal where a folder has files of two values.

    A folder ends at the key's own part of the path: what is partitioned further lies below it.
    """
    found: dict[str, dict[str, None]] = {}
    owners: dict[str, str] = {}
    for file in state.files:
        depth = 2 + list(file.partition).index(key)
        folder = "/".join([*([prefix] if prefix else []), *file.path.split("/")[:depth]]) + "/"
        value = file.partition[key]
        if owners.setdefault(folder, value) != value:
            raise Refusal(f"'{folder}' has files of '{owners[folder]}' and of '{value}'.", where=state.dataset,
                          next=f"Write them anew: mlops-tui partition compact {state.dataset}")
        found.setdefault(value, {})[folder] = None
    return {value: tuple(sorted(each)) for value, each in sorted(found.items())}


def document(folders: Mapping[str, tuple[str, ...]], wanted: Wanted, dataset: str) -> dict[str, Any]:
    """The bucket policy: for each value, whom it is for, the objects he may get and the prefixes he may list."""
    statements: list[dict[str, Any]] = []
    bucket = f"arn:aws:s3:::{wanted.bucket}"
    for value, each in folders.items():
        whom = {"AWS": wanted.principal.replace("{dataset}", _word(dataset)).replace("{value}", _word(value))}
        sid = hashlib.sha256(f"{dataset}\0{value}".encode()).hexdigest()[:16]
        statements += [
            {"Sid": f"Get{sid}", "Effect": "Allow", "Principal": whom, "Action": "s3:GetObject",
             "Resource": [f"{bucket}/{folder}*" for folder in each]},
            {"Sid": f"List{sid}", "Effect": "Allow", "Principal": whom, "Action": "s3:ListBucket", "Resource": bucket,
             "Condition": {"StringLike": {"s3:prefix": [f"{folder}*" for folder in each]}}}]
    return {"Version": "2012-10-17", "Statement": statements}


def _word(text: str) -> str:
    """A value as a part of a role's name."""
    return re.sub(r"[^A-Za-z0-9+=,.@_-]", "-", text)[:48]


def policy_view(state: Manifest, wanted: Wanted) -> View:
    keys = list(dict.fromkeys(name for file in state.files for name in file.partition))
    if not keys:
        raise BadInput(f"'{state.dataset}' is not partitioned: its files cannot be told apart.",
                       next="Declare partitionBy in its contract.")
    key = wanted.by or keys[0]
    if key not in keys:
        raise BadInput(f"'{state.dataset}' is not partitioned by '{key}'.", next=nearest(key, keys)
                       or f"It is by {', '.join(keys)}.")
    if BUCKET.fullmatch(wanted.bucket) is None:
        raise BadInput(f"'{wanted.bucket}' is no name of a bucket.", next="Small letters, digits, '.' and '-'.")
    if re.search(r"[*?$]", wanted.prefix):
        raise BadInput(f"The prefix '{wanted.prefix}' has a character that policies read as a pattern.",
                       next="Leave out *, ? and $.")
    outside = sum(bool(file.base) for file in state.files)
    if outside:
        raise BadInput(f"{outside} files of '{state.dataset}' do not lie in the lake.", next="Take them in first.")
    folders = prefixes(state, key, wanted.prefix)
    for value in wanted.values:
        if value not in folders:
            raise BadInput(f"'{key}' has no value '{value}'.", next=nearest(value, folders))
    chosen = {value: each for value, each in folders.items() if not wanted.values or value in wanted.values}
    text = json.dumps(document(chosen, wanted, state.dataset), indent=1, ensure_ascii=True)
    rows: list[Row] = [{"value": value, "prefix": folder} for value, each in chosen.items() for folder in each]
    long = len(text.encode()) > LONGEST
    notes = NOTES + (f" It has {len(text.encode()):,} bytes, S3 takes {LONGEST:,}: use --value." if long else "")
    title = f"{counted(len(chosen), 'value')} of {key}, {counted(len(rows), 'prefix', 'prefixes')}; nothing is applied"
    return View(title, Status.WARN if long else Status.DONE,
                (Facts({"dataset": state.dataset, "key": key, "values": len(chosen), "prefixes": len(rows),
                        "policy_bytes": len(text.encode()), "snapshot": state.id}),
                 Table.of("prefixes", rows, "value", Column("prefix")), Text(text, "code"), Text(notes)))


NOTES = ("Whoever may read these prefixes alone sees files of rows and nothing else: manifests (_snapshots) name the "
         "values of all, and masks (_masks) lie together.")
