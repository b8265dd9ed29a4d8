"""The class of a model under the EU AI Act: prohibited, high, limited or minimal, by branch and article."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from mlops_tui.assurance.tier import EU
from mlops_tui.declarations.declare import Mistake

Class = Literal["minimal", "limited", "high", "prohibited"]


@dataclass(frozen=True)
class Exempt:
    """A question whose yes takes its branch away, and the article that says so."""

    id: str
    article: str
    ask: str
    computed: str = ""


@dataclass(frozen=True)
class Branch:
    """A question whose yes gives the class, unless an exception holds.

    `derogation`: Art. 6(3) may take it away as well. `leaves`: a yes is outside the Act altogether.
    """

    id: str
    class_: Class
    article: str
    ask: str
    except_: tuple[Exempt, ...] = ()
    derogation: bool = False
    leaves: bool = False


@dataclass(frozen=True)
class Act:
    """The tree. `derogation`: the two questions of Art. 6(3), a narrow task, and profiling, which rules it out."""

    id: str
    version: str
    branches: tuple[Branch, ...]
    derogation: tuple[Exempt, ...] = ()

    def mistakes(self) -> Iterator[Mistake]:
        """A derogation that is not of two questions; ids twice."""
        if self.derogation and len(self.derogation) != 2:
            yield Mistake("Art. 6(3) is two questions: a narrow task, and profiling.", ("derogation",))
        ids = [*self.questions]
        if len(ids) != sum(1 + len(each.except_) for each in self.branches) + len(self.derogation):
            yield Mistake("Each id once.", ("branches",))

    @property
    def questions(self) -> Mapping[str, Branch | Exempt]:
        """Every question by id."""
        found: dict[str, Branch | Exempt] = {each.id: each for each in self.branches}
        found |= {each.id: each for branch in self.branches for each in branch.except_}
        return found | {each.id: each for each in self.derogation}


@dataclass(frozen=True)
class Judged:
    """A branch: whether it holds (None: not known yet), and by which article that is so."""

    branch: Branch
    holds: bool | None
    article: str
    open: tuple[str, ...] = ()


@dataclass(frozen=True)
class Classed:
    """The least and the gravest class that the answers so far allow, why, and what is still to be answered."""

    lowest: str
    highest: str
    article: str
    branches: tuple[Judged, ...]

    @property
    def classes(self) -> tuple[str, str]:
        return self.lowest, self.highest

    @property
    def open(self) -> tuple[str, ...]:
        """Questions whose answer could still change the class, those of the gravest branches first."""
        floor = EU.index(self.lowest)
        asked = [each for each in self.branches if each.holds is None
                 and (EU.index(each.branch.class_) > floor or each.branch.leaves)]
        asked.sort(key=lambda each: (not each.branch.leaves, -EU.index(each.branch.class_)))
        return tuple(dict.fromkeys(id for each in asked for id in each.open))


def classed(act: Act, answers: Mapping[str, bool]) -> Classed:
    """The class by yes (True) and no; what is not answered may be either."""
    found = [_judged(act, branch, answers) for branch in act.branches]
    outside = next((each for each in found if each.branch.leaves and each.holds), None)
    if outside is not None:
        return Classed(EU[0], EU[0], f"{outside.article}: outside the Act", tuple(found))
    inside = [each for each in found if not each.branch.leaves]
    sure = max((EU.index(each.branch.class_) for each in inside if each.holds), default=0)
    most = max((EU.index(each.branch.class_) for each in inside if each.holds is not False), default=0)
    lowest = 0 if any(each.branch.leaves and each.holds is None for each in found) else sure
    by = [each.article for each in inside if each.holds and EU.index(each.branch.class_) == sure]
    return Classed(EU[lowest], EU[most], "; ".join(by) if by else "Art. 95: voluntary codes only", tuple(found))


def _judged(act: Act, branch: Branch, answers: Mapping[str, bool]) -> Judged:
    """A branch under its exceptions; an exception that is not answered leaves a yes open."""
    said = answers.get(branch.id)
    if said is None:
        return Judged(branch, None, branch.article, (branch.id,))
    if not said:
        return Judged(branch, False, branch.article)
    for each in branch.except_:
        if answers.get(each.id):
            return Judged(branch, False, each.article)
    open_ = [each.id for each in branch.except_ if each.id not in answers]
    if branch.derogation and act.derogation:
        narrow, profiles = act.derogation
        if answers.get(narrow.id) and answers.get(profiles.id) is False:
            return Judged(branch, False, narrow.article)
        if answers.get(narrow.id) is not False and answers.get(profiles.id) is not True:
            open_ += [each.id for each in (narrow, profiles) if each.id not in answers]
    return Judged(branch, None if open_ else True, branch.article, tuple(open_))
