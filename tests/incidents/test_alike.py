"""Which earlier incidents one looks like: ranking on cases told by hand, and a null of unrelated incidents."""

import random
from dataclasses import dataclass, replace
from typing import Any

import pytest

from mlops_tui.alerts.causes import causes as causes_of
from mlops_tui.folds import incidents
from mlops_tui.incidents.alike import Likeness, Trace, ranked, trace
from store.facts import AlertEvent, Finding, IncidentEvent

FEEDS = {"flights-delay": frozenset({"flights", "weather"}), "trips-fare": frozenset({"trips"})}


@dataclass(frozen=True)
class Case:
    """An incident as a team had it: which family it is of, what found it, and what people said."""

    family: str
    title: str
    said: tuple[str, ...]
    check: str = ""
    about: str = "flights-delay"
    value: float | None = None
    limit: float | None = None
    detail: tuple[tuple[str, Any], ...] = ()


def drift(family: str, columns: tuple[str, ...], *said: str, about: str = "flights-delay") -> Case:
    title = f"{about}: {len(columns)} of 7 columns moved more than they should"
    return Case(family, title, said, "drift", about, 0.5, 0.4, (("drifted", columns), ("worst", columns[0])))


def performance(family: str, value: float, *said: str, about: str = "flights-delay") -> Case:
    return Case(family, f"roc_auc of {about} {value} [0.65, 0.71], limit 0.76", said, "performance", about, value, 0.76,
                (("metric", "roc_auc"),))


def health(family: str, problem: str, column: str, value: float, *said: str) -> Case:
    return Case(family, f"The batch of weather came with 60 rows, 72 are usual; {column} {problem}", said, "health",
                "weather", value, 5.0, (("problems", [[problem, column, "odd"]]),))


def calibration(family: str, predicted: float, seen: float, *said: str) -> Case:
    return Case(family, f"flights-delay predicts {predicted:.1%}, {seen:.1%} were seen", said, "calibration",
                "flights-delay", 0.09, 0.06, (("predicted", predicted), ("seen", seen)))


CASES = (
    drift("storm", ("arr_delay_3h", "dep_delay_1h"), "thunderstorms over the coast, ground stops at JFK and EWR",
          "the storm passed, delays are back to usual"),
    performance("season", 0.68, "calm September traffic, few late flights, the summer is over",
                "retrained on March to July, promoted"),
    health("feed", "null share", "visib", 8.0, "the weather feed stopped at noon, the vendor's token had expired",
           "token renewed, feed backfilled"),
    calibration("label", 0.26, 0.14, "labels arrive late since the airline's export job moved to the new cluster",
                "export job fixed, labels caught up"),
    Case("outage", "the endpoint answers with timeouts", ("pods were killed for memory after the deploy of the image",
         "rolled back the deploy, memory limit raised")),
    Case("cost", "the bill of the warehouse doubled", ("a backfill ran hourly instead of once; the schedule was wrong",
         "schedule fixed, budget alarm added")),
    drift("schema", ("carrier", "route"), "the upstream team renamed carrier codes without notice",
          "mapping of codes added, contract extended"),
    Case("fairness", "approval rate differs between the boroughs", ("a threshold moved for one borough only",
         "threshold put back, sign-off asked of legal"), about="trips-fare"),
    drift("storm", ("arr_delay_3h", "route_delay_6h"), "heavy thunderstorm, ground stop at EWR until evening",
          "weather cleared"),
    performance("season", 0.70, "traffic is calm after the summer, few late flights", "retrained and promoted"),
    health("feed", "null share", "visib", 9.0, "weather feed empty since the vendor changed the token",
           "new token in the vault"),
    Case("outage", "endpoint times out", ("memory of the pods is exhausted since the deploy", "deploy rolled back")),
    Case("cost", "warehouse bill is twice the usual", ("hourly backfill, a schedule edited by mistake", "fixed")),
    drift("schema", ("carrier", "route_late_24h"), "carrier codes renamed upstream again, mapping incomplete",
          "mapping extended"),
    calibration("label", 0.25, 0.15, "labels late: the export job of the airline did not run", "export job restarted"),
)


def opened(history, number: int, case: Case) -> None:
    """The entries of an incident: a finding, its alert, what people said."""
    name, alert = f"INC-{number}", f"AL-{number}"
    if case.check:
        history.add(Finding(subject=case.about, check=case.check, status="fail", title=case.title, value=case.value,
                            limit=case.limit, detail=dict(case.detail)))
        history.add(AlertEvent(subject=alert, event="fired", monitor=case.check, about=case.about, check=case.check,
                               severity="high", title=case.title, finding=len(history.entries)))
    history.add(IncidentEvent(subject=name, event="opened", title=case.title, about=case.about, severity="high",
                              alert=alert if case.check else ""),
                *(IncidentEvent(subject=name, event="note", note=text) for text in case.said[:-1]),
                IncidentEvent(subject=name, event="resolved", note=case.said[-1]))


