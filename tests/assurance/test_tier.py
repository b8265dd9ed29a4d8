from mlops_tui.assurance import tier
from store.facts import Assessed
from tests.conftest import History


def assessed(levels: tuple[int, int] = (2, 2), classes: tuple[str, str] = ("limited", "limited"),
             model: str = "flights-delay") -> Assessed:
    return Assessed(subject=model, levels=levels, classes=classes, questions="aia 1", answers="a")


def test_what_was_never_assessed_has_no_tier(history: History) -> None:
    assert tier.of(history.add(assessed(model="other")), "flights-delay") is None


def test_the_newest_assessment_of_the_model_says_its_tier(history: History) -> None:
    entries = history.add(assessed((1, 1)), assessed(), assessed((4, 4), model="other"))
    found = tier.of(entries, "flights-delay")
    assert found is not None
    assert (found.level, found.eu, found.entry, found.questions, found.known) == (2, "limited", 2, "aia 1", True)
    assert (found.high, found.words) == (False, "level II, EU: limited")


def test_what_is_not_known_yet_says_what_it_can_be_and_counts_as_high_where_it_may_be(history: History) -> None:
    found = tier.of(history.add(assessed((1, 3), ("minimal", "limited"))), "flights-delay")
    assert found is not None
    assert (found.level, found.eu, found.known, found.high) == (None, None, False, True)
    assert found.words == "level I–III, EU: minimal to limited"
    assert not tier.Tier(2, "limited", 2, 2, "limited", "limited").high
    assert tier.Tier(2, "high", 2, 2, "high", "high").high
