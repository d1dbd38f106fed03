"""Runs clients that are Python modules, within this process.

A module has `connect(demo)` and a function for each scenario of its own. Scenarios that it lists in `COMMON` are those of
common.py.
"""

import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cells
import common

HERE = Path(__file__).resolve().parent
#: Those that wait a lot are many at the same time.
THREADS = 8
WAITING = 32
#: What runs at the same time. Streams are timed, so the SDKs shall have loaded what they need, and alone. Errors come
#: late: an account that has failed may be left alone for a while.
PHASES = (
    (("plain", "tool", "parallel", "image", "reasoning", "referred", "handoff", "schema"), THREADS),
    (("stream",), THREADS),
    (("error", "cut"), THREADS),
    (("silence",), WAITING),
)


def scenarios(clients):
    """Of each client."""
    return {
        name: [scenario for scenario in cells.SCENARIOS if scenario in module.COMMON or hasattr(module, scenario)]
        for name, module in clients.items()
    }


def runner(clients):
    def run(demo, wanted):
        for scenarios, threads in PHASES:
            with ThreadPoolExecutor(threads) as pool:
                under_way = {
                    cell: pool.submit(run_one, clients[cell[0]], demo, cell)
                    for cell in wanted
                    if cell[2] in scenarios
                }
            yield from ((cell, future.result()) for cell, future in under_way.items())

    return run


def run_one(module, demo, cell):
    """What is wrong; None if nothing is."""
    _, upstream, scenario = cell
    try:
        client = module.connect(demo)
        if scenario in module.COMMON:
            getattr(common, scenario)(module, client, demo.models[upstream])
        else:
            getattr(module, scenario)(client, demo.models[upstream])
    except Exception as error:
        return trouble(error)
    return None


def trouble(error):
    """What went wrong, and the way to it through the files of this folder."""
    frames = [
        f"  {Path(frame.filename).name}:{frame.lineno}: {frame.line}\n"
        for frame in traceback.extract_tb(error.__traceback__)
        if HERE in Path(frame.filename).parents
    ]
    return "".join([*frames, *traceback.format_exception_only(error)])
