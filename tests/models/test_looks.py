"""Looks at test days: what counts as one, what does not, and which days are fresh."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from mlops_tui.models.looks import Holdout, Look, holdout_of, looks, price, question, told, with_this
from store.facts import Fact, Finding, Looked, Trained


@dataclass
class Told:
    """An entry of a history, as far as looks read it."""

    fact: Fact

    @property
    def subject(self) -> str:
        return self.fact.subject


@dataclass
class Story:
    entries: list[Told] = field(default_factory=list)

    def trained(self, version: str, first: str, last: str, metric: str = "roc_auc", model: str = "m") -> Trained:
        fact = Trained(subject=model, version=version, candidate="c", key=version, run_id="r", artifact="a",
                       training="t", declaration="d", seed=1, window=("2013-01-01", "2013-06-01"), metrics={},
                       detail={"metric": metric, "test_from": f"{first}T00:00:00+00:00",
                               "test_to": f"{last}T23:00:00+00:00"})
        self.entries.append(Told(fact))
        return fact

    def looked(self, version: str, asked: str, rival: str = "") -> None:
        self.entries.append(Told(Looked(subject="m", version=version, question=asked, rival=rival)))

    def at(self, fact: Trained) -> Any:
        days = holdout_of(fact)
        assert days is not None
        return looks(self.entries, days)  # type: ignore[arg-type]


@pytest.fixture
def story() -> Story:
    return Story()


def test_each_version_that_was_judged_on_the_same_days_is_a_look(story: Story) -> None:
    story.trained("1", "2013-05-01", "2013-05-31")
    last = story.trained("2", "2013-05-01", "2013-05-31")
    assert story.at(last) == (Look("1", "roc_auc"), Look("2", "roc_auc"))


def test_days_that_nobody_looked_at_start_anew(story: Story) -> None:
    may = story.trained("1", "2013-05-01", "2013-05-31")
    june = story.trained("2", "2013-06-01", "2013-06-30")
    assert story.at(june) == (Look("2", "roc_auc"),)
    assert story.at(may) == (Look("1", "roc_auc"),)
    across = story.trained("3", "2013-05-31", "2013-06-10")
    assert len(story.at(across)) == 3
    assert len(story.at(june)) == 2  # one shared day is enough


def test_the_same_question_asked_again_is_no_other_look_and_another_question_is(story: Story) -> None:
    fact = story.trained("1", "2013-05-01", "2013-05-31")
    story.entries.append(Told(Finding(subject="m", check="evaluate", status="done", title="t", version="1")))
    story.looked("1", "roc_auc")
    assert len(story.at(fact)) == 1
    for _ in range(2):
        story.looked("1", "f1 at 0.3")
    story.looked("1", "f1 at 0.4")
    story.looked("1", "roc_auc", rival="7")
    assert story.at(fact) == (Look("1", "roc_auc"), Look("1", "f1 at 0.3"), Look("1", "f1 at 0.4"),
                              Look("1", "roc_auc", "7"))


def test_another_models_looks_and_those_at_other_days_do_not_count(story: Story) -> None:
    story.trained("9", "2013-05-01", "2013-05-31", model="other")
    story.trained("8", "2013-07-01", "2013-07-31")
    story.looked("8", "f1 at 0.3")
    assert len(story.at(story.trained("1", "2013-05-01", "2013-05-31"))) == 1


def test_a_version_that_does_not_say_when_it_was_tested_to_was_tested_to_the_end_of_its_window(story: Story) -> None:
    old = story.trained("1", "2013-05-01", "2013-05-31")
    detail = {"metric": "roc_auc", "test_from": "2013-05-01T00:00:00+00:00"}
    days = holdout_of(Trained(**{**vars(old), "detail": detail}))
    assert days is not None
    assert days.last == datetime(2013, 5, 31, 23, 59, 59, 999999, tzinfo=UTC)
    assert holdout_of(Trained(**{**vars(old), "detail": {}})) is None


def test_looks_are_told_in_words_with_what_they_cost() -> None:
    days = Holdout("m", datetime(2013, 6, 1, tzinfo=UTC), datetime(2013, 6, 30, 20, tzinfo=UTC))
    found = (Look("4", "roc_auc"), Look("5", "roc_auc"), Look("5", "f1 at 0.3"), Look("5", "brier", "3"))
    assert told(found, days) == ("The test days 2013-06-01 to 2013-06-30 have been looked at 4 times: versions 4, 5 by "
                                 "roc_auc; version 5 by f1 at 0.3; version 5 by brier against 3.")
    assert "looked at once: version 4 by" in told(found[:1], days)
    assert "p × 4, and the margin from the 97.5 % interval" in price(4, 0.975)
    assert price(1, 0.9) == ""


def test_a_question_is_counted_once_with_the_others() -> None:
    assert with_this((Look("1", "f1"),), Look("1", "f1")) == (Look("1", "f1"),)
    assert len(with_this((Look("1", "f1"),), Look("2", "f1"))) == 2
    assert (question("f1", 0.25), question("roc_auc")) == ("f1 at 0.25", "roc_auc")
