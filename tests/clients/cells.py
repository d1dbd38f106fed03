"""A table of cells, each a client with an upstream in a scenario: which there are, which fail as expected, and the end."""

import argparse
import fnmatch
import sys
import threading
import time

from expected import FAULTS
from gateway import Demo

UPSTREAMS = ("chat", "responses", "messages", "gemini")
#: In the order of the columns.
SCENARIOS = (
    "plain",
    "stream",
    "tool",
    "parallel",
    "image",
    "reasoning",
    "turns",
    "referred",
    "handoff",
    "schema",
    "error",
    "cut",
    "silence",
)
PASSED, KNOWN_FAULT, FAILED = "+", "!", "F"


def mark(cell, trouble):
    """The mark of a cell, and what is to be said about it."""
    fault = next((fault for fault in FAULTS if fnmatch.fnmatchcase(" ".join(cell), fault.cells)), None)
    if trouble is None:
        return (FAILED, f"It works: take it out of expected.py ({fault.cells}).\n") if fault else (PASSED, None)
    return (KNOWN_FAULT, None) if fault and fault.words in trouble else (FAILED, trouble)


def print_table(clients, upstreams, marks):
    scenarios = [scenario for scenario in SCENARIOS if any(scenario in each for each in clients.values())]
    width = max(map(len, clients)) + 2
    second = max(map(len, upstreams)) + 2
    print("client".ljust(width) + "upstream".ljust(second) + "  ".join(scenarios))
    for client in clients:
        for upstream in upstreams:
            row = (marks.get((client, upstream, scenario), " ").center(len(scenario)) for scenario in scenarios)
            print(client.ljust(width) + upstream.ljust(second) + "  ".join(row))
    print(f"{PASSED} works, {KNOWN_FAULT} is at fault as expected.py says, {FAILED} fails")


def main(clients, run, description, *, gateway=Demo, upstreams=UPSTREAMS):
    """Runs all cells that are asked for and ends the program: with 1 if a cell is not as expected.

    `clients` has the scenarios of each client; `run(demo, cells)` gives each cell with what is wrong with it, or None.
    """
    options = argparse.ArgumentParser(description=description)
    options.add_argument("program", help="the holdfast binary")
    options.add_argument("--only", default="", help="cells beginning so, like 'chat gemini' or 'chat chat tool'")
    options = options.parse_args()
    cells = [
        (client, upstream, scenario)
        for client, scenarios in clients.items()
        for upstream in upstreams
        for scenario in scenarios
        if f"{client} {upstream} {scenario}".startswith(options.only)
    ]
    start = time.monotonic()
    demo = gateway(options.program)
    threading.Thread(target=demo.drain, daemon=True).start()
    try:
        troubles = dict(run(demo, cells))
    finally:
        code = demo.stop()
    judged = {cell: mark(cell, troubles.get(cell, "no answer\n")) for cell in cells}
    for cell, (judgement, said) in judged.items():
        if judgement == FAILED:
            print(f"== {' '.join(cell)}\n{said}")
    print_table(clients, upstreams, {cell: judgement for cell, (judgement, _) in judged.items()})
    failed = sum(judgement == FAILED for judgement, _ in judged.values())
    if code != 0:
        print(f"the demo exited with {code}")
    print(f"{time.monotonic() - start:.0f} s")
    print(f"{len(cells) - failed} passed, {failed} failed")
    sys.exit(1 if failed or not cells or code != 0 else 0)
