"""A report to people or to an authority as it is written: what is known, and what nobody has said yet."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from mlops_tui.declarations.odcs import Contract
from mlops_tui.declarations.organisation import Organisation, Party, Processing
from mlops_tui.privacy.redaction import PERSONAL, SECRET
from mlops_tui.privacy.subjects import column_of
from mlops_tui.project import Project
from mlops_tui.provenance.columns import columns_of
from mlops_tui.tracing import pointintime
from mlops_tui.view import Action, Column, Facts, Part, Row, Status, Table, View, counted

UNKNOWN = "unknown"


@dataclass
class Draft:
    """The parts so far; `lacking`: what is unknown, and where it is said."""

    parts: list[Part] = field(default_factory=list)
    lacking: dict[str, str] = field(default_factory=dict)

    def said(self, what: str, value: str | Sequence[str], where: str) -> str:
        """The value in words; `unknown` where nobody says it, which is noted."""
        words = value if isinstance(value, str) else ", ".join(value)
        if not words.strip():
            self.lacking[what] = where
        return words.strip() or UNKNOWN

    def view(self, title: str, law: str, actions: Sequence[Action] = ()) -> View:
        """The whole; unknown as long as anything in it is."""
        rows: list[Row] = [{"what": what, "where": where} for what, where in self.lacking.items()]
        tail = [Table.of("unknown", rows, Column("what", cut=60), Column("where", "said in", cut=60),
                         title="Unknown")] if rows else []
        status = Status.UNKNOWN if rows else Status.DONE
        said = f"{title}; {counted(len(rows), 'thing is', 'things are')} unknown" if rows else title
        return View(said, status, (Facts({"law": law, "unknown": len(rows)}), *self.parts, *tail), tuple(actions))


def answering(draft: Draft, organisation: Organisation) -> Table:
    """Who answers for the data: GDPR Art. 30(1)(a)."""
    parties = {"controller": organisation.controller, "representative": organisation.representative,
               "data protection officer": organisation.officer}
    rows: list[Row] = [_party(draft, role, party) for role, party in parties.items()
                       if party is not None or role == "controller"]
    rows += [_party(draft, "processor", each) for each in organisation.processors]
    return Table.of("parties", rows, "role", "name", "contact", "country", Column("does", cut=40),
                    title="Who answers for it")


def _party(draft: Draft, role: str, party: Party | None) -> Row:
    where = f"mlops.yaml, organisation.{role.split()[-1]}"
    if party is None:
        return {"role": role, "name": draft.said(role, "", where), "contact": None, "country": None, "does": None}
    return {"role": role, "name": party.name, "contact": draft.said(f"contact of the {role}", party.contact, where),
            "country": party.country or None, "does": party.does or None}


def chosen(project: Project, subject: str) -> tuple[list[str], list[str]]:
    """The models, and the datasets that they are made from, that a report is about: all, or those of one model."""
    models = [subject] if subject else list(project.models)
    datasets: dict[str, None] = {} if subject else dict.fromkeys(project.datasets)
    for name in models:
        model = project.models[name]
        views = [project.features[each] for each in model.features if each in project.features]
        datasets |= dict.fromkeys(each.dataset for each in pointintime.readings(model, views, list(project.datasets)))
    return models, list(datasets)


def personal(contract: Contract) -> dict[str, str]:
    """The columns that say something of a person, with their class: the person's own, and those that are classified."""
    own = column_of(contract)
    return {item.name: item.classification.lower() or "names the person" for item in contract.properties
            if item.name == own or item.classification.lower() in (*PERSONAL, *SECRET)}


def data_table(draft: Draft, project: Project, datasets: Sequence[str], rows: dict[str, int]) -> Table:
    """The personal data, column by column, and which models they get into."""
    found: list[Row] = []
    for name in datasets:
        contract = project.datasets[name]
        columns = personal(contract)
        described = {item.name: item.description for item in contract.properties}
        found += [{"dataset": name, "column": column, "class": kind, "rows": rows.get(name),
                   "models": tuple(_used_by(project, name, column)) or None,
                   "description": described.get(column) or None} for column, kind in columns.items()]
    if not found:
        draft.lacking["which columns are personal"] = "datasets/*.yaml, classification of a column, or dataSubject"
    return Table.of("data", found, "dataset", "column", "class", "rows", "models", Column("description", cut=50),
                    title="Personal data")


def _used_by(project: Project, dataset: str, column: str) -> list[str]:
    origin = (dataset, column)
    return [name for name in project.models
            if any(origin in made for made in columns_of(project, f"{name}.features").of.values())]


def purposes(project: Project, models: Sequence[str], datasets: Sequence[str]) -> list[Processing]:
    """The declared purposes that touch any of these, and an empty one for each model that none names."""
    declared = [each for each in project.settings.organisation.processing
                if set(each.models) & set(models) or set(each.datasets) & set(datasets)]
    named = {name for each in declared for name in each.models}
    return [*declared, *(Processing("", models=(name,)) for name in models if name not in named)]


def about(each: Processing) -> str:
    """What a purpose is called where something about it is unknown."""
    return each.purpose or f"what {', '.join(each.models)} is for"
