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

    def stop(self):
        """The exit code; that of a demo that has ended by itself is not 0, or not of our doing."""
        ended = self.process.poll()
        self.process.terminate()
        code = self.process.wait(timeout=40)
        return code if ended is None else f"{ended}, before it was told to"
