"""Views of every kind that nobody would write by hand, and the words that try to be more than words."""

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from mlops_tui.view import Action, Column, Facts, Part, Series, Status, Step, Steps, Table, Text, View

JUNE = datetime(2013, 6, 1, tzinfo=UTC)
MISCHIEF = ["<!channel>", "<@U01>", "<http://evil.example|click>", "*x*", "_x_", "~x~", "`x`", "```", "&lt;", "&",
            "[bold]", "@here", ":smile:", "> quote", "\x1b[31mred", "a\u202eb"]
ODD = ["👨‍👩‍👧‍👦 family", "🇩🇪🇫🇷", "a\u0301\u0301\u0301", "\ud800lone", "漢字" * 30, "x" * 300, "tab\tand\nnewline",
       "שלום عالم", "", " ", "\u200b", "**bold** `code`", "# head", "- item", "****", "``", "n" * 10_000]
WORDS = st.one_of(st.text(max_size=40), st.text(st.characters(), max_size=12), st.sampled_from(MISCHIEF + ODD))
NUMBER = st.one_of(st.none(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.booleans())
MOMENT = st.timedeltas(timedelta(0), timedelta(days=90_000)).map(lambda since: JUNE + since)
CELL = st.one_of(NUMBER, WORDS, st.sampled_from(Status), st.tuples(WORDS, WORDS), MOMENT)
COLUMN = st.builds(Column, id=st.sampled_from("abcdefghijklmnopqrstuvwxyz"), label=WORDS,
                   unit=st.sampled_from(["", "ms", "€/日"]), digits=st.one_of(st.none(), st.integers(0, 6)),
                   share=st.booleans())
KINDS = ["line", "band", "bar", "bins", "heat", "interval", "graph"]


@st.composite
def tables(draw: st.DrawFn) -> Table:
    """A few different rows, repeated up to 300 times."""
    columns = draw(st.lists(COLUMN, min_size=1, max_size=26, unique_by=lambda column: column.id))
    rows = draw(st.lists(st.dictionaries(st.sampled_from([each.id for each in columns]), CELL), max_size=4))
    total = draw(st.one_of(st.none(), st.integers(300, 10 ** 9)))
    return Table.of(draw(WORDS), rows * draw(st.sampled_from([1, 2, 75])), *columns, title=draw(WORDS), total=total)


@st.composite
def series(draw: st.DrawFn) -> Series:
    """A few different points, repeated up to 500 times."""
    times = draw(st.sampled_from([1, 3, 50]))

    def values(of: st.SearchStrategy) -> tuple:
        return tuple(draw(st.lists(of, max_size=10)) * times)

    spread = tuple(JUNE + timedelta(hours=hour) for hour in range(500))
    return Series(draw(WORDS), draw(st.sampled_from(KINDS)), draw(st.sampled_from([spread, values(CELL)])),
                  values(NUMBER), values(NUMBER), values(NUMBER), values(NUMBER),
                  tuple(draw(st.lists(WORDS, max_size=4))), draw(WORDS), draw(WORDS), draw(WORDS))


PART: st.SearchStrategy[Part] = st.one_of(
    st.builds(Text, body=st.one_of(WORDS, st.lists(WORDS, max_size=60).map("\n".join)),
              kind=st.sampled_from(["plain", "markdown", "code"])),
    st.builds(Facts, items=st.dictionaries(WORDS, CELL, max_size=60)), tables(), series(),
    st.builds(Steps, items=st.lists(st.builds(Step, step=WORDS, status=st.sampled_from(Status), detail=WORDS,
                                              seconds=st.one_of(st.none(), st.floats(0, 1e6))), max_size=6)
              .flatmap(lambda steps: st.sampled_from([1, 20]).map(lambda times: tuple(steps * times)))))
ACTION = st.builds(Action, label=WORDS, argv=st.lists(WORDS, min_size=1, max_size=4).map(tuple))
VIEW = st.builds(View, title=WORDS, status=st.sampled_from(Status),
                 parts=st.tuples(st.lists(PART, max_size=4), st.sampled_from([1, 1, 20])).map(
                     lambda made: tuple(made[0] * made[1])),
                 actions=st.lists(ACTION, max_size=30).map(tuple))
