"""The JavaScript SDKs against `holdfast demo`."""

import os
import pathlib
import sys

HERE = pathlib.Path(__file__).parent
sys.path.append(str(HERE.parent))

import cells
import programs

CLIENTS = {
    **{f"js-{vendor}": programs.SCENARIOS for vendor in cells.UPSTREAMS},
    # The provider reads no reasoning of Chat Completions.
    "ai-chat": programs.SCENARIOS,
    **{
        f"ai-{provider}": (*programs.SCENARIOS, "reasoning", "turns")
        for provider in cells.UPSTREAMS
        if provider != "chat"
    },
}

if __name__ == "__main__":
    cells.main(CLIENTS, programs.runner(["node", os.environ["MAIN"]]), __doc__)
