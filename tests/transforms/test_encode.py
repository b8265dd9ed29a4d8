"""Target encoding against scikit-learn, by hand, and on noise: no row's value contains its own outcome."""

from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import TargetEncoder

from mlops_tui.analysis.ranking import roc_auc
from mlops_tui.errors import BadInput, NotFound
from mlops_tui.transforms import encode, frozen
from mlops_tui.transforms.encode import Encoding

Frame = pd.DataFrame


def flights(n: int = 4000, seed: int = 0) -> Frame:
    draw = np.random.default_rng(seed)
    dest = draw.integers(0, 200, n)
    return pd.DataFrame({"id": np.arange(n), "dest": [f"d{each}" for each in dest], "hour": draw.integers(0, 24, n),
                         "late": (draw.random(n) < 0.2 + dest / 400).astype(int), "delay": draw.normal(50, 7, n) + dest,
                         "why": draw.choice(["air", "carrier", "weather"], n)})


def opened(frame: Frame) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    connection.register("flights", frame)
    return connection


def fitted(frame: Frame, how: Encoding) -> tuple[dict[str, Any], Frame, Frame]:
    """The map, the rows by the map, and the rows out of fold, in the order of their ids."""
    cursor = opened(frame)
    document = encode.fit(cursor, "flights", how)
    return (document, taken(cursor, encode.applied(cursor, "flights", document)),
            taken(cursor, encode.crossed(cursor, "flights", how, document)))


def taken(cursor: duckdb.DuckDBPyConnection, query: str) -> Frame:
    return cursor.sql(f"{query} ORDER BY id").to_arrow_table().to_pandas()


def made(document: dict[str, Any]) -> list[str]:
    return [name for each in encode.names(document).values() for name in each]


@pytest.mark.parametrize(("target", "kind"), [("late", "binary"), ("delay", "continuous"), ("why", "multiclass")])
@pytest.mark.parametrize("smoothing", ["auto", 0.0, 20.0])
def test_the_map_is_scikit_learns_to_twelve_digits(target: str, kind: str, smoothing: Any) -> None:
    frame = flights()
    document, mine, _ = fitted(frame, Encoding(target, ("dest", "hour"), smoothing=smoothing, key=("id",)))
    theirs = TargetEncoder(smooth=smoothing, target_type=kind).fit(frame[["dest", "hour"]], frame[target])
    expected = theirs.transform(frame[["dest", "hour"]])
    assert mine[made(document)].to_numpy() == pytest.approx(expected, rel=1e-12, abs=1e-13)


@pytest.mark.parametrize(("smoothing", "published"), [(5000.0, [44.1, 44.4, 44.3]), (1.0, [21, 80.8, 43.2])])
def test_the_published_example_of_scikit_learns_documentation(smoothing: float, published: list[float]) -> None:
    """`TargetEncoder`'s docstring: pets with a number, for cat, dog and snake; the mean of all is 44.3."""
    animals = pd.DataFrame({"pet": ["dog"] * 20 + ["cat"] * 30 + ["snake"] * 38,
                            "target": [90.3] * 5 + [80.1] * 15 + [20.4] * 5 + [20.1] * 25 + [21.2] * 8 + [49] * 30})
    document = encode.fit(opened(animals), "flights", Encoding("target", ("pet",), smoothing=smoothing))
    assert document["columns"][0]["levels"] == ["cat", "dog", "snake"]
    assert document["columns"][0]["values"][0] == pytest.approx(published, abs=0.08)  # 21 is printed for 20.93
    assert document["prior"] == pytest.approx([44.3], abs=0.051)


