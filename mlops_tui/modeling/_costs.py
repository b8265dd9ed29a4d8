"""What answers of a model cost in money, as it is declared."""

from mlops_tui.analysis.cost import Costs
from mlops_tui.errors import BadInput
from mlops_tui.kinds import Model


def money_of(model: Model) -> tuple[Costs, str] | None:
    """The cost of each kind of answer and the currency: `costs:`, else `value:`; None where neither is declared."""
    if model.costs is not None:
        each = model.costs
        return Costs(each.false_positive, each.false_negative, each.true_positive, each.true_negative), ""
    if model.value is None or not model.value.false_alarm:
        return None
    (worth, unit), (alarm, other) = _amount(model.value.worth), _amount(model.value.false_alarm)
    return (Costs(false_positive=alarm, false_negative=worth), unit) if unit == other else None


def _amount(text: str) -> tuple[float, str]:
    number, _, unit = text.strip().partition(" ")
    try:
        return float(number), unit
    except ValueError as problem:
        raise BadInput(f"'{text}' is not an amount such as '40 EUR'.") from problem
