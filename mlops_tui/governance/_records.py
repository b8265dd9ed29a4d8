"""The record of processing (GDPR Art. 30) and the disclosures of the CCPA, from what is declared and what happened."""

from collections import Counter
from collections.abc import Sequence
from statistics import median

from mlops_tui.governance import _drafted as drafted
from mlops_tui.governance._drafted import Draft
from mlops_tui.privacy.requests import Request, requests
from mlops_tui.session import Session
from mlops_tui.view import Action, Column, Facts, Row, Table, Text, View, counted
from store.facts import Snapshot

WHERE = "mlops.yaml, organisation.processing"


def _rows(session: Session, datasets: Sequence[str]) -> dict[str, int]:
    """How many rows each dataset has now."""
    found = {entry.subject: entry.fact.rows for entry in session.ledger.entries("snapshot")
             if isinstance(entry.fact, Snapshot) and not entry.fact.tag}
    return {name: found[name] for name in datasets if name in found}


def record(session: Session, subject: str) -> View:
    """GDPR Art. 30(1): who, what for, whose and which data, who gets them, where to, how long, how they are secured."""
    project, draft = session.declared(), Draft()
    organisation = project.settings.organisation
    models, datasets = drafted.chosen(project, subject)
    draft.parts.append(drafted.answering(draft, organisation))
    purposes = drafted.purposes(project, models, datasets)
    rows: list[Row] = []
    for each in purposes:
        of = drafted.about(each)
        fields = {"purpose": each.purpose, "basis": each.basis, "subjects": each.subjects,
                  "recipients": each.recipients, "transfers": each.transfers, "retention": each.retention}
        rows.append({**{name: draft.said(name if name == "purpose" else f"{name} of: {of}", value, WHERE)
                        for name, value in fields.items()},
                     "of": tuple(dict.fromkeys((*each.models, *each.datasets)))})
        if not each.purpose:
            draft.lacking[of] = draft.lacking.pop("purpose")
    draft.parts.append(Table.of("processing", rows, "purpose", "of", Column("basis", "legal basis"),
                                Column("subjects", "whose data"), "recipients", Column("transfers", "third countries"),
                                Column("retention", "kept for"), title="What it is for (Art. 30(1)(b)–(f))"))
    draft.parts.append(drafted.data_table(draft, project, datasets, _rows(session, datasets)))
    measures = (*organisation.security, *_measured(session))
    draft.parts.append(Facts({"security (Art. 30(1)(g))": draft.said("security measures", measures,
                                                                     "mlops.yaml, organisation.security")}))
    name = subject or project.settings.project
    return draft.view(f"Record of processing of {name}: {counted(len(rows), 'purpose')}", "GDPR Art. 30",
                      (Action("Whether its data are known to their source", ("provenance", "check")),))


def _measured(session: Session) -> list[str]:
    """Measures that the project itself takes, as the history and the declarations show."""
    project, found = session.declared(), ["append-only history in a hash chain"]
    if project.access:
        found.append(f"access by {counted(len(project.access), 'declared rule file')}")
    if any(drafted.personal(contract) for contract in project.datasets.values()):
        found.append("personal fields of logged requests kept as keyed hashes")
    return found


def sale(session: Session, subject: str) -> View:
    """CCPA § 1798.110/115/130: what is collected, from whom, what for, who gets it, whether it is sold; how requests
    were answered (Cal. Code Regs. tit. 11 § 7102)."""
    project, draft = session.declared(), Draft()
    organisation = project.settings.organisation
    models, datasets = drafted.chosen(project, subject)
    rows: list[Row] = []
    for each in drafted.purposes(project, models, datasets):
        of = drafted.about(each)
        kinds = sorted({kind for name in (each.datasets or datasets) if name in project.datasets
                        for kind in drafted.personal(project.datasets[name]).values()})
        rows.append({
            "purpose": draft.said(of, each.purpose, WHERE),
            "categories": draft.said(f"categories of data of: {of}", kinds, "datasets/*.yaml, classification"),
            "sources": draft.said(f"sources of: {of}", each.sources, WHERE),
            "recipients": draft.said(f"recipients of: {of}", each.recipients, WHERE),
            "sold": draft.said(f"whether sold or shared: {of}", each.sold or "", WHERE),
            "retention": draft.said(f"retention of: {of}", each.retention, WHERE)})
    draft.parts.append(Table.of("categories", rows, "purpose", "categories", "sources", "recipients",
                                Column("sold", "sold or shared"), Column("retention", "kept for"), title="Collected"))
    if any(each.sold in ("sold", "shared") for each in organisation.processing):
        said = draft.said("where people opt out of sale and sharing", organisation.opt_out,
                          "mlops.yaml, organisation.opt_out")
        draft.parts.append(Facts({"opt_out": said}))
    draft.parts.append(drafted.data_table(draft, project, datasets, _rows(session, datasets)))
    asked = [each for each in requests(session.ledger.entries("optout"), project.zone).values()
             if each.jurisdiction == "ccpa"]
    draft.parts.append(_answered(asked) if asked else Text("Nobody has asked for anything under the CCPA yet."))
    name = subject or project.settings.project
    return draft.view(f"What is collected and disclosed for {name}", "CCPA",
                      (Action("Requests", ("optout", "list")),))


def _answered(asked: Sequence[Request]) -> Table:
    """How requests were answered, by right: how many, complied with, denied, open, and the median days."""
    rows: list[Row] = []
    for right in sorted({each.right for each in asked}):
        those = [each for each in asked if each.right == right]
        states = Counter("complied" if each.state in ("actioned", "attested") else "denied" if each.state == "refused"
                         else "withdrawn" if each.state == "withdrawn" else "open" for each in those)
        days = [(each.history[-1].effective_at - each.received_at).days for each in those if not each.open]
        rows.append({"right": right, "received": len(those), **{state: states[state] for state in (
            "complied", "denied", "open")}, "median_days": float(median(days)) if days else None})
    return Table.of("requests", rows, "right", "received", "complied", "denied", "open",
                    Column("median_days", "median days", digits=1), title="Requests under the CCPA")
