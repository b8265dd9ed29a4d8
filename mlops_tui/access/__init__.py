"""Who may do what with which resource: one evaluator, and what it is told by declarations and the history."""

from mlops_tui.access.policy import Decision, Policy, Request, Rule, decide

__all__ = ["Decision", "Policy", "Request", "Rule", "decide"]
