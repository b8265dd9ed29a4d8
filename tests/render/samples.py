"""Eight views as the product makes them: between them every part, every status and every kind of series."""

from datetime import UTC, datetime, timedelta

from mlops_tui.view import Action, Column, Facts, Series, Status, Step, Steps, Table, Text, View

JUNE = datetime(2013, 6, 1, 10, tzinfo=UTC)
DAYS = tuple(JUNE + timedelta(days=day) for day in range(0, 120, 4))

DRIFT = View(
    "2 of 12 columns moved more than they should", Status.FAIL,
    (Facts({"rows_reference": 28796, "rows_current": 29425, "drifted_columns": 2}),
     Table.of("columns", (
         {"column": "precip", "status": Status.FAIL, "value": 0.0482, "low": 0.0478, "high": 0.0486, "limit": 0.02,
          "p_value": 1.3e-28, "reason": "the share of dry hours fell from 91 % to 74 %"},
         {"column": "l3_delay", "status": Status.FAIL, "value": 0.1121, "low": 0.1118, "high": 0.1124, "limit": 0.02,
          "p_value": 0.0, "reason": "the whole distribution moved upwards"},
         {"column": "temp", "status": Status.PASS, "value": 0.018, "low": 0.0176, "high": 0.0184, "limit": 0.02,
          "p_value": 0.000004, "reason": "significant, but smaller than matters"},
         {"column": "wind_gust", "status": Status.UNKNOWN, "value": None, "low": None, "high": None, "limit": 0.02,
          "p_value": None, "reason": "too few rows: 12 of at least 100"}),
         "column", Column("status"), Column("value", "moved by"), Column("low"), Column("high"), Column("limit"),
         Column("p_value", "p"), Column("reason"), total=13)),
    (Action("Why?", ("why", "flights-delay")),
     Action("Look again in a week", ("drift", "flights-delay", "--window", "7d"))))

CALIBRATION = View(
    "flights-delay predicts 18 % late and sees 14 %", Status.WARN,
    (Series("share", "line", DAYS,
            tuple(0.32 - 0.0012 * day - (0.05 if 40 < day < 60 else 0) for day in range(0, 120, 4)),
            other=tuple(0.26 - 0.0007 * day for day in range(0, 120, 4)), names=("seen", "predicted"),
            title="share late, predicted against seen (matured)"),
     Series("bins", "bins", tuple(f"{bin / 10:.1f}–{(bin + 1) / 10:.1f}" for bin in range(6)),
            (0.04, 0.11, 0.19, 0.31, 0.38, 0.44), other=(0.05, 0.15, 0.25, 0.35, 0.45, 0.55),
            names=("seen", "predicted"), title="reliability")),
    (Action("Compare remedies", ("remedy", "flights-delay")),))

REMEDY = View(
    "Correcting the prior costs €2,300 a day less than doing nothing", Status.DONE,
    (Series("cost", "interval", ("do nothing", "correct the prior", "recalibrate", "retrain Mar–Jul"),
            (16400.0, 14100.0, 14200.0, 14500.0), low=(15900.0, 13700.0, 13800.0, 14000.0),
            high=(16900.0, 14600.0, 14700.0, 15000.0), title="cost a day [EUR], 95 % interval, n = 10,644"),
     Text("Label shift: **seen 13.7 %**, trained on 24.5 %.\n- no feature is above its limit\n"
          "- nothing was deployed since 2 Aug", "markdown")),
    (Action("Correct the prior", ("remedy", "flights-delay", "--apply", "prior")),))

PIPELINE = View(
    "daily stopped at enrich", Status.ERROR,
    (Steps((Step("clean", Status.DONE, 1.84, "336,776 rows"), Step("unchanged", Status.PASS, 0.0, "same key as RUN-3"),
            Step("enrich", Status.ERROR, 121.6,
                 "steps.py:14 enrich: KeyError: 'precip' while joining weather to flights"),
            Step("features", Status.UNKNOWN, None, "not begun"), Step("train", Status.RUNNING))),
     Text('Traceback (most recent call last):\n  File "steps.py", line 14, in enrich\n\traise KeyError("precip")',
          "code")),
    (Action("Its log", ("job", "log", "7")),))

PLAN = View(
    "Would promote flights-delay 8 over 7", Status.CONFIRM,
    (Facts({"model": "flights-delay", "version": "8", "champion": "7", "approval": "AP-5", "votes": 1, "quorum": 2,
            "expires_at": JUNE + timedelta(hours=3), "roc_auc": 0.7423, "gain": 0.0061, "reversible": True,
            "digest": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "note": None}),))

CATALOG = View(
    "3 datasets", Status.DONE,
    (Table.of("datasets", (
        {"dataset": "flights", "rows": 336776, "share": 0.0034, "updated": JUNE, "open": True,
         "tags": ("raw", "daily")},
        {"dataset": "天気 [bold]", "rows": 26115, "share": 0.12, "updated": None, "open": False, "tags": ()},
        {"dataset": "planes\x1b[31m\u202e", "rows": 3322, "share": None, "updated": JUNE, "open": True,
         "tags": ("static",)}),
        "dataset", "rows", Column("share", "incomplete", share=True), "updated", "open", "tags", title="In the lake"),
     Table.of("undocumented", (), "field"),
     Series("lineage", "graph", ("flights", "weather", "clean", "clean"), ("clean", "clean", "enriched", "features"),
            title="lineage")))

HEAT = View(
    "Where drift is, by week", Status.UNKNOWN,
    (Series("psi", "heat", ("W23", "W24", "W25", "W26", "W27", "W28"),
            (0.01, 0.02, 0.02, 0.05, 0.21, 0.34, 0.0, 0.0, 0.01, 0.01, 0.02, 0.02, 0.1, 0.1, None, 0.12, 0.11, 0.1),
            names=("precip", "temp", "wind_gust"), title="PSI"),
     Series("importance", "bar", ("dep_delay", "hour", "carrier", "visib"), (0.41, 0.22, 0.08, 0.0),
            title="importance")))

REFUSED = View("vera (viewer) may not run 'promote'", Status.DENIED,
               (Facts({"where": "roles", "next": "Ask somebody who is engineer or approver or admin."}),))

SAMPLES = {"drift": DRIFT, "calibration": CALIBRATION, "remedy": REMEDY, "pipeline": PIPELINE, "plan": PLAN,
           "catalog": CATALOG, "heat": HEAT, "refused": REFUSED}
