"""What was packed comes out the same, and nothing else comes out: not a path that leads away, nor a size that lies."""

import hashlib
import io
import json
import os
import resource
import signal
import tarfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store.archives import AWAY, WORK, Archives, unpacked, verified
from store.refusal import NotFound, Refusal, Unreadable
from store.rooms import room

FILES = {"model.skops": b"weights" * 1000, "sub/MLmodel": b"flavors: {}\n", "empty": b"", "ünï [x].txt": b"x"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return written(tmp_path / "folder", FILES)


def written(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_was_packed_is_given_back_to_the_byte(folder: Path, tmp_path: Path) -> None:
    archives = Archives(tmp_path / "archive")
    id, held = archives.keep(folder, {"model": "m"})
    assert hashlib.sha256(archives.path(id).read_bytes()).hexdigest() == id
    assert (held.about, held.bytes) == ({"model": "m"}, sum(map(len, FILES.values())))
    archives.let_go(folder)
    assert not folder.exists()
    archives.give_back(id, folder)
    assert contents(folder) == FILES
    assert [path.name for path in archives.root.rglob("*") if path.is_file()] == [f"{id}.tar"], "nothing else is left"


def test_a_full_disk_is_said_so_and_neither_the_files_nor_half_an_archive_is_lost_or_left(
        folder: Path, tmp_path: Path) -> None:
    archives, (usual, most) = Archives(tmp_path / "archive"), resource.getrlimit(resource.RLIMIT_FSIZE)
    id, _ = archives.keep(written(tmp_path / "small", {"a": b"a" * 4000}), {})
    before = contents(archives.root)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, most))
        with pytest.raises(Refusal, match="cannot be written"):
            archives.keep(folder, {})
        with pytest.raises(Refusal, match="cannot be written"):
            archives.give_back(id, tmp_path / "back")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (usual, most))
    assert contents(folder) == FILES
    assert contents(archives.root) == before
    assert not (tmp_path / "back").exists()
    archives.give_back(id, tmp_path / "back")


def test_what_a_killed_one_left_goes_with_the_next_and_two_at_once_disturb_nothing(folder: Path,
                                                                                  tmp_path: Path) -> None:
    archives = Archives(tmp_path / "archive")
    child = os.fork()
    if child == 0:
        with room(archives.root / WORK) as work, room(archives.root / AWAY) as away:
            written(work, FILES)
            written(away, FILES)
            os.kill(os.getpid(), signal.SIGKILL)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
    assert len(contents(archives.root)) == 2 * len(FILES) + 2
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda _: archives.keep(folder, {}), range(6)))
    assert len({id for id, _ in found}) == 1
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(archives.let_go, [folder] * 4))
    assert not folder.exists()
    assert list(contents(archives.root)) == [archives.path(found[0][0]).relative_to(archives.root).as_posix()]
    archives.give_back(found[0][0], folder)
    assert contents(folder) == FILES


@settings(max_examples=8)
@given(st.dictionaries(st.from_regex(r"[a-z]{1,3}(/[0-9]{1,3})?\.t", fullmatch=True), st.binary(max_size=2000),
                       min_size=1, max_size=5))
def test_the_same_files_are_the_same_archive_and_come_back(tmp_path_factory: pytest.TempPathFactory,
                                                           files: dict[str, bytes]) -> None:
    root = tmp_path_factory.mktemp("same")
    ids = [Archives(root / name).keep(written(root / f"{name} files", files), {})[0] for name in ("a", "b")]
    assert ids[0] == ids[1]
    Archives(root / "a").give_back(ids[0], root / "back")
    assert contents(root / "back") == files


