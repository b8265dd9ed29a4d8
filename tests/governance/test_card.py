"""A card from the record of a run: the same record in every format, whatever names are in it."""

import json
import math
import re
from dataclasses import replace
from datetime import UTC

import jsonschema
import numpy as np
import pytest
import yaml
from cyclonedx.schema import OutputFormat, SchemaVersion
from cyclonedx.validation import make_schemabased_validator
from huggingface_hub import ModelCard
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_tui.governance._cardforms import FORMATS, cyclonedx, google, huggingface, metadata, written
from mlops_tui.governance._cardmade import made as made_card
from mlops_tui.governance._cardrecord import Card, Data, Figure, Finding, Lead, Standing
from mlops_tui.governance._cardview import document
from mlops_tui.project import Project
from mlops_tui.render import terminal
from mlops_tui.view import Status
from store.facts import CardPublished

NAME = "flights-delay"
CARD = Card(
    name="m", version="2", task="binary", created="2013-09-14T10:00:00+00:00", candidate="boosted",
    estimator="HistGradientBoostingClassifier", params={"max_iter": 60, "rate": 0.1}, seed=1,
    window=("2013-01-01", "2013-06-01"), key="k" * 64, declaration="d" * 64, artifact="a" * 64, threshold=0.5,
    description="Will it be late?", owners=("ana",), licence="Apache-2.0", use="Warns.", users=("Passengers",),
    limits=("New York only",), tradeoffs=("Few are warned",), ethics=(("A seat is empty", "Precision"), ("Other", "")),
    inputs=(("origin", "string"), ("distance", "long")),
    data=(Data("flights", "source", "b" * 64, 100, description="Flights", owners=("ana",), classes=("public",),
               sensitive=("tail",), licence="CC0-1.0", personal=False),
          Data("m.scores", "test", "c" * 64, 50, "2013-05-01", "2013-06-01"), Data("weather", "source")),
    metric="roc_auc", metrics=(Figure("roc_auc", 0.79, 0.74, 0.83, 50, method="t"), Figure("brier", 0.1, n=50),
                               Figure("precision", None, n=50, reason="no row is flagged"),
                               Figure("recall", math.nan, math.inf, 0.5, 50)),
    slices=(Figure("roc_auc", 0.7, 0.6, 0.8, 30, "origin=EWR"), Figure("roc_auc", 0.7, 0.6, 0.8, 30, "origin=EWR"),
            Figure("roc_auc", None, n=3, slice="origin=LGA", reason="3 rows")),
    baselines=(Lead("prior", "roc_auc", 0.29, 0.25, 0.33, "better"),), calibration=Figure("ece", 0.02, n=50),
    fairness=Finding("old is decided 0.9 times as often", "warn", 7, group="age", value=0.9, low=0.8, high=1.0, n=50),
    replays=(("INC-1", "survives", ""),), lessons=("INC-1: look at weather",), tier="level II, EU: limited", level=2,
    eu="limited", standing=Standing("champion", ("AP-1: yes by bo",), None, None, "pass: signed", ("INC-1: late",)))


def validators():
    return {spec: make_schemabased_validator(OutputFormat.JSON, version) for spec, version in (
        ("1.6", SchemaVersion.V1_6), ("1.7", SchemaVersion.V1_7))}


# The structure of the Model Card Toolkit's schema 0.0.2, written down from its description: objects by their keys.
TEXT, NUMBER = {"type": "string"}, {"type": "number"}


def of(**properties):
    return {"type": "object", "properties": properties, "additionalProperties": False}


def many(item):
    return {"type": "array", "items": item}


