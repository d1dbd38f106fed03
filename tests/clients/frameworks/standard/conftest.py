"""Tests that expected.py knows to fail must fail."""

import fnmatch

import pytest
from expected import FAULTS


def pytest_collection_modifyitems(items):
    for item in items:
        _, client, upstream = item.cls.__name__.split("_")
        cell = f"langchain-{client} {upstream} {item.name}"
        for fault in FAULTS:
            if fnmatch.fnmatchcase(cell, fault.cells):
                item.add_marker(pytest.mark.xfail(reason=fault.why, strict=True))
