"""What a model answered on labelled rows: a score, a class with probabilities, or a number, by its task."""

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from mlops_tui.analysis.arrays import Floats, kish

FEWEST_GROUPS = 10  # below that their spread is hardly known, and rows are counted instead


class Task(StrEnum):
    """What a model says of a row: yes or no by a score, one of several classes, or a number."""

    BINARY = "binary"
    MULTICLASS = "multiclass"
    REGRESSION = "regression"


@dataclass(frozen=True)
class Answers:
    """One model's answers on labelled rows, in the order of its rivals' answers on them.

    `label` (n,): true or false (binary), the number of a class from 0 (multiclass), or a number (regression). `given`:
    a score (n,), larger meaning yes; probabilities (n, k), or the numbers of classes (n,) where a model gives no
    probabilities; or numbers (n,). `classes` are the names of the k classes. `weight` (n,) is what each row counts,
    None where all count one. Rows of one number in `together` (n,) vary together, as those of a day do; None where all
    rows are independent.
    """

    task: Task
    label: npt.NDArray[Any]
    given: npt.NDArray[Any]
    classes: tuple[str, ...] = ()
    weight: Floats | None = None
    together: npt.NDArray[Any] | None = None

    def __post_init__(self) -> None:
        if self.label.shape[0] != self.given.shape[0]:
            raise ValueError(f"{self.label.shape[0]} labels but {self.given.shape[0]} answers")
        if self.weight is not None and self.weight.shape != self.label.shape:
            raise ValueError(f"{self.label.shape[0]} labels but {self.weight.shape[0]} weights")
        if self.together is not None and self.together.shape != self.label.shape:
            raise ValueError(f"{self.label.shape[0]} labels but {self.together.shape[0]} numbers of groups")

    @property
    def n(self) -> int:
        return int(self.label.shape[0])

    def of(self, rows: npt.NDArray[Any]) -> "Answers":
        """The answers on some of the rows: a mask (n,), or their places."""
        weight, together = (None if each is None else each[rows] for each in (self.weight, self.together))
        return Answers(self.task, self.label[rows], self.given[rows], self.classes, weight, together)

    @cached_property
    def groups(self) -> int:
        """How many groups of rows there are that vary together; 0 where rows are independent."""
        return 0 if self.together is None else int(np.unique(self.together).size)

    @property
    def clusters(self) -> npt.NDArray[Any] | None:
        """`together`, where there are enough groups to know how much they vary; None where rows are counted."""
        return self.together if self.groups >= FEWEST_GROUPS else None

    @property
    def effective(self) -> float:
        """Kish's effective number of rows, (Σw)²/Σw²; n where all rows count the same."""
        if self.weight is None:
            return float(self.n)
        return kish(self.weight / self.weight.max())

    @property
    def decided(self) -> npt.NDArray[np.int64]:
        """The number of the class that each row is given, (n,): the most probable one, the first of equal ones."""
        if self.task is not Task.MULTICLASS:
            raise ValueError(f"a {self.task} model gives no classes")
        chosen = self.given.argmax(axis=1) if self.given.ndim == 2 else self.given
        return np.asarray(chosen, dtype=np.int64)