GRAPHICS = of(description=TEXT, collection=many(of(name=TEXT, image=TEXT)))
GOOGLE = of(
    schema_version=TEXT,
    model_details=of(
        name=TEXT, overview=TEXT, documentation=TEXT, owners=many(of(name=TEXT, contact=TEXT)),
        version=of(name=TEXT, date={"type": "string", "format": "date"}, diff=TEXT),
        licenses=many({**of(identifier=TEXT, custom_text=TEXT),
                       "oneOf": [{"required": ["identifier"]}, {"required": ["custom_text"]}]}),
        references=many(of(reference={"type": "string", "format": "uri"})),
        citations=many(of(style=TEXT, citation=TEXT))),
    model_parameters=of(
        model_architecture=TEXT, input_format=TEXT, output_format=TEXT,
        data=many(of(name=TEXT, link={"type": "string", "format": "uri"}, sensitive=of(sensitive_data=many(TEXT)),
                     graphics=GRAPHICS, description=TEXT))),
    quantitative_analysis=of(
        performance_metrics=many(of(type=TEXT, value=NUMBER, slice=TEXT,
                                    confidence_interval=of(lower_bound=NUMBER, upper_bound=NUMBER))),
        graphics=GRAPHICS),
    considerations=of(
        **{key: many(of(description=TEXT)) for key in ("users", "use_cases", "limitations", "tradeoffs")},
        ethical_considerations=many(of(name=TEXT, mitigation_strategy=TEXT))))


def keys(schema):
    return set(schema["properties"])


# -- the formats ----------------------------------------------------------------------------------------------------


def test_hugging_face_reads_the_card_and_gives_back_every_figure():
    read = ModelCard(huggingface(CARD, UTC))
    assert (read.data.license, read.data.pipeline_tag, read.data.model_name) == (
        "apache-2.0", "tabular-classification", "m")
    found = {(each.metric_type, each.dataset_config): (each.metric_value, each.metric_args)
             for each in read.data.eval_results}
    assert found == {
        ("roc_auc", None): (0.79, {"low": 0.74, "high": 0.83, "n": 50, "method": "t"}),
        ("brier", None): (0.1, {"n": 50}), ("ece", None): (0.02, {"n": 50}),
        ("roc_auc", "origin=EWR"): (0.7, {"low": 0.6, "high": 0.8, "n": 30})}
    assert {each.dataset_revision for each in read.data.eval_results} == {"c" * 64}
    again = ModelCard(f"---\n{read.data.to_yaml()}\n---\n")
    assert again.data.eval_results == read.data.eval_results, "a round trip loses nothing"
    assert len(read.data.eval_results) == 4, "the slice that was measured twice is told once"


def test_a_licence_that_is_no_spdx_name_is_told_as_other_and_none_as_unknown():
    assert metadata(replace(CARD, licence="Ours only"))["license_name"] == "Ours only"
    assert ModelCard(huggingface(replace(CARD, licence="Ours only"), UTC)).data.license == "other"
    assert ModelCard(huggingface(replace(CARD, licence=""), UTC)).data.license == "unknown"


def test_google_s_schema_takes_the_card_with_every_key_that_it_knows():
    found = google(CARD)
    jsonschema.validate(found, GOOGLE, format_checker=jsonschema.FormatChecker())
    assert set(found) == keys(GOOGLE)
    for part in ("model_details", "model_parameters", "quantitative_analysis", "considerations"):
        assert set(found[part]) == keys(GOOGLE["properties"][part]), part
    metrics = found["quantitative_analysis"]["performance_metrics"]
    assert {"type": "roc_auc", "value": 0.79, "slice": "all",
            "confidence_interval": {"lower_bound": 0.74, "upper_bound": 0.83}} in metrics
    assert "unknown: precision: no row is flagged" in str(found["considerations"]["limitations"])
    bare = google(replace(CARD, licence=""))
    assert bare["model_details"]["licenses"] == [{"custom_text": "unknown"}]


