"""What right and wrong answers of a declared model are worth: its costs, or what its business value says."""

from mlops_tui.analysis.cost import Costs
from mlops_tui.declarations.kinds import Model
from mlops_tui.errors import BadInput

UNNAMED = "units"  # `costs` are in one currency, which they do not name


def money(model: Model) -> tuple[Costs, str]:
    """The costs of the four answers and their currency; `costs` go before `value`. BadInput where neither says them.

    By a value, a right positive that is missed costs its worth, and a false alarm what it says.
    """
    if model.costs is not None:
        each = model.costs
        return Costs(each.false_positive, each.false_negative, each.true_positive, each.true_negative), UNNAMED
    if model.value is None or not model.value.false_alarm:
        raise BadInput("The model's 'value' does not say what a right answer and a false alarm are worth.",
                       next="Declare value: {kpi: …, per: true positive, worth: 40 EUR, false_alarm: 10 EUR}, or "
                            "costs: {false_positive: 10, false_negative: 40}.")
    worth, unit = _amount(model.value.worth)
    alarm, other = _amount(model.value.false_alarm)
    if unit != other:
        raise BadInput(f"worth is in {unit}, false_alarm in {other}.", next="Use one currency.")
    return Costs(false_positive=alarm, false_negative=worth), unit


def _amount(text: str) -> tuple[float, str]:
    number, _, unit = text.strip().partition(" ")
    try:
        return float(number), unit
    except ValueError as problem:
        raise BadInput(f"'{text}' is not an amount such as '40 EUR'.") from problem
