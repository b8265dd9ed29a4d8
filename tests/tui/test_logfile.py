"""Logs of any length: where lines begin, which are wanted, what is shown around them; read by a thread as they grow."""

import random
import time
from pathlib import Path

import pytest

from mlops_tui.tui import logfile
from mlops_tui.tui.logfile import LogFile, Sieve, Stretches, Wanted, level, readable
from mlops_tui.tui.logreader import LogReader, Seen


def whole(path: Path) -> LogFile:
    file = LogFile(path)
    while file.grow():
        pass
    return file


@pytest.mark.parametrize("content", [b"", b"\n", b"one", b"one\n", b"\n\nthree", b"a\n" * 5000,
                                     b"x" * 3000 + b"\ny\n"])
def test_every_line_is_found_wherever_blocks_end(content: bytes, tmp_path: Path,
                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logfile, "BLOCK", 64)
    monkeypatch.setattr(logfile, "PIECE", 256)
    path = tmp_path / "1.log"
    path.write_bytes(content)
    file, lines = whole(path), content.split(b"\n")
    wanted = lines[:-1] if content.endswith(b"\n") or not content else lines
    assert [file.raw(line, 10_000)[0] for line in range(len(file))] == wanted
    for place in range(0, len(content), 7):
        assert file.line_at(place) == content[:place].count(b"\n")
    file.close()


def test_a_log_that_grows_while_it_is_read_is_read_as_if_it_had_lain_there(tmp_path: Path) -> None:
    chance, path = random.Random(7), tmp_path / "1.log"
    content = b"".join(b"w" * chance.randrange(300) + b"\n" for _ in range(2000)) + b"not ended"
    path.touch()
    file, written = LogFile(path), 0
    while written < len(content):
        step = chance.randrange(1, 40_000)
        with path.open("ab") as out:
            out.write(content[written:written + step])
        written = path.stat().st_size
        file.grow()
    while file.grow():
        pass
    assert (len(file), file.whole) == (2001, 2000)
    assert all(file.raw(line)[0] == said for line, said in enumerate(content.split(b"\n")))
    file.close()


def test_a_line_is_shown_as_text_whatever_is_in_it(tmp_path: Path) -> None:
    assert readable(b"\x1b[31mred\x1b[0m \xff\xfe \x00 \xe6\x97\xa5") == "red \\xff\\xfe ␀ 日"
    path = tmp_path / "1.log"
    path.write_bytes(b"1 %\r50 %\r100 %\n" + b"x" * 1_000_000 + b"\nlast")
    file = whole(path)
    assert [file.text(0), file.text(2)] == ["100 %", "last"], "what was written over is not seen"
    assert file.text(1).endswith(f"x … {1_000_000 + 1 - logfile.CUT:,} bytes more")
    file.close()


@pytest.mark.parametrize(("said", "grade"), [
    (b"INFO fine", 0), (b"2026 WARNING low", 1), (b"DeprecationWarning: x", 1), (b"ValueError: x", 2),
    (b"Traceback (most recent call last):", 2), ("■ 2 of 12 columns moved".encode(), 2), ("▲ slow".encode(), 1),
    (b"mirrored terrors forewarned", 0)])
def test_a_line_says_how_bad_it_is(said: bytes, grade: int) -> None:
    assert level(said) == grade


def found(path: Path, wanted: Wanted) -> list[int]:
    file, sieve = whole(path), Sieve(wanted)
    while sieve.advance(file, file.whole):
        pass
    file.close()
    return list(sieve.found)


def test_the_lines_that_are_wanted_are_those_that_a_plain_search_finds(tmp_path: Path,
                                                                       monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logfile, "PIECE", 4096)
    monkeypatch.setattr(logfile, "BLOCK", 512)
    chance, path = random.Random(3), tmp_path / "1.log"
    words = ("Fold", "epoch", "ERROR", "WARN", "Zürich", "ok")
    lines = [" ".join(chance.choices(words, k=chance.randrange(5))) for _ in range(3000)]
    path.write_text("\n".join(lines) + "\nERROR fold still grow", encoding="utf-8")
    asked = [((("fold",), True),), ((("fold", "zürich"), True), (("ok",), False)), ((("ok",), False),), ()]
    for terms in asked:
        for grade in (0, 1, 2):
            if terms or grade:
                plain = [number for number, line in enumerate(lines) if level(line.encode()) >= grade and all(
                    any(text in line.lower() for text in texts) is keeps for texts, keeps in terms)]
                assert found(path, Wanted(terms, grade)) == plain, (terms, grade)


def test_what_was_found_is_shown_with_what_stands_around_it() -> None:
    for context in (0, 2):
        shown, lines = Stretches(context), [0, 3, 4, 20, 39]
        for line in lines:
            shown.add(line)
        near = [line for line in range(40) if any(abs(line - each) <= context for each in lines)]
        seen = [shown.line(row) for row in range(shown.rows(40))]
        assert [line for line in seen if line is not None] == near
        assert seen.count(None) == (2 if context else 0), "a gap between stretches, none where lines stand alone"
        assert all(shown.row(line) == row for row, line in enumerate(seen) if line is not None)
    assert shown.rows(40) - shown.rows(39) == 1, "what has yet to be written is no row"
    assert Stretches(2).rows(9) == 0


def test_a_reader_follows_a_file_that_comes_grows_and_is_put_anew(tmp_path: Path) -> None:
    path, told = tmp_path / "1.log", list[Seen]()
    reader = LogReader(path, told.append)

    def until(what: str, number: int, total: int) -> None:
        end = time.monotonic() + 20
        while time.monotonic() < end:
            seen = told[-1] if told else None
            if seen and seen.file and (len(seen.file), len(seen.sieve.found)) == (total, number):
                return
            time.sleep(0.01)
        pytest.fail(what)

    path.write_text("one\ntwo\n", encoding="utf-8")
    until("it came", 0, 2)
    reader.want(Wanted(((("two",), True),)), 1)
    until("it was sifted", 1, 2)
    with path.open("a", encoding="utf-8") as out:
        out.write("two more\ntwo without an en")
    until("it grew, and its last line stands still", 3, 4)
    with path.open("a", encoding="utf-8") as out:
        out.write("d\none\n")
    until("its last line went on", 3, 5)
    before = told[-1].file
    path.write_text("two\n", encoding="utf-8")
    until("it was cut short, and is read anew", 1, 1)
    reader.close()
    reader.join()
    assert before is not None
    before.close()


def test_a_log_that_is_cut_short_while_it_is_looked_at_is_no_error(tmp_path: Path) -> None:
    path = tmp_path / "1.log"
    path.write_bytes(b"line\n" * 5_000)
    file = whole(path)
    path.write_bytes(b"new\n")
    assert file.stale()
    assert [file.text(line) for line in (0, 2_000, 4_999)][1:] == ["", ""]
    sieve = Sieve(Wanted(((("line",), True),)))
    while sieve.advance(file, file.whole):
        pass
    file.close()
    with pytest.raises(OSError):
        file.raw(0)
