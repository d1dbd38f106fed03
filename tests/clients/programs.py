"""Runs clients that are a program in another language against `holdfast demo`.

The program reads one object of JSON: `demo` (`url`, `api_key`), `asked` (see asked.py), `cells` (`client`, `upstream`,
`model` and `scenario` of each) and `phases`, the scenarios that run at the same time. It prints an object for each cell,
in any order: `cell`, and `trouble`, which is null if nothing is wrong.
"""

import json
import subprocess

import asked

#: For all cells together.
PATIENCE = 240
SCENARIOS = ("plain", "stream", "parallel", "error", "cut", "silence")
#: Streams are timed, so they come alone.
PHASES = (("plain", "parallel", "reasoning", "turns", "error", "cut"), ("stream",), ("silence",))


def runner(command):
    def run(demo, wanted):
        given = {
            "demo": {"url": demo.url, "api_key": demo.api_key},
            "asked": asked.told(),
            "phases": PHASES,
            "cells": [
                {"client": client, "upstream": upstream, "model": demo.models[upstream], "scenario": scenario}
                for client, upstream, scenario in wanted
            ],
        }
        done = subprocess.run(command, input=json.dumps(given), stdout=subprocess.PIPE, text=True, timeout=PATIENCE)
        if done.returncode != 0:
            print(f"{' '.join(command)} exited with {done.returncode}")
        for line in done.stdout.splitlines():
            answer = json.loads(line)
            yield tuple(answer["cell"]), answer["trouble"]

    return run
