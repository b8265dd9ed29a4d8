"""What people type in Slack, on phones too, becomes the command line they meant."""

import shlex

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bots.words import argv_of, typed
from mlops_tui.errors import BadInput


def sent(text: str) -> str:
    """What Slack makes of what somebody typed."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


@pytest.mark.parametrize(("text", "argv"), [
    ("", ["status"]), ("   ", ["status"]), ("mlops", ["status"]), ("mlops-tui drift flights", ["drift", "flights"]),
    ("/mlops alert", ["alert"]), ("alert\tack  AL-7\n", ["alert", "ack", "AL-7"]),
    ('incident note INC-3 "the feed was late"', ["incident", "note", "INC-3", "the feed was late"]),
    ("incident note INC-3 “the feed was late”", ["incident", "note", "INC-3", "the feed was late"]),
    ("incident note INC-3 „zu spät“", ["incident", "note", "INC-3", "zu spät"]),
    ("incident note INC-3 ‘nobody’s fault’", ["incident", "note", "INC-3", "nobody’s fault"]),
    ("incident note INC-3 'nobody's fault'", ["incident", "note", "INC-3", "nobody's fault"]),
    ("note nobody's fault", ["note", "nobody's", "fault"]), ("note nobody’s fault", ["note", "nobody’s", "fault"]),
    ("approve AP-2 —reason “looks good”", ["approve", "AP-2", "--reason", "looks good"]),
    ("approve AP-2 –reason=“looks good”", ["approve", "AP-2", "--reason=looks good"]),
    ("approve AP-2 --reason='looks good'", ["approve", "AP-2", "--reason=looks good"]),
    ("note — or – 3–4 “—quoted”", ["note", "—", "or", "–", "3–4", "—quoted"]),
    ("alert assign AL-7 <@U01|ana>", ["alert", "assign", "AL-7", "U01"]), ("<@U01>", ["U01"]),
    ("tell <#C01|ml-flights> <#C02>", ["tell", "#ml-flights", "C02"]),
    ("note <http://x.example/a?b=1&amp;c=2|x.example> <https://y.example>",
     ["note", "http://x.example/a?b=1&c=2", "https://y.example"]),
    ("note <mailto:ana@x.example|ana@x.example> <!here> <!subteam^S1|@oncall>",
     ["note", "ana@x.example", "@here", "@oncall"]),
    ('note "see <http://x.example|x> &amp; wait"', ["note", "see http://x.example & wait"]),
    ("note 3 &lt; 4 &amp;amp;", ["note", "3", "<", "4", "&amp;"]), ('note ""', ["note", ""]),
    ('note "a \\"b\\" c" d\\ e C:\\x', ["note", 'a "b" c', "d e", "C:\\x"])])
def test_a_line_is_read_as_it_was_meant(text: str, argv: list[str]) -> None:
    assert argv_of(text) == argv


@pytest.mark.parametrize("text", ['note "open', "note “open", "note 'open", "note „open x", '"', 'a "b" "c'])
def test_a_quote_that_is_never_closed_is_refused_with_what_to_type(text: str) -> None:
    with pytest.raises(BadInput, match="never closed") as refused:
        argv_of(text)
    assert refused.value.next.startswith("Close it, as in:")


ARGV = st.lists(st.one_of(st.text(max_size=12), st.text("ab \"'\\<>&“”’—-=|@#", max_size=12)), max_size=5).map(
    lambda words: ["note", *words])


@given(ARGV)
@example(["note", "it's", "'", "a'\"b", "x' y"])
def test_what_a_shell_would_quote_is_read_back(argv: list[str]) -> None:
    assert argv_of(sent(shlex.join(argv))) == argv


@given(ARGV)
@example(["note", "—reason", "a\\", '"', "\\ "])
def test_what_we_tell_people_to_type_is_read_back(argv: list[str]) -> None:
    assert argv_of(sent(typed(argv))) == argv


@given(st.text("ab '\"“”„‘’<>|@#!&;—-=\\\n", max_size=30))
def test_any_line_is_a_command_line_or_refused(text: str) -> None:
    found = read(text)
    assert found.next if isinstance(found, BadInput) else found


def read(text: str) -> list[str] | BadInput:
    try:
        return argv_of(text)
    except BadInput as refused:
        return refused