def test_a_row_is_encoded_by_the_other_folds_and_so_is_the_prior() -> None:
    frame = flights(600)
    how = Encoding("late", ("dest",), smoothing=10.0, folds=3, key=("id",))
    cursor = opened(frame)
    fold = taken(cursor, f"SELECT id, {encode.rows.fold({'id': 'BIGINT'}, ('id',), 3, 0)} AS f FROM flights")["f"]
    _, _, mine = fitted(frame, how)
    assert sorted(fold.unique()) == [0, 1, 2]
    for row in range(0, 600, 7):
        rest = frame[fold != fold[row]]
        own = rest[rest["dest"] == frame["dest"][row]]["late"]
        expected = (own.sum() + 10 * rest["late"].mean()) / (len(own) + 10)
        assert mine["dest_encoded"][row] == pytest.approx(expected, rel=1e-12)


def test_changing_a_rows_outcome_does_not_change_its_own_value() -> None:
    frame = flights(500)
    how = Encoding("late", ("dest",), key=("id",))
    _, _, before = fitted(frame, how)
    turned = frame.copy()
    turned.loc[17, "late"] = 1 - turned.loc[17, "late"]
    _, _, after = fitted(turned, how)
    assert after["dest_encoded"][17] == before["dest_encoded"][17]
    assert (after["dest_encoded"] != before["dest_encoded"]).any()


@pytest.mark.parametrize("target", ["late", "delay"])
def test_the_same_rows_give_the_same_bytes_in_any_order_and_with_any_threads(target: str) -> None:
    frame = flights()
    how, digests, values = Encoding(target, ("dest", "hour"), key=("id",)), set(), set()
    for threads, order in ((1, None), (2, 3), (4, 5)):
        cursor = opened(frame if order is None else frame.sample(frac=1, random_state=order))
        cursor.execute(f"SET threads = {threads}")
        document = encode.fit(cursor, "flights", how)
        digests.add(frozen.digest_of(document))
        out = taken(cursor, encode.crossed(cursor, "flights", how, document))
        values.add(out["dest_encoded"].to_numpy().tobytes())
    assert len(digests) == len(values) == 1


def test_without_a_key_the_folds_go_by_the_rows_content_whatever_their_order() -> None:
    frame = flights(600)
    values = set()
    for order in (1, 2):
        cursor = opened(frame.sample(frac=1, random_state=order))
        how = Encoding("late", ("dest",))
        out = taken(cursor, encode.crossed(cursor, "flights", how, encode.fit(cursor, "flights", how)))
        assert list(out.columns) == [*frame.columns, "dest_encoded"]
        values.add(out["dest_encoded"].to_numpy().tobytes())
    assert len(values) == 1


def test_a_known_map_keeps_its_bytes_on_every_machine() -> None:
    cursor = duckdb.connect()
    cursor.execute("CREATE TABLE t AS SELECT i, 'k' || i % 3 AS k, i % 2 AS y, i / 7 AS z FROM range(30) r(i)")
    assert frozen.digest_of(encode.fit(cursor, "t", Encoding("y", ("k",)))).startswith(EXPECTED["y"])
    assert frozen.digest_of(encode.fit(cursor, "t", Encoding("z", ("k",)))).startswith(EXPECTED["z"])


EXPECTED = {"y": "28a8f4db7a5f2793", "z": "bfcbead92aa1251d"}


def test_noise_of_20_000_levels_tells_nothing_out_of_fold_and_much_in_sample() -> None:
    draw = np.random.default_rng(3)
    frame = pd.DataFrame({"id": np.arange(40_000), "noise": draw.integers(0, 20_000, 40_000).astype(str),
                          "late": draw.integers(0, 2, 40_000)})
    _, inside, outside = fitted(frame, Encoding("late", ("noise",), key=("id",)))
    honest, boast = (roc_auc(frame["late"], each["noise_encoded"]) for each in (outside, inside))
    spread = 3.3 * (1 / 12 / 20_000 * 2) ** 0.5  # about 1 in 1,000: an AUC of noise has variance (1/P + 1/N)/12
    assert abs(honest - 0.5) < spread
    assert boast > 0.75


