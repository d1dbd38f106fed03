"""Every client with every upstream in every scenario, as a table. Exits with 1 if a cell is not as it should be."""

import argparse
import importlib
import sys
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor

import check
from gateway import Demo
from refused import DIALECTS, REFUSED, WORDS

#: Errors come last: an account that has failed may be left alone for a while.
SCENARIOS = ("plain", "stream", "tool", "parallel", "image", "reasoning", "schema", "error")
PASSED, REFUSED_AS_EXPECTED, FAILED = "+", "-", "F"


def run(client, upstream, scenario, demo):
    """The mark of a cell, and what is wrong with it."""
    module = importlib.import_module(client)
    try:
        getattr(module, scenario)(module.connect(demo), demo.models[upstream])
    except Exception as error:
        # A check that expected another error tells which one it got.
        said = module.refusal(error.__cause__ if isinstance(error, check.Failed) else error)
        if (client, upstream) in REFUSED and said is not None and WORDS in said:
            return REFUSED_AS_EXPECTED, None
        return FAILED, "".join(traceback.format_exception(error))
    if (client, upstream) in REFUSED:
        return FAILED, "It works: take it out of refused.py.\n"
    return PASSED, None


def run_all(demo, only, threads):
    """Marks and troubles by cell."""
    cells = {}
    with ThreadPoolExecutor(threads) as pool:
        for scenarios in (SCENARIOS[:-1], SCENARIOS[-1:]):
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
    print(f"{PASSED} as it should be, {REFUSED_AS_EXPECTED} refused as refused.py says, {FAILED} wrong")


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("program", help="the holdfast binary")
    options.add_argument("--only", default="", help="cells beginning so, like 'chat gemini' or 'chat chat tool'")
    options.add_argument("--threads", type=int, default=8)
    options = options.parse_args()
    for client in DIALECTS:
        importlib.import_module(client)
    start = time.monotonic()
    with Demo(options.program) as demo:
        threading.Thread(target=demo.drain, daemon=True).start()
        cells = run_all(demo, options.only, options.threads)
    for cell, (mark, trouble) in cells.items():
        if mark == FAILED:
            print(f"== {' '.join(cell)}\n{trouble}")
    print_table(cells)
    failed = sum(mark == FAILED for mark, _ in cells.values())
    print(f"{time.monotonic() - start:.0f} s")
    print(f"{len(cells) - failed} passed, {failed} failed")
    return 1 if failed or not cells else 0


if __name__ == "__main__":
    sys.exit(main())