@pytest.mark.parametrize("spec", ["1.6", "1.7"])
def test_the_bill_of_materials_is_valid_by_the_standard_s_own_schema(spec):
    found = cyclonedx(CARD, spec)
    assert validators()[spec].validate_str(json.dumps(found)) is None
    model = found["metadata"]["component"]
    assert model["hashes"] == [{"alg": "SHA-256", "content": "a" * 64}]
    assert {each["bom-ref"] for each in found["components"]} == set(found["dependencies"][0]["dependsOn"])
    assert found["components"][0]["hashes"] == [{"alg": "SHA-256", "content": "b" * 64}]
    [first, *_] = model["modelCard"]["quantitativeAnalysis"]["performanceMetrics"]
    assert (float(first["value"]), float(first["confidenceInterval"]["lowerBound"])) == (0.79, 0.74)
    broken = {**found, "metadata": {"component": {**model, "modelCard": {"nonsense": 1}}}}
    assert validators()[spec].validate_str(json.dumps(broken)) is not None, "the schema would see a mistake"


@pytest.mark.parametrize("form", FORMATS)
def test_no_format_has_a_number_that_is_none_and_the_bytes_are_the_same_each_time(form):
    text = written(CARD, form, UTC)
    assert text == written(CARD, form, UTC)
    assert "NaN" not in text
    assert "Infinity" not in text
    assert "drift since" in text, "what is not known is said"


def test_what_is_not_known_is_named_and_a_number_that_is_none_says_why():
    assert CARD.gaps == ("drift since", "performance since", "precision: no row is flagged", "recall: not measured",
                         "roc_auc (origin=LGA): 3 rows", "whether weather is about people")
    assert CARD.document()["metrics"][3] == {"metric": "recall", "value": None, "low": None, "high": 0.5, "n": 50,
                                             "slice": "", "method": "", "reason": ""}
    bare = replace(CARD, description="", owners=(), licence="", use="", users=(), limits=(), ethics=(), fairness=None,
                   baselines=(), metrics=(), calibration=None, tier="", standing=Standing())
    assert set(bare.gaps) > {"description", "owner", "licence", "intended use", "users", "limits", "ethics",
                             "metrics", "baselines", "fairness", "impact tier", "signature", "calibration"}


def test_what_moves_by_itself_is_no_part_of_the_digest_and_everything_else_is():
    assert replace(CARD, standing=Standing()).digest == CARD.digest
    assert replace(CARD, decisions=("bc-1-lending",)).digest == CARD.digest, "written after it, about it"
    assert replace(CARD, fairness=replace(CARD.fairness, entry=99, at="2014")).digest == CARD.digest
    others = [replace(CARD, **{name: value}) for name, value in (
        ("description", "x"), ("limits", ()), ("artifact", "e" * 64), ("tier", "x"), ("replays", ()),
        ("licence", "MIT"), ("metrics", CARD.metrics[1:]), ("lessons", ()), ("fairness", None), ("data", ()),
        ("params", {}))]
    assert len({each.digest for each in others} | {CARD.digest}) == len(others) + 1


HOSTILE = ["<script>alert(1)</script>", "---", "a\n---\nlicense: evil\n---", "[bold]x[/bold]", "# x\n## y", "x: {y: [z",
           "`x` | y || z", "![a](http://x.y)", "*x* _y_ <!-- z", "&lt;b&gt;", "'\"\\", "\u2028\u0085\x1b[31m", "- 1",
           "yes", "{{ x }} {% y %}", "<!U12|a> <@U1>", "\ud800"]
WORDS = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=20))


def hostile(text: str) -> Card:
    return replace(
        CARD, name=text, version=text, description=text, owners=(text,), licence=text, use=text, users=(text,),
        limits=(text,), tradeoffs=(text,), ethics=((text, text),), inputs=((text, text),), candidate=text,
        estimator=text, lessons=(text,), tier=text, decisions=(text,), replays=((text, text, text),),
        fairness=replace(CARD.fairness, title=text, group=text),
        data=(replace(CARD.data[0], name=text, description=text, licence=text, owners=(text,), classes=(text,),
                      sensitive=(text,)),), slices=(replace(CARD.slices[0], slice=text),),
        standing=replace(CARD.standing, incidents=(text,), approvals=(text,), signature=text))


