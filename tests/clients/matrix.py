"""Every client with every upstream in every scenario, as a table. Exits with 1 if a cell is not as expected."""

import argparse
import importlib
import sys
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import check
from expected import DIALECTS, FAULTS, REFUSED
from gateway import Demo

HERE = Path(__file__).resolve().parent

SCENARIOS = ("plain", "stream", "tool", "parallel", "image", "reasoning", "schema", "error")
#: What runs at the same time. Streams are timed, so the SDKs shall have loaded what they need. Errors come last: an
#: account that has failed may be left alone for a while.
PHASES = (("plain", "tool", "parallel", "image", "reasoning", "schema"), ("stream",), ("error",))
PASSED, REFUSED_AS_EXPECTED, KNOWN_FAULT, FAILED = "+", "-", "!", "F"


def run(client, upstream, scenario, demo):
    """The mark of a cell, and what is wrong with it."""
    module = importlib.import_module(client)
    refused = REFUSED.get((client, upstream))
    fault = FAULTS.get((client, upstream, scenario))
    try:
        getattr(module, scenario)(module.connect(demo), demo.models[upstream])
    except Exception as error:
        # A check that expected another error tells which one it got.
        said = module.refusal(error.__cause__ if isinstance(error, check.Failed) else error)
        if refused and said and refused in said:
            return REFUSED_AS_EXPECTED, None
        if fault and fault in str(error):
            return KNOWN_FAULT, None
        return FAILED, trouble(error)
    if refused or fault:
        return FAILED, "It works: take it out of expected.py.\n"
    return PASSED, None


def trouble(error):
    """What went wrong, and the way to it through the files of this folder."""
    frames = [
        f"  {Path(frame.filename).name}:{frame.lineno}: {frame.line}\n"
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).parent == HERE
    ]
    return "".join([*frames, *traceback.format_exception_only(error)])


def run_all(demo, only, threads):
    """Marks and troubles by cell."""
    cells = {}
    with ThreadPoolExecutor(threads) as pool:
        for scenarios in PHASES:
            under_way = {
                (client, upstream, scenario): pool.submit(run, client, upstream, scenario, demo)
                for scenario in scenarios
                for client in DIALECTS
                for upstream in DIALECTS
                if f"{client} {upstream} {scenario}".startswith(only)
            }
            cells |= {cell: future.result() for cell, future in under_way.items()}
    return cells


def print_table(cells):
    width = max(map(len, DIALECTS)) + 2
    print("client".ljust(width) + "upstream".ljust(width) + "  ".join(SCENARIOS))
    for client in DIALECTS:
        for upstream in DIALECTS:
            marks = (
                cells.get((client, upstream, scenario), (" ", None))[0].center(len(scenario))
                for scenario in SCENARIOS
            )
            print(client.ljust(width) + upstream.ljust(width) + "  ".join(marks))
    print(f"{PASSED} works, {REFUSED_AS_EXPECTED} refused and {KNOWN_FAULT} at fault as expected.py says, {FAILED} fails")


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("program", help="the holdfast binary")
    options.add_argument("--only", default="", help="cells beginning so, like 'chat gemini' or 'chat chat tool'")
    options.add_argument("--threads", type=int, default=8)
    options = options.parse_args()
    for client in DIALECTS:
        importlib.import_module(client)
    start = time.monotonic()
    demo = Demo(options.program)
    threading.Thread(target=demo.drain, daemon=True).start()
    try:
        cells = run_all(demo, options.only, options.threads)
    finally:
        code = demo.stop()
    for cell, (mark, trouble) in cells.items():
        if mark == FAILED:
            print(f"== {' '.join(cell)}\n{trouble}")
    print_table(cells)
    failed = sum(mark == FAILED for mark, _ in cells.values())
    if code != 0:
        print(f"the demo exited with {code}")
    print(f"{time.monotonic() - start:.0f} s")
    print(f"{len(cells) - failed} passed, {failed} failed")
    return 1 if failed or not cells or code != 0 else 0


if __name__ == "__main__":
    sys.exit(main())
