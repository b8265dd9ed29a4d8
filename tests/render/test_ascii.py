"""Everything can be written in ASCII, as wide as it was."""

import ast
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

import mlops_tui
from mlops_tui.render.ascii import plain, write
from mlops_tui.render.cells import GLYPHS, PLAIN, clean


@given(st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("≥≤●▲■…─⣿世🙂é\u0301 "), max_size=40))
def test_as_much_room_is_taken_as_before(text: str) -> None:
    shown = clean(text)
    assert plain(shown).isascii()
    assert len(plain(shown)) == cell_len(shown)


def test_no_two_grades_look_alike_in_ascii_either() -> None:
    shown = {glyph: plain(glyph) for glyph, _ in GLYPHS.values()}
    assert len(set(shown.values())) == len(shown)
    assert set(PLAIN) == {glyph for glyph in shown if not glyph.isascii()}


@pytest.mark.parametrize(("text", "written"), [
    ("■ 5 need you · high…", "X 5 need you - high~"), ("AUC ≥ 0.70", "AUC >=0.70"), ("≥0.70", ">0.70"),
    ("Zürich–Malmö ¿naïve?", "Zurich-Malmo ?naive?"), ("東京", "????"), ("a → b × 2", "a > b x 2"),
    ("−3.3 ±0.1", "-3.3 ~0.1"),
    ("╭─ x ─╮│█▌░", "+- x -+|#>."), ("⣀⠉⡇⠑⠊⠀⠒", ".'|\\/ -")])
def test_signs_mean_the_same_and_letters_lose_their_marks(text: str, written: str) -> None:
    assert plain(text) == written


def test_what_we_draw_ourselves_has_a_sign_of_its_own() -> None:
    """Somebody's letters may become question marks; our glyphs may not."""
    folder, unknown = Path(mlops_tui.__file__).parent, set()
    for path in [*(folder / "render").glob("*.py"), *(folder / "tui").rglob("*.py")]:
        if path.name == "ascii.py":
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                unknown |= {sign for sign in clean(node.value) if not sign.isascii() and plain(sign) in ("?", "??")}
    assert {sign for sign in unknown if not "\u2400" <= sign <= "\u2421"} == {"\ufffd"}, "which stands for all"


def test_a_stream_that_has_some_letters_keeps_them() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="latin-1")
    write(stream, wholly=False)
    stream.write("● Zürich 🙂\n")
    stream.flush()
    assert raw.getvalue().decode("latin-1") == "+ Zürich ??\n"


def test_the_program_writes_ascii_where_it_is_asked_to_or_the_place_knows_nothing_else(tmp_path: Path) -> None:
    def said(*argv: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run([sys.executable, "-P", "-m", "mlops_tui", "nönsense", *argv], cwd=tmp_path, check=False,
                              capture_output=True, env={**os.environ, **environment})

    for answer in (said(MLOPS_TUI_ASCII="1"), said(LC_ALL="C")):
        assert (answer.stdout + answer.stderr).decode("ascii").startswith("X No command 'nonsense'")
    document = said("--json", PYTHONIOENCODING="latin-1")
    assert "nönsense" in document.stdout.decode("utf-8"), "a document is UTF-8 wherever it is written"