def test_groups_stay_in_one_fold() -> None:
    frame = flights(2000).assign(crew=lambda each: each["id"] // 20)
    frame["late"] = (frame["crew"] % 2).astype(int)  # the crew is all there is to know
    frame["one"] = frame["crew"].astype(str)
    _, _, loose = fitted(frame, Encoding("late", ("one",), key=("id",)))
    _, _, grouped = fitted(frame, Encoding("late", ("one",), groups="crew"))
    assert roc_auc(frame["late"], loose["one_encoded"]) > 0.99
    assert roc_auc(frame["late"], grouped["one_encoded"]) < 0.6, "no other row of the crew may tell"


def test_a_row_is_encoded_from_outcomes_that_were_known_before_it() -> None:
    """Against a loop over the rows: ties do not see each other, the gap is kept, an outcome counts once it is known."""
    draw = np.random.default_rng(5)
    n, start = 300, datetime(2013, 1, 1, tzinfo=UTC)
    minutes = np.sort(draw.integers(0, 2000, n))
    frame = pd.DataFrame({"id": np.arange(n), "dest": draw.choice(list("abc"), n), "late": draw.integers(0, 2, n),
                          "at": pd.to_datetime([start + timedelta(minutes=int(each)) for each in minutes]),
                          "known": pd.to_datetime([start + timedelta(minutes=int(each)) for each in
                                                   minutes + draw.integers(0, 300, n)])})
    how = Encoding("late", ("dest",), smoothing=5.0, time="at", known="known", gap=30 * 60_000_000)
    _, _, mine = fitted(frame, how)
    for row in range(n):
        seen = frame[frame["known"] <= frame["at"][row] - timedelta(minutes=30)]
        own = seen[seen["dest"] == frame["dest"][row]]["late"]
        expected = (own.sum() + 5 * seen["late"].mean()) / (len(own) + 5) if len(seen) else np.nan
        assert mine["dest_encoded"][row] == pytest.approx(expected, rel=1e-12, nan_ok=True), row
    assert mine["dest_encoded"].isna().sum() > 0, "before the first outcome nothing is known"


def test_ties_in_time_do_not_tell_each_other() -> None:
    frame = pd.DataFrame({"id": [0, 1, 2, 3], "k": ["a"] * 4, "late": [1, 1, 0, 1], "at": [1, 1, 1, 2]})
    _, _, mine = fitted(frame, Encoding("late", ("k",), smoothing=0.0, time="at"))
    assert mine["k_encoded"].isna().tolist() == [True, True, True, False]
    assert mine["k_encoded"][3] == pytest.approx(2 / 3)


def test_nulls_are_a_level_of_their_own_and_the_unseen_get_the_prior() -> None:
    frame = pd.DataFrame({"id": range(6), "k": ["a", "a", None, None, "b", "b"], "late": [0, 0, 1, 1, 0, 1]})
    cursor = opened(frame)
    document = encode.fit(cursor, "flights", Encoding("late", ("k",), smoothing=0.0))
    cursor.execute("CREATE TABLE later AS SELECT * FROM (VALUES ('a'), (NULL), ('new')) t(k)")
    found = dict(cursor.execute(encode.applied(cursor, "later", document)).fetchall())
    assert found == {"a": 0.0, None: 1.0, "new": 0.5}


def test_rows_without_an_outcome_teach_nothing_and_are_encoded() -> None:
    frame = flights(300)
    blank = frame.astype({"late": "Int64"})
    blank.loc[:9, "late"] = pd.NA
    document, _, mine = fitted(blank, Encoding("late", ("dest",), key=("id",)))
    assert document["rows"] == 290
    assert mine["dest_encoded"].notna().all()


def test_a_whole_number_is_the_same_level_whatever_its_type() -> None:
    frame = flights(300)
    cursor = opened(frame)
    document = encode.fit(cursor, "flights", Encoding("late", ("hour",), key=("id",)))
    query = "(SELECT * REPLACE (CAST(hour AS DOUBLE) AS hour) FROM flights)"
    one, other = (taken(cursor, encode.applied(cursor, each, document)) for each in ("flights", query))
    assert one["hour_encoded"].equals(other["hour_encoded"])


def test_a_huge_outcome_of_one_level_leaves_the_others_sums_exact() -> None:
    frame = flights(2000)
    frame.loc[0, ["dest", "delay"]] = ["far", 1e12]
    _, mine, _ = fitted(frame, Encoding("delay", ("dest",), smoothing=0.0, key=("id",)))
    expected = frame.groupby("dest")["delay"].mean()
    assert mine["dest_encoded"].to_numpy() == pytest.approx(frame["dest"].map(expected).to_numpy(), rel=1e-12)


@pytest.mark.parametrize(("how", "said"), [
    ({"target": "late", "columns": ("dset",)}, "Did you mean 'dest'"),
    ({"target": "lat", "columns": ("dest",)}, "late"),
    ({"target": "late", "columns": ("dest",), "folds": 1}, "its own outcome"),
    ({"target": "late", "columns": ("late",)}, "by itself"),
    ({"target": "same", "columns": ("dest",)}, "the same in every"),
    ({"target": "none", "columns": ("dest",)}, "No row has a target"),
    ({"target": "odd", "columns": ("dest",)}, "infinite"),
    ({"target": "late", "columns": ("dest",), "smoothing": -1.0}, "smoothing"),
    ({"target": "id", "columns": ("dest",), "task": "binary"}, "50 classes"),
    ({"target": "late", "columns": ("dest",), "time": "why"}, "is no time")])
def test_what_cannot_be_encoded_is_refused_with_the_reason(how: dict[str, Any], said: str) -> None:
    frame = flights(200).assign(same=1, none=np.nan, odd=lambda each: np.where(each["id"] == 3, np.inf, 2.5))
    cursor = opened(frame)
    with pytest.raises((BadInput, NotFound), match=said):
        encode.crossed(cursor, "flights", Encoding(**how), encode.fit(cursor, "flights", Encoding(**how)))


def test_a_pipelines_step_encodes_its_first_input_out_of_fold_and_a_second_one_by_the_map() -> None:
    frame = flights(400)
    cursor = opened(frame)
    params = {"target": "late", "columns": ["dest"], "key": ["id"]}
    alone = encode.step(cursor, {"train": "flights"}, params)
    both = encode.step(cursor, {"train": "flights", "later": "flights"}, {**params, "keep": False})
    assert frozen.digest_of(alone.frozen or {}) == frozen.digest_of(both.frozen or {})
    outside, inside = (taken(cursor, each.sql) for each in (alone, both))
    assert (outside["dest_encoded"] != inside["dest_encoded"]).any()
    assert "dest" not in inside
    with pytest.raises(BadInput, match=r"no parameter 'smooth'.*smoothing"):
        encode.step(cursor, {"train": "flights"}, {**params, "smooth": 3})


def test_a_label_that_is_never_known_tells_nothing_and_stops_nobody() -> None:
    frame = pd.DataFrame({"id": range(6), "dest": "a", "at": range(6), "known": [2**63 - 1, 1, 2, 3, 4, 5],
                          "late": [1, 0, 0, 1, 1, 1]})
    out = fitted(frame, Encoding("late", ("dest",), smoothing=0, time="at", known="known", gap=1))[2]
    assert out["dest_encoded"].tolist()[2:] == [0.0, 0.0, pytest.approx(1 / 3), 0.5]


def test_no_label_counts_before_its_row_though_it_is_said_to_be_known_earlier() -> None:
    frame = pd.DataFrame({"id": range(20), "dest": "a", "at": range(20), "known": [each - 10 for each in range(20)],
                          "late": [each % 2 for each in range(20)]})
    how = Encoding("late", ("dest",), time="at", known="known")
    _, _, out = fitted(frame, how)
    earlier = fitted(frame.assign(known=frame["at"]), how)[2]
    assert out["dest_encoded"].isna().tolist() == [True] + [False] * 19
    pd.testing.assert_series_equal(out["dest_encoded"], earlier["dest_encoded"])
