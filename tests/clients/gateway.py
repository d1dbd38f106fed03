"""A running `holdfast demo`."""

import json
import subprocess


class Demo:
    def __init__(self, program):
        self.process = subprocess.Popen(
            [program, "demo", "--port", "0", "--json"], stdout=subprocess.PIPE, text=True
        )
        introduction = json.loads(self.process.stdout.readline())
        self.url = introduction["listening"]
        self.api_key = introduction["api_key"]
        #: By the dialect of the upstream.
        self.models = introduction["models"]

    def drain(self):
        """Reads what the demo prints of each request: a full pipe would stop it."""
        for _ in self.process.stdout:
            pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(timeout=40)
