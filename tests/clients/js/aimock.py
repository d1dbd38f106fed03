"""The JavaScript SDKs against holdfast in front of aimock, a mock of the vendors' APIs that holdfast's authors did not write."""

import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).parent
sys.path.append(str(HERE.parent))

import cells
import programs
from matrix import CLIENTS

#: What aimock cannot do is left out.
SCENARIOS = ("plain", "stream", "parallel", "reasoning", "error", "cut")
KEY = "demo-key"
CONFIGURATION = """
host: 127.0.0.1
port: {port}
api-keys: [{key}]
disable-cooling: true
commercial-mode: true
gemini-api-key: [{{api-key: a, base-url: "{url}", proxy-url: direct, models: [{{name: gemini}}]}}]
claude-api-key: [{{api-key: a, base-url: "{url}", proxy-url: direct, models: [{{name: messages}}]}}]
codex-api-key: [{{api-key: a, base-url: "{url}/v1", proxy-url: direct, models: [{{name: responses}}]}}]
openai-compatibility:
  - name: aimock
    base-url: "{url}/v1"
    models: [{{name: chat}}]
    api-key-entries: [{{api-key: a, proxy-url: direct}}]
"""


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


class Gateway:
    """holdfast in front of aimock; otherwise as gateway.Demo."""

    def __init__(self, program):
        self.mock = subprocess.Popen(
            ["node", os.environ["AIMOCK"]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        port = free_port()
        self.folder = tempfile.TemporaryDirectory(prefix="holdfast-aimock-")
        config = pathlib.Path(self.folder.name) / "config.yaml"
        config.write_text(CONFIGURATION.format(port=port, key=KEY, url=self.mock.stdout.readline().strip()))
        self.log = config.with_name("log")
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [program, "--config", str(config)], stdout=subprocess.PIPE, stderr=log, text=True
            )
        self.url = f"http://127.0.0.1:{port}"
        self.api_key = KEY
        self.models = {f"aimock-{dialect}": dialect for dialect in cells.UPSTREAMS}
        self.wait_for(port)

    def drain(self):
        for _ in self.process.stdout:
            pass

    def stop(self):
        self.process.terminate()
        code = self.process.wait(timeout=40)
        self.mock.stdin.close()
        self.mock.wait(timeout=40)
        self.folder.cleanup()
        return code

    def wait_for(self, port):
        while self.process.poll() is None:
            try:
                return socket.create_connection(("127.0.0.1", port), timeout=20).close()
            except ConnectionRefusedError:
                time.sleep(0.05)
        self.mock.kill()
        raise SystemExit(f"holdfast exited with {self.process.returncode}\n{self.log.read_text()}")


if __name__ == "__main__":
    cells.main(
        {name: [each for each in SCENARIOS if each in scenarios] for name, scenarios in CLIENTS.items()},
        programs.runner(["node", os.environ["MAIN"]]),
        __doc__,
        gateway=Gateway,
        upstreams=tuple(f"aimock-{dialect}" for dialect in cells.UPSTREAMS),
    )