@given(WORDS)
@settings(max_examples=15)
def test_whatever_a_name_holds_it_is_data_in_every_format(text):
    card = hostile(text)
    front = huggingface(card, UTC)
    read = ModelCard(front)
    known = {"license", "license_name", "library_name", "pipeline_tag", "tags", "model-index"}
    assert set(read.data.to_dict()) <= known, "no key comes out of a name"
    assert read.data.model_name == text
    assert google(card)["model_details"]["name"] == text
    json.loads(written(card, "google", UTC))
    json.loads(written(card, "cyclonedx", UTC))
    html = written(card, "html", UTC)
    assert "<script" not in html
    assert html.count("<h1>") == 1
    body = written(card, "markdown", UTC)
    outside = re.sub(r"^(`{3,})$.*?^\1$", "", body, flags=re.MULTILINE | re.DOTALL)  # the picture is code, and stays so
    assert re.search(r"(?<!\\)<script", outside) is None
    assert [line for line in body.splitlines() if line.startswith("# ")][1:] == []
    assert list(terminal.lines(document(card), width=80))


@pytest.mark.parametrize("text", HOSTILE[:-1])
def test_the_outside_readers_take_a_card_with_a_hostile_name(text):
    card = hostile(text)
    jsonschema.validate(json.loads(written(card, "google", UTC)), GOOGLE)
    assert validators()["1.6"].validate_str(written(card, "cyclonedx", UTC)) is None
    end = huggingface(card, UTC).index("\n---\n", 3)
    assert yaml.safe_load(huggingface(card, UTC)[4:end])["model_name"] == text


# -- the command ----------------------------------------------------------------------------------------------------


@pytest.fixture
def ana(session, made):
    opened = session()
    detail = {"metric": "roc_auc", "contrasts": [], "descriptions": {"logistic": "LogisticRegression"},
              "train_rows": 900, "test_rows": 100, "inputs": [{"name": "day", "type": "string"}]}
    opened.ledger.append(made.trained(declaration=opened.declaration("model", NAME), detail=detail))
    return opened


def perform(session, *argv, **how):
    outcome = session.perform(argv, **how)
    assert outcome.exit in (0, 1), outcome.error
    return outcome.view


def publish(session):
    plan = session.perform(("card", "publish", NAME))
    assert plan.plan, plan.view.title
    return session.perform(("card", "publish", NAME), consent=plan.plan)


def test_a_card_is_told_from_the_run_and_says_what_is_unknown(ana):
    view = perform(ana, "card", NAME)
    assert (view.title, view.status) == (f"Model card of {NAME} 1, roc_auc 0.750 [0.740, 0.760]", Status.WARN)
    assert view.facts()["estimator"] == "LogisticRegression (logistic)"
    assert {row["unknown"] for row in view.table("gaps").rows} >= {"licence", "owner", "fairness", "intended use"}


def test_words_of_the_declarations_stand_in_it(ana, project):
    model = project / f"models/{NAME}.yaml"
    model.write_text(model.read_text() + "owner: ana\nlicence: MIT\ndescription: Late?\n")
    (project / "impact").mkdir()
    (project / f"impact/{NAME}.yaml").write_text("use: Warns.\nusers: [Desk]\nethics: [{risk: R, measure: M}]\n")
    card = made_card(ana, NAME)
    assert (card.owners, card.licence, card.description, card.use, card.users, card.ethics) == (
        ("ana",), "MIT", "Late?", "Warns.", ("Desk",), (("R", "M"),))


@pytest.mark.parametrize("form", FORMATS)
def test_each_format_is_shown_and_written_into_a_file(ana, tmp_path, form):
    shown = perform(ana, "card", NAME, "--format", form)
    at = replace(ana, actor=replace(ana.actor, source="terminal"))
    path = tmp_path / f"card.{form}"
    perform(at, "card", NAME, "--format", form, "--out", str(path))
    assert path.read_text(encoding="utf-8") == shown.parts[0].body
    assert at.perform(("card", NAME, "--format", form, "--out", str(path))).exit == 2, "never over what is there"


def test_a_file_is_written_from_the_terminal_alone(ana, tmp_path):
    assert ana.perform(("card", NAME, "--out", str(tmp_path / "x.md"))).exit == 4


