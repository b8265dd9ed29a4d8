"""Who answers for the data, what they are processed for, who gets them and how long they stay: as only people know."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from mlops_tui.declarations.declare import Mistake

Sold = Literal["sold", "shared", "neither"]


@dataclass(frozen=True)
class Party:
    """Somebody who answers for data, or works with them for others: what it `does`, where, with which safeguards."""

    name: str
    contact: str = ""
    country: str = ""
    does: str = ""
    safeguards: str = ""

    def mistakes(self) -> Iterator[Mistake]:
        """A party without a name."""
        if not self.name.strip():
            yield Mistake("Somebody who answers for data has a name.", ("name",))


@dataclass(frozen=True)
class Processing:
    """One purpose for which data are processed: of models, of datasets, or of both.

    `basis` is the legal basis, `subjects` are kinds of people, `recipients` who gets the data or the answers,
    `transfers` the third countries with their safeguards (`[none]` where there are none), `retention` how long they
    stay. `sold`: whether data are sold or shared for advertising (CCPA). `automated`: whether it decides about people
    alone; `review` is how one of them asks for a person instead.
    """

    purpose: str
    models: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    basis: str = ""
    subjects: tuple[str, ...] = ()
    recipients: tuple[str, ...] = ()
    transfers: tuple[str, ...] = ()
    retention: str = ""
    sources: tuple[str, ...] = ()
    sold: Sold | None = None
    automated: bool | None = None
    review: str = ""


@dataclass(frozen=True)
class Organisation:
    """mlops.yaml, organisation: what reports to people and authorities say, and no computer knows.

    `officer` is the data protection officer, `opt_out` the address where people say that their data are not to be sold
    or shared, `security` the measures that are taken.
    """

    controller: Party | None = None
    representative: Party | None = None
    officer: Party | None = None
    authority: str = ""
    processors: tuple[Party, ...] = ()
    processing: tuple[Processing, ...] = ()
    security: tuple[str, ...] = ()
    opt_out: str = ""

    def mistakes(self) -> Iterator[Mistake]:
        """An address that is none."""
        if self.opt_out and not re.fullmatch(r"https://[^\s@]+", self.opt_out):
            yield Mistake(f"'{self.opt_out[:80]}' is no address that people can open.", ("opt_out",),
                          "Write https://…")
