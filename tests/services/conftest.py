"""Tests below this folder need a server on this machine; where CI has them all, none may be skipped."""

import os
from collections.abc import Generator

import pytest

Report = pytest.TestReport | pytest.CollectReport


def pytest_itemcollected(item: pytest.Item) -> None:
    item.add_marker(pytest.mark.service)


def _not_in_ci(report: Report) -> Report:
    if report.skipped and os.environ.get("CI"):
        report.outcome, report.longrepr = "failed", f"A service test may not be skipped in CI: {report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, Report, Report]:
    return _not_in_ci((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, Report, Report]:
    return _not_in_ci((yield))
