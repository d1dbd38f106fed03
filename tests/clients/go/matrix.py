"""The Go SDKs against `holdfast demo`."""

import os
import pathlib
import sys

HERE = pathlib.Path(__file__).parent
sys.path.append(str(HERE.parent))

import cells
import programs

CLIENTS = {f"go-{vendor}": programs.SCENARIOS for vendor in cells.UPSTREAMS}

if __name__ == "__main__":
    cells.main(CLIENTS, programs.runner([os.environ["MAIN"]]), __doc__)