@pytest.mark.parametrize("argv", [("card", NAME), ("impact", "annex", NAME)])
def test_a_file_that_cannot_be_written_is_an_error_that_names_it(ana, tmp_path, argv):
    at = replace(ana, actor=replace(ana.actor, source="terminal"))
    refused = at.perform((*argv, "--out", str(tmp_path / "nowhere" / "x.md")))
    assert (refused.exit, "There is no folder" in refused.view.title) == (2, True)


def test_a_card_is_published_with_consent_and_kept_whole(ana):
    assert perform(ana, "card", "check", NAME).status is Status.UNKNOWN
    assert publish(ana).exit == 0
    [entry] = ana.ledger.entries("card")
    assert isinstance(entry.fact, CardPublished)
    kept = json.loads(ana.data().object(entry.fact.card))
    assert (kept["name"], kept["version"], kept["digest"]) == (NAME, "1", entry.fact.digest)
    assert perform(ana, "card", "check", NAME).status is Status.WARN, "published, with gaps"
    assert publish(ana).exit == 0
    assert len(ana.ledger.entries("card")) == 1, "the same card is published once"


def test_a_card_that_no_longer_says_what_is_declared_is_stale_until_it_is_published_again(ana, project):
    publish(ana)
    model = project / f"models/{NAME}.yaml"
    model.write_text(model.read_text() + "description: Another use\n")
    view = perform(ana, "card", "check", NAME)
    assert (view.status, "stale" in view.title) == (Status.FAIL, True)
    ana.project = Project(project)
    changes = perform(ana, "card", "publish", NAME, dry_run=True).table("changes").rows
    assert [(row["what"], row["now"]) for row in changes] == [("description", "Another use")]
    publish(ana)
    assert perform(ana, "card", "check", NAME).status is Status.WARN


def test_the_gate_asks_for_a_card_and_takes_the_published_one(ana, project):
    model = project / f"models/{NAME}.yaml"
    model.write_text(model.read_text().replace("calibrated, checklist", "card").replace("gate: [", "gate: [impact, "))
    ana.project = Project(project)
    rows = {row["item"]: row for row in ana.perform(("promote", f"{NAME}@1")).view.table("gate").rows}
    assert rows["card"]["status"] is Status.UNKNOWN
    publish(ana)
    rows = {row["item"]: row for row in ana.perform(("promote", f"{NAME}@1")).view.table("gate").rows}
    assert rows["card"]["status"] is Status.WARN
    assert rows["impact"]["status"] is Status.UNKNOWN


@pytest.mark.parametrize(("argv", "code", "words"), [
    (("card", "flights-delay@9"), 2, "no version 9"), (("card", f"{NAME}@9"), 2, "mlops-tui model show flights-delay"),
    (("card", "flights-delay@champion"), 2, "no version champion"), (("card", "nothing"), 2, "nothing"),
    (("card", NAME, "--format", "pdf"), 2, "pdf")])
def test_what_there_is_not_is_said_so(ana, argv, code, words):
    outcome = ana.perform(argv)
    assert (outcome.exit, words in str(outcome.error)) == (code, True)


def test_a_model_that_was_never_trained_has_no_card(session):
    outcome = session().perform(("card", NAME))
    assert (outcome.exit, "never trained" in str(outcome.error)) == (2, True)


def test_a_viewer_reads_and_does_not_publish(session, ana):
    assert session("vera").perform(("card", NAME)).exit in (0, 1)
    assert session("vera").perform(("card", "publish", NAME)).exit == 4


# -- rows that are in the lake ----------------------------------------------------------------------------------------

ROWS = 1200


def roc_auc(label, score):
    """By its definition: the share of pairs in which a yes lies above a no."""
    yes, no = score[label], score[~label]
    return (yes[:, None] > no[None, :]).mean() + (yes[:, None] == no[None, :]).mean() / 2


