"""A redraft beside what people wrote: sections by heading, nothing of theirs lost."""

from hypothesis import given
from hypothesis import strategies as st

from mlops_tui.response._merging import merged, sections

OLD = "# T\n\nhead\n\n## A\n\n1\n\n## B\n\n2\n\n### b1\n\nx\n\n## C\n\n3\n"


def test_sections_are_the_whole_text_in_order():
    found = sections(OLD)
    assert list(found) == ["", "A", "B", "B / b1", "C"]
    assert "".join(found.values()) == OLD


def test_a_heading_in_a_block_of_code_is_none():
    text = "## A\n\n```sql\n## no\nSELECT 1\n```\n\n## B\n"
    assert list(sections(text)) == ["", "A", "B"]


def test_what_nobody_touched_follows_the_draft():
    new = OLD.replace("\n1\n", "\n10\n")
    assert merged([OLD], new, OLD) == type(merged([OLD], new, OLD))(new, ())


def test_what_somebody_wrote_stays_and_is_named_where_the_draft_differs():
    written = OLD.replace("\n1\n", "\nmine\n")
    found = merged([OLD], OLD.replace("\n1\n", "\n10\n").replace("\n3\n", "\n30\n"), written)
    assert found.text == written.replace("\n3\n", "\n30\n")
    assert found.kept == ("A",)
    assert merged([OLD], OLD, written).kept == ()


def test_what_people_took_out_stays_out_and_what_they_added_stays():
    written = OLD.replace("## C\n\n3\n", "## Mine\n\nwords\n")
    found = merged([OLD], OLD.replace("\n3\n", "\n30\n") + "\n## D\n\nnew\n", written)
    assert "## C" not in found.text
    assert "## Mine\n\nwords\n" in found.text
    assert "## D\n\nnew\n" in found.text


def test_a_section_of_any_earlier_draft_is_not_a_persons():
    second = OLD.replace("\n1\n", "\n2\n")
    assert merged([OLD, second], OLD.replace("\n1\n", "\n5\n"), OLD).text == OLD.replace("\n1\n", "\n5\n")


def test_rows_that_the_history_adds_join_a_table_that_people_wrote_in():
    old = "## Actions\n\n| id | a |\n| --- | --- |\n| 1 | x |\n"
    written = old + "|  | mine |\n\nand a remark\n"
    found = merged([old], old + "| 2 | y |\n", written)
    assert found.text == "## Actions\n\n| id | a |\n| --- | --- |\n| 1 | x |\n|  | mine |\n| 2 | y |\n\nand a remark\n"


words = st.text(alphabet="ab |#`-\n", max_size=30)


@given(st.dictionaries(st.sampled_from("ABCD"), words), words, words)
def test_no_line_that_a_person_added_is_ever_lost(changed, head, tail):
    """Whatever is written into whichever sections: each of its lines is in the merged document."""
    base = "# T\n" + "".join(f"\n## {name}\n\nold {name}\n" for name in "ABCD")
    new = "# T\n" + "".join(f"\n## {name}\n\nnew {name}\n" for name in "ABCDE")
    written = head + "# T\n" + "".join(f"\n## {name}\n\n{changed.get(name, f'old {name}')}\n" for name in "ABCD") + tail
    found = merged([base], new, written).text
    ours = {line.strip() for line in base.splitlines()}
    lost = [line for line in written.splitlines() if line.strip() not in ours and line not in found]
    assert lost == []
