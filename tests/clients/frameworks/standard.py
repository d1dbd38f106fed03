"""LangChain's standard tests of chat models against `holdfast demo`; `--all` tries every integration with every upstream."""

import json
import os
import pathlib
import sys
import threading

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.append(str(HERE.parent))

from gateway import Demo

#: Most of the time goes by in waiting for the demo's streams.
PROCESSES = 3


def main():
    program, *more = sys.argv[1:]
    if "--all" in more:
        more.remove("--all")
        os.environ["DEMO_ALL"] = "1"
    demo = Demo(program)
    threading.Thread(target=demo.drain, daemon=True).start()
    os.environ.update(
        DEMO_URL=demo.url,
        DEMO_KEY=demo.api_key,
        DEMO_MODELS=json.dumps(demo.models),
        PYTHONPATH=str(HERE.parent),
    )
    options = ["--quiet", "-p", "no:cacheprovider", "-W", "ignore"]
    # A model keeps its connections for all tests.
    for setting in ("asyncio_mode=auto", "asyncio_default_test_loop_scope=session"):
        options += ["-o", setting]
    try:
        code = pytest.main([str(HERE / "standard"), "-n", str(PROCESSES), *options, *more])
    finally:
        stopped = demo.stop()
    return code or stopped


if __name__ == "__main__":
    sys.exit(main())
