"""How people ask: phrases, and the command line that each of them means.

A phrase is words; `(a|b)` is one of them, `[a|b]` one of them or none, `...` any words that name nothing, `**` any
words, `<model>` something that is named. Where a phrase means several commands they are offered, and nobody guesses.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

SHOWS = {"model": "model show", "dataset": "catalog show", "monitor": "monitor show", "incident": "incident show",
         "alert": "alert show", "approval": "approve show", "pipeline": "pipeline status", "runbook": "runbook show",
         "job": "job log", "feature": "feature show", "run": "audit log --subject", "proposal": "audit log --subject"}
LISTS = {
    "alerts|alarms|alert": "alert list", "incidents|incident|outages": "incident list", "models": "model list",
    "datasets|data|tables|catalog|catalogue": "catalog list", "monitors|checks": "monitor list",
    "pipelines": "pipeline status", "runbooks|playbooks|runbook": "runbook list",
    "approvals|votes|approval": "approve list", "jobs": "job list", "snapshots": "snapshot log",
    "features": "feature list", "contracts": "contract list", "quarantine": "quarantine list",
    "silences|silenced": "alert silences", "rules": "alert rules", "proposals|lessons": "adopt list",
    "history|audit": "audit log", "predictions": "log list", "archive": "archive list", "reminders": "remind list",
    "postmortems|post-mortems": "postmortem list", "samples": "samples list",
    "dictionary": "dictionary list", "footprints": "footprint list"}

# Words of people for words of the help.
ALSO = {
    "mute": "silence", "quiet": "silence", "shut": "silence", "snooze": "silence", "noisy": "silence rules",
    "drop": "gc", "delete": "gc purge", "old": "gc archive", "cleanup": "gc archive", "undo": "rollback restore",
    "fix": "remedy runbook", "mend": "remedy quarantine", "help": "remedy runbook", "caught": "backtest drill",
    "catch": "backtest drill", "detect": "drill power", "fair": "bias", "fairness": "bias", "unfair": "bias",
    "volatile": "stability", "unstable": "stability", "broke": "quarantine show", "broken": "quarantine show",
    "bad": "quarantine", "batch": "missing health", "missing": "missing health", "lost": "missing",
    "slow": "traffic latency footprint",
    "expensive": "footprint remedy", "cost": "remedy footprint", "sure": "power", "smallest": "power",
    "latency": "traffic", "errors": "traffic", "crash": "doctor", "install": "doctor", "installed": "doctor",
    "wakes": "backtest", "woken": "backtest", "column": "catalog", "field": "catalog", "means": "catalog",
    "meaning": "catalog dictionary", "from": "provenance", "origin": "provenance", "lineage": "provenance",
    "personal": "samples catalog",
    "privacy": "aggregate", "threshold": "metric", "overfit": "tune baseline", "leak": "split windows",
    "lesson": "postmortem", "learned": "postmortem", "schedule": "monitor pipeline", "quota": "aggregate budget"}

# The first that fits is meant.
PHRASES: tuple[tuple[str, ...], ...] = (
    # what is wanted done: never done by asking, only offered
    ("(ack|acknowledge|take) <alert>", "alert ack {alert}"),
    ("i (am|have|got|take) [on|got] <alert>", "alert ack {alert}"),
    ("(silence|mute|snooze|quiet) <alert> ...", "alert silence {alert} --for {span}"),
    ("assign <alert> to <person>", "alert assign {alert} {person}"),
    ("(resolve|close) <alert> ...", "alert resolve {alert} --real", "alert resolve {alert} --noise"),
    ("(resolve|close|end) <incident> ...", "incident resolve {incident}"),
    ("(make|put) <person> lead (of|on|for) <incident>", "incident role {incident} lead {person}"),
    ("open incident (about|for|from|on) <alert>", "incident open --alert {alert}"),
    ("open incident (about|for|on) <model>", "incident open --about {model}"),
    ("(approve|accept) <approval> ...", "approve vote {approval}"),
    ("vote [yes] (for|on) <approval> ...", "approve vote {approval}"),
    ("(reject|refuse) <approval> ...", "approve vote {approval} --no"),
    ("vote (no|against) [on|to] <approval>", "approve vote {approval} --no"),
    ("withdraw [vote] [my] [vote] [on|from] <approval>", "approve withdraw {approval}"),
    ("promote <model> ...", "promote {model}"),
    ("let <model> serve", "promote {model}"),
    ("(rollback|revert) <model> ...", "promote --rollback {model}"),
    ("(roll|go|fall) back ... <model> ...", "promote --rollback {model}"),
    ("(roll|take) <model> back ...", "promote --rollback {model}"),
    ("(train|retrain|refit) <model> ...", "train {model}"),
    ("(run|start) [pipeline] <pipeline> ...", "pipeline run {pipeline}"),
    ("(run|start|begin) [runbook] <runbook> ... <incident>", "runbook run {runbook} --incident {incident}"),
    ("(run|start|begin) [runbook] <runbook> ...", "runbook run {runbook}"),
    ("(stop|cancel|kill) <job>", "job cancel {job}"),
    ("merge <incident> (into|with|in) <incident>", "incident merge {incident} --into {incident:1}"),
    ("(hand|give) <incident> [over] to <person>", "incident handover {incident} {person}"),
    ("hand over <incident> to <person>", "incident handover {incident} {person}"),
    ("reopen <incident> ...", "incident reopen {incident}"),
    ("(write|draft|start) (postmortem|post-mortem) (of|for|on|about) <incident>", "postmortem draft {incident}"),
    ("(measure|check|run) drift (of|for|on|in) <model> ...", "drift {model}"),
    ("(check|run) <monitor> ...", "monitor show {monitor}"),
    # why
    ("(why|how) ... <model> ... (promoted|serve|serving|refused|blocked|shut) ...", "promote --history {model}"),
    ("(what|who) (blocks|blocked|stops) <model> ...", "promote --history {model}"),
    ("why ... <alert> **", "why {alert}"),
    ("why ... <incident> **", "why {incident}"),
    ("why ... <model> **", "why {model}{window}"),
    ("how come ... <model> ...", "why {model}{window}"),
    ("why ... <pipeline> ...", "pipeline status {pipeline}"),
    ("why ... <monitor> ...", "monitor show {monitor}"),
    ("why ... <approval> ...", "approve show {approval}"),
    ("why ... <job> ...", "job log {job}"),
    ("why ... <dataset> ...", "quarantine list {dataset}", "snapshot log {dataset}", "catalog show {dataset}"),
    ("what [is] (wrong|up|matter|happening|going) [on] (with|in|at) <model> ...", "why {model}{window}"),
    ("what happened (to|with|in|at) <model> ...", "why {model}{window}"),
    ("what [has] changed (in|with|for|about|on|at) <model> ...", "why {model}{window}"),
    ("what [has] changed (in|with|for|about|on) <dataset> ...", "snapshot log {dataset}"),
    ("explain <model>", "why {model}"),
    ("explain <alert>", "why {alert}"),
    ("what [is|are] [caused|cause|causes|causing|reason|reasons] [of|for|behind] <alert>", "why {alert}"),
    ("what [is|are|was] (caused|cause|causes|causing|reason|reasons) [of|for|behind] <incident>", "why {incident}"),
    ("is <model> (red|sick|failing|broken|bad) ...", "why {model}{window}"),
    # what happened
    ("(what|anything) [has|have|is] (changed|happened|new|different) ...", "{digest}"),
    ("what did (i|we) miss ...", "{digest}"),
    ("(was|were) (it|night|things) (quiet|calm) ...", "{digest}"),
    ("did (anything|something) (happen|break|fail|fire|change) ...", "{digest}"),
    ("[give|send|show] [me] [daily|weekly] (digest|summary|news) ...", "{digest}"),
    # who
    ("who is [on] (call|on-call|oncall|duty|pager) ...", "oncall show"),
    ("(whose|who) [has] (shift|turn|pager) ...", "oncall show"),
    ("who ... (approved|voted|asked|rejected|decided|vote) ... <approval> ...", "approve show {approval}"),
    ("who ... <incident> ...", "incident show {incident}"),
    ("who ... <alert> ...", "alert show {alert}"),
    ("who (owns|knows|maintains) <dataset> ...", "catalog show {dataset}"),
    ("who ... <model> ...", "model show {model}"),
    ("who (did|changed|promoted|touched) ...", "audit log"),
    # approvals
    ("(what|which) [is|are|do] [i|we] [have|need|waiting|waits] [for] [to] (approve|approval|approvals|vote|votes) ...",
     "approve list"),
    ("(anything|something) [for] [me] to (approve|vote|decide) ...", "approve list"),
    ("(what|which) (approvals|approval) ...", "approve list"),
    # what waits, how it stands
    ("what [is] (waits|wait|waiting|needs|need|pending|left) ...", "status"),
    ("what (do|should|must|can) (i|we) [have|need] [to] do [now|next|today|first|_day_]", "status"),
    ("(what|which) [models|model] (is|are) (red|bad|wrong|broken|failing|down|sick|open|on|up) [now|today|_day_|here]",
     "status"),
    ("(anything|something|everything) [to] [do|waiting|wrong|red|broken|on|burning|ok|fine|good|urgent] [for] [me] ...",
     "status"),
    ("is (everything|all|anything) ...", "status"),
    ("are (we|things|models) (ok|fine|good|healthy|red|green) ...", "status"),
    ("how (is|are|was|were|do) (everything|things|we|it|all|models) [doing|stand|look|looking|going] ...", "status"),
    ("what [is|was] (status|state|situation) ...", "status"),
    ("(status|overview|inbox|todo) [of|for] [me|everything|all] ...", "status"),
    ("my (todo|inbox|tasks|work)", "status"),
    # one thing
    ("(is|does|did|has|have|how) [much] [did|does|has|is] <model> [inputs] (drift|drifting|drifted|moved) ...",
     "{monitor:drift}"),
    ("[is|what|how|show] [is|me|there] (drift|calibration|performance|traffic|stability) (of|for|in|on) <model> ...",
     "{monitor}"),
    ("how ... (calibrated|accurate|good) ... <model> ...", "{monitor}"),
    ("is <model> [well|still] (calibrated|accurate) ...", "{monitor}"),
    ("(is|has) <model> [ready|good|fit] (ready|enough|fit) ...", "checklist show {model}@challenger",
     "promote --history {model}", "model show {model}"),
    ("(what|which) [is|version|model] [version|is] [is|of] (serves|serving|serve|live|champion) ...", "model list"),
    ("(which|what) (version|versions|champion) ... <model> ...", "model show {model}"),
    ("when (was|did|were) <model> ...", "model show {model}"),
    ("how (late|mature|complete|long) ... (labels|outcomes|label) ... <model> ...", "maturity {model}"),
    ("how (many|much) [of] [labels|outcomes] ... (in|known|matured) ... <model> ...", "maturity {model}"),
    ("(has|have|did|is) <dataset> ... (arrive|arrived|come|came|late|in|here|missing|fresh|updated|complete) ...",
     "snapshot log {dataset}"),
    ("(when|how) [old|fresh|recent|did|was|is] [is|are] <dataset> ...", "snapshot log {dataset}"),
    ("how many (bad|broken|wrong|rejected) rows ... <dataset> ...", "quarantine list {dataset}"),
    ("(bad|broken|rejected) rows (of|in|from) <dataset>", "quarantine list {dataset}"),
    ("what (columns|fields) ... <dataset> ...", "catalog show {dataset}"),
    ("(postmortem|post-mortem|lessons) (of|from|for) <incident>", "postmortem show {incident}"),
    ("what did (we|you) learn from <incident>", "postmortem show {incident}"),
    ("(history|promotions) of <model>", "promote --history {model}"),
    ("(what|which) [other] (incidents|incident) ... (like|similar) ... <incident>", "incident similar {incident}"),
    ("(similar|like) [incidents] [to] <incident>", "incident similar {incident}"),
    ("what ... (like|resembles) <incident>", "incident similar {incident}"),
    ("timeline (of|for) <incident>", "incident show {incident}"),
    ("(lineage|origin) (of|for) <model>", "provenance of {model}@champion"),
    ("where ... <model> (come|came) from", "provenance of {model}@champion"),
    ("(compare|difference|diff) [between] <model> (and|with|to|against|vs) <model>", "{compare}"),
    ("is <model> (better|worse) than <model> ...", "{compare}"),
    ("compare <model> ...", "{compare}"),
    ("(compare|difference|diff) [between] <dataset> (and|with|to|against|vs) <dataset>",
     "snapshot diff {dataset} {dataset:1}"),
    # what can be done
    ("what (can|should|could|do|shall) (i|we) do (about|with|for|against) <incident> ...", "incident show {incident}"),
    ("what (can|should|could|do|shall) (i|we) do (about|with|for|against) <alert> ...", "alert show {alert}"),
    ("what (can|should|could|do|shall) (i|we) do (about|with|for|against) <model> ...", "remedy {model}",
     "why {model}", "runbook list"),
    ("what (helps|would-help) [with|against] <model> ...", "remedy {model}", "why {model}", "runbook list"),
    ("how (do|can|should) (i|we) (fix|handle|mend|repair|solve|help) <incident> ...", "incident show {incident}"),
    ("how (do|can|should) (i|we) (fix|handle|mend|repair|solve|help) <alert> ...", "alert show {alert}"),
    ("how (do|can|should) (i|we) (fix|handle|mend|repair|solve|help) <model> ...", "remedy {model}",
     "why {model}", "runbook list"),
    ("(which|what) runbook ... <incident> ...", "incident show {incident}"),
    ("(which|what) runbook ... <alert> ...", "alert show {alert}"),
    ("(has|have|did) (anybody|anyone|somebody|someone) (tamper|tampered|changed|change|touched) ...", "audit verify"),
    ("is (history|audit|ledger|record) (ok|fine|whole|intact|true) ...", "audit verify"),
    ("what (is|are) running ...", "job list"),
    ("what (runs|is-running) [now|next]", "job list"),
    ("why ... (slack|bot) ...", "doctor"),
)


SHOWN = (
    "[show|open|see|display|view|look|details|more|tell|about|what|how] [is|at|are|of|me|about|does|did|was] [about] "
    "[{0}] <{0}> [{0}] [doing|look|looking|stand|standing|about|today|going|details|now|_day_]")
LISTED = (
    "[show|list|see|display|give|open|are|is|what|which|how|any|do] [me|us|there|many|of|we] [any|are|is|have|do] "
    "[open|firing|current|new|our|my|there|active|late|of] ({0}) "
    "[open|are|do|is|firing|waiting|there|list|log|today|_day_] [there|we|open|firing|have|exist|running]")
ALL_LISTED = "[show|list|see|display|give] [me] (all|closed|resolved|old|every) [of] [our|my] ({0}) ..."
WITH_ENDED = ("alert list", "incident list", "approve list")


def _phrases() -> Iterator[tuple[str, ...]]:
    """All of them, with those made of what can be shown and listed."""
    yield from PHRASES
    for kind, command in SHOWS.items():
        yield SHOWN.format(kind), f"{command} {{{kind}}}"
        yield f"(is|are|was|has|did|does) <{kind}> ...", f"{command} {{{kind}}}"
    for words, command in LISTS.items():
        yield ALL_LISTED.format(words), f"{command} --all" if command in WITH_ENDED else command
        yield LISTED.format(words), command


@dataclass(frozen=True)
class Phrase:
    """A phrase as it is looked for, and the command lines that it means."""

    pattern: re.Pattern[str]
    commands: tuple[str, ...]


def _compiled(phrase: str) -> re.Pattern[str]:
    return re.compile("".join(map(_atom, re.findall(r"\[[^]]*\]|\([^)]*\)|\S+", phrase))))


def _atom(atom: str) -> str:
    if atom == "...":
        return r"(?:[^{ ]\S* )*"
    if atom == "**":
        return r"(?:\S+ )*"
    if atom[0] in "[(":
        return f"(?:(?:{atom[1:-1]}) ){'?' if atom[0] == '[' else ''}"
    return rf"\{{{atom[1:-1]}\}} " if atom[0] == "<" else f"{re.escape(atom)} "


def phrases() -> list[Phrase]:
    return [Phrase(_compiled(phrase), tuple(commands)) for phrase, *commands in _phrases()]


def vocabulary(more: Sequence[str] = ()) -> frozenset[str]:
    """Every word that a phrase knows."""
    return frozenset(word for phrase, *_ in _phrases() for word in re.findall(r"[a-z][a-z-]+", re.sub(
        r"<.*?>", "", phrase))) | frozenset(more)