def traces(history, cases) -> list[Trace]:
    for number, case in enumerate(cases, start=1):
        opened(history, number, case)
    causes = causes_of(history.entries)
    return [trace(each, causes, FEEDS) for each in incidents(history.entries).values()]


@pytest.fixture
def told(history) -> list[Trace]:
    return traces(history, CASES)


def best(told: list[Trace], number: int) -> Likeness:
    return ranked(told[number], told[:number])[0]


@pytest.mark.parametrize("number", range(len(CASES)))
def test_the_earlier_one_of_its_kind_comes_first_and_without_one_nothing_is_named(told, number):
    earlier = [index for index in range(number) if CASES[index].family == CASES[number].family]
    found = [each for each in ranked(told[number], told[:number]) if each.enough]
    assert [each.incident for each in found] == [f"INC-{index + 1}" for index in earlier]


def test_it_says_in_words_why(told):
    found = best(told, 8)
    assert found.incident == "INC-1"
    *facts, words = found.reasons
    assert facts == ["also about flights-delay", "both found by drift", "moved in both: arr_delay_3h"]
    assert words.startswith("both speak of ")
    assert {"ground", "stop"} <= set(words.replace(",", "").split())


def test_the_direction_tells_two_of_one_check_apart(history):
    one, other, this = traces(history, [calibration("much", 0.26, 0.14, "x"), calibration("little", 0.14, 0.26, "x"),
                                        calibration("much", 0.25, 0.12, "x")])
    first, second = ranked(this, [one, other])
    assert (first.incident, "in both predicts too much" in first.reasons) == ("INC-1", True)
    assert first.score > second.score


def test_two_subjects_made_from_the_same_data_are_near(history):
    case = Case("x", "late", ("nothing",), about="weather")
    one, this = traces(history, [case, drift("x", ("visib",), "nothing")])
    assert "flights-delay and weather are made from the same data" in ranked(this, [one])[0].reasons


def test_what_was_struck_and_what_everybody_says_tells_nothing(history):
    history.add(IncidentEvent(subject="INC-1", event="opened", title="it was late", about="m", severity="low"),
                IncidentEvent(subject="INC-1", event="note", note="kafka", reference="p1"),
                IncidentEvent(subject="INC-1", event="struck", reference="p1"))
    assert trace(incidents(history.entries)["INC-1"], {}, {}).words == {"late": 1}


VOCABULARY = [first + last for first in ("ka", "to", "mi", "re", "su", "na", "lo", "pe", "vi", "da", "fu", "go")
              for last in ("rin", "tal", "mok", "pad", "lun", "bor", "cet", "zim", "hag", "wep", "jol", "fyx", "qua",
                           "dri", "nem", "sto", "ill", "ark", "umb", "sed")]
COLUMNS = ("arr_delay_3h", "dep_delay_1h", "carrier_late_3h", "route_delay_6h", "route_late_24h", "flights_waiting",
           "arr_late_24h", "visib", "temp", "wind")


def unrelated(rng: random.Random) -> Case:
    """An incident that has nothing to do with any other: its check, columns and words are drawn by themselves, words
    by Zipf's law, as in what people write."""
    def words(count: int) -> str:
        return " ".join(rng.choices(VOCABULARY, [1 / (rank + 3) for rank in range(len(VOCABULARY))], k=count))

    said, kind = (words(10), words(6)), rng.randrange(5)
    if kind == 0:
        return drift("", tuple(rng.sample(COLUMNS, rng.randint(1, 2))), *said)
    if kind == 1:
        return performance("", 0.7, *said)
    if kind == 2:
        return calibration("", *rng.choice([(0.26, 0.14), (0.14, 0.26)]), *said)
    if kind == 3:
        return health("", rng.choice(["null share", "volume", "drift"]), rng.choice(COLUMNS), 8.0, *said)
    return Case("", words(5), said)


@pytest.mark.parametrize("earlier", [4, 12])
@pytest.mark.parametrize("told_yet", [True, False], ids=["told", "just opened"])
def test_of_unrelated_incidents_about_one_in_twenty_is_said_to_look_like_another(earlier, told_yet, history):
    rng, draws, named = random.Random(2013), 100, 0
    for _ in range(draws):
        one, *others = reversed(traces(type(history)(), [unrelated(rng) for _ in range(earlier + 1)]))
        named += ranked(one if told_yet else replace(one, words={}), others)[0].enough
    assert named <= 12, "of 100 draws at one in twenty, three standard errors above 5"


def test_a_threshold_that_is_lower_would_name_unrelated_ones(history):
    rng = random.Random(2013)
    scores = [ranked(one, others)[0].score for one, *others in (
        tuple(reversed(traces(type(history)(), [unrelated(rng) for _ in range(13)]))) for _ in range(60))]
    assert sum(score >= 0.3 for score in scores) > 0.2 * len(scores)