def test_a_flipped_byte_anywhere_is_found_and_nothing_is_given_back(folder: Path, tmp_path: Path) -> None:
    archives = Archives(tmp_path / "archive")
    id, _ = archives.keep(folder, {})
    whole = archives.path(id).read_bytes()
    for place in (0, 600, 1500, len(whole) // 2, len(whole) - 1):
        broken = bytearray(whole)
        broken[place] ^= 1
        archives.path(id).write_bytes(bytes(broken))
        with pytest.raises(Unreadable):
            archives.give_back(id, tmp_path / "back")
        assert not (tmp_path / "back").exists()


def test_a_link_is_not_packed(folder: Path, tmp_path: Path) -> None:
    (folder / "link").symlink_to("/etc/passwd")
    with pytest.raises(Refusal, match="'link' is no plain file"):
        Archives(tmp_path / "archive").keep(folder, {})
    assert contents(folder)["model.skops"] == FILES["model.skops"]


def test_what_stands_in_its_place_is_not_written_over(folder: Path, tmp_path: Path) -> None:
    archives = Archives(tmp_path / "archive")
    id, _ = archives.keep(folder, {})
    other = written(tmp_path / "other", {"mine": b"mine"})
    with pytest.raises(Refusal, match="There is something in its place"):
        archives.give_back(id, other)
    assert contents(other) == {"mine": b"mine"}


@pytest.mark.parametrize("id", ["../../etc/passwd", "0" * 64, "", "zz" * 32])
def test_an_id_that_is_none_names_nothing(tmp_path: Path, id: str) -> None:
    with pytest.raises(NotFound):
        Archives(tmp_path).path(id)


# -- archives that somebody else made -----------------------------------------------------------------------------

Made = Callable[[tarfile.TarFile], None]


def made(path: Path, files: dict[str, bytes], add: Made, *, manifest: object = None) -> Path:
    """An archive whose manifest names `files`, with whatever `add` puts into it."""
    listed = {name: [hashlib.sha256(content).hexdigest(), len(content)] for name, content in files.items()}
    text = json.dumps(manifest if manifest is not None else {"about": {}, "files": listed}).encode()
    with tarfile.open(path, "w") as archive:
        member(archive, "MANIFEST.json", text)
        add(archive)
    return path


def member(archive: tarfile.TarFile, name: str, content: bytes = b"", kind: bytes = tarfile.REGTYPE,
           link: str = "") -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.type, entry.linkname = len(content), kind, link
    archive.addfile(entry, io.BytesIO(content))


@pytest.mark.parametrize("name", ["../out", "/tmp/out", "a/../../out", "a\\..\\out", "", "./a", "a//b"])
def test_a_path_that_leads_out_is_refused_before_anything_is_written(tmp_path: Path, name: str) -> None:
    path = made(tmp_path / "slip.tar", {name: b"x"}, lambda archive: member(archive, f"files/{name}", b"x"))
    with pytest.raises(Unreadable, match=r"outside of its folder|cannot be used"):
        unpacked(path, tmp_path / "in")
    assert contents(tmp_path / "in") == {}
    assert sorted(each.name for each in tmp_path.iterdir()) == ["in", "slip.tar"]


@pytest.mark.parametrize(("add", "why"), [
    (lambda archive: member(archive, "files/a", kind=tarfile.SYMTYPE, link="/etc/passwd"), "is not the file"),
    (lambda archive: member(archive, "files/a", kind=tarfile.LNKTYPE, link="MANIFEST.json"), "is not the file"),
    (lambda archive: member(archive, "files/a", kind=tarfile.FIFOTYPE), "is not the file"),
    (lambda archive: member(archive, "files/a", kind=tarfile.DIRTYPE), "is not the file"),
    (lambda archive: member(archive, "files/a", b"abc"), "is not the file"),
    (lambda archive: member(archive, "files/a", b"y"), "is damaged"),
    (lambda archive: member(archive, "files/b", b"x"), "its manifest knows nothing"),
    (lambda archive: member(archive, "a", b"x"), "its manifest knows nothing"),
    (lambda archive: [member(archive, "files/a", b"x") for _ in range(2)], "its manifest knows nothing"),
    (lambda archive: None, "1 of its files are missing"),
])
def test_what_is_not_as_the_manifest_says_is_refused(tmp_path: Path, add: Made, why: str) -> None:
    path = made(tmp_path / "other.tar", {"a": b"x"}, add)
    for read in (lambda: verified(path), lambda: unpacked(path, tmp_path / "in")):
        with pytest.raises(Unreadable, match=why):
            read()


@pytest.mark.parametrize("manifest", [
    [], {"files": {}}, {"about": {}, "files": {"a": ["d", 10**15]}}, {"about": {}, "files": {"a": "x"}},
    {"about": {}, "files": {"a": ["d", "many"]}}])
def test_a_manifest_that_lies_about_sizes_or_is_none_is_refused(tmp_path: Path, manifest: object) -> None:
    path = made(tmp_path / "odd.tar", {}, lambda archive: None, manifest=manifest)
    with pytest.raises(Unreadable, match=r"cannot be read|more than it can hold"):
        verified(path)


def test_a_file_that_is_no_archive_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "text.tar"
    for content in (b"", b"no archive at all" * 100):
        path.write_bytes(content)
        with pytest.raises(Unreadable, match=r"no whole archive|does not begin"):
            verified(path)