@pytest.fixture
def lived(session, made, project):
    """A version with its test rows, training rows and label rows in the lake."""
    model = project / f"models/{NAME}.yaml"
    model.write_text(model.read_text() + "slices: [carrier, crew, gone]\n")
    contract = project / "datasets/flights.yaml"
    contract.write_text(contract.read_text().replace("{name: day, logicalType: string}",
                                                     "{name: day, logicalType: string}\n"
                                                     "      - {name: crew, classification: confidential}"))
    opened, draw = session(), np.random.default_rng(4)
    late = draw.random(ROWS) < 0.3
    carrier = np.where(draw.random(ROWS) < 0.95, "AA", "UA").astype(object)
    score = np.clip(0.3 + 0.3 * (late - 0.3) + draw.normal(0, 0.1, ROWS), 0, 1)
    lake = opened.data()
    connection = lake.connect()
    connection.register("made", {"id": np.arange(ROWS), "late": late, "logistic": score, "carrier": carrier})
    time = "TIMESTAMPTZ '2013-05-01' + to_minutes(CAST(id AS INT)) AS sched_dep"
    written_ = {name: lake.write(f"{NAME}.{name}" if name != "flights" else name, f"SELECT {columns} FROM made",
                                 sort=("id",), connection=connection).id
                for name, columns in (("scores", f"id, late, logistic, {time}"), ("training", f"id, carrier, {time}"),
                                      ("flights", f"id, late, CASE WHEN id % 3 = 0 THEN 'secret' ELSE 'b' END crew, "
                                                  f"{time}"))}
    opened.ledger.append(made.trained("1", scores=written_["scores"], training=written_["training"],
                                     metrics={"roc_auc": {"value": 0.9, "low": 0.8, "high": 0.95, "n": ROWS}}, detail={
        "metric": "roc_auc", "labels": written_["flights"], "test_rows": ROWS}))
    return opened, late, score, carrier, written_


def test_parts_and_calibration_are_measured_on_the_rows_of_the_run(lived):
    opened, late, score, carrier, _ = lived
    card = made_card(opened, NAME)
    found = {each.slice: each for each in card.slices}
    inside = carrier == "AA"
    assert found["carrier=AA"].value == pytest.approx(roc_auc(late[inside], score[inside]), abs=1e-12)
    assert found["carrier=AA"].low < found["carrier=AA"].value < found["carrier=AA"].high
    assert (found["carrier=UA"].value, found["carrier=UA"].reason) == (
        None, f"{(~inside).sum()} rows, 100 are needed")
    assert card.calibration.n == ROWS
    cuts = np.minimum((score * 10).astype(int), 9)
    by_hand = sum(abs(late[cuts == each].mean() - score[cuts == each].mean()) * (cuts == each).mean()
                  for each in range(10) if (cuts == each).any())
    assert card.calibration.value == pytest.approx(by_hand, abs=1e-9)


def test_an_error_of_calibration_that_training_measured_is_told_once(ana):
    card = made_card(ana, NAME)
    assert card.calibration == Figure("ece", 0.02, n=5000)
    assert [each.metric for each in card.figures].count("ece") == 1


def test_a_column_of_the_labels_groups_too_and_a_confidential_value_is_not_named(lived):
    opened, late, score, _, _ = lived
    found = {each.slice: each for each in made_card(opened, NAME).slices}
    part = np.arange(ROWS) % 3 != 0
    assert found["crew=(classified 1)"].value == pytest.approx(roc_auc(late[part], score[part]), abs=1e-12)
    assert "secret" not in json.dumps(made_card(opened, NAME).document())
    assert found["gone"].reason == "no rows that are kept have this column"


def test_erased_scores_leave_gaps_and_no_guess(lived):
    opened, _, _, _, kept = lived
    lake = opened.data()
    for file in lake.manifest(f"{NAME}.scores", kept["scores"]).files:
        lake.place_of(file).unlink()
    card = made_card(opened, NAME)
    assert card.calibration is None
    assert [(each.slice, each.value, each.reason) for each in card.slices] == [
        (name, None, "its scores on the test rows are not there") for name in ("carrier", "crew", "gone")]
    assert "calibration" in card.gaps
