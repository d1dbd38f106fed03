"""Each agent on its own upstream and on foreign ones: it is made to read a file and must answer with its words.

The demo answers a line `demo:tools NAME {…}` in a prompt with that call, and a result with what the result says
(../README.md). So the agent's whole loop is run: prompt, call, its own tool, result, answer.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))

from gateway import Demo

WORDS = "The secret word is marzipan."
UPSTREAMS = ("chat", "responses", "messages", "gemini")
PATIENCE = 90


def prompt(tool, **arguments):
    return f"Please read the note.\ndemo:tools {tool} {json.dumps(arguments)}"


def claude(demo, model, note, home):
    return (
        ["claude", "-p", prompt("Read", file_path=note), "--model", model, "--allowedTools", "Read"],
        {
            "ANTHROPIC_BASE_URL": demo.url,
            "ANTHROPIC_AUTH_TOKEN": demo.api_key,
            "DISABLE_AUTOUPDATER": "1",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        },
        None,
    )


def settings_of_codex(demo, home, name, more=""):
    settings = home / ".codex" / "config.toml"
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text(
        f'model_provider = "holdfast"\n{more}\n[model_providers.holdfast]\nname = "{name}"\n'
        f'base_url = "{demo.url}/v1"\nenv_key = "HOLDFAST_KEY"\nwire_api = "responses"\nsupports_websockets = false\n'
    )


def codex(demo, model, note, home):
    settings_of_codex(demo, home, "holdfast")
    return (
        ["codex", "exec", "--skip-git-repo-check", "-m", model, prompt("exec_command", cmd=f"cat '{note}'")],
        {"HOLDFAST_KEY": demo.api_key},
        None,
    )


def compacting(demo, model, note, home):
    """A session that is too long from the start: it is compacted before its second turn. By the name of its provider
    Codex has the server do that."""
    settings_of_codex(demo, home, "OpenAI", "model_auto_compact_token_limit = 100")
    codex = ["codex", "exec", "--skip-git-repo-check", "-m", model]
    first = subprocess.run(
        [str(home.parent / "bin" / codex[0]), *codex[1:], f"Remember this. {WORDS}"],
        cwd=pathlib.Path(note).parent,
        env={"PATH": os.environ["PATH"], "HOME": str(home), "TERM": "dumb", "HOLDFAST_KEY": demo.api_key},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    if first.returncode != 0:
        raise RuntimeError(f"the first turn: {first.stdout}{first.stderr}")
    return [*codex, "resume", "--last", f"And again. {WORDS}"], {"HOLDFAST_KEY": demo.api_key}, None


def gemini(demo, model, note, home):
    settings = home / ".gemini" / "settings.json"
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text(json.dumps({"security": {"auth": {"selectedType": "gemini-api-key"}}}))
    return (
        ["gemini", "-m", model, "-p", prompt("read_file", file_path=note)],
        {
            "GEMINI_API_KEY": demo.api_key,
            "GOOGLE_GEMINI_BASE_URL": demo.url,
            "GEMINI_CLI_TRUST_WORKSPACE": "true",
        },
        None,
    )


def opencode(demo, model, note, home):
    provider = {
        "npm": "@ai-sdk/openai-compatible",
        "name": "holdfast",
        "options": {"baseURL": f"{demo.url}/v1", "apiKey": demo.api_key},
        "models": {model: {"name": model}},
    }
    (pathlib.Path(note).parent / "opencode.json").write_text(json.dumps({"provider": {"holdfast": provider}}))
    return ["opencode", "run", "-m", f"holdfast/{model}"], {}, prompt("read", filePath=note)


AGENTS = {"claude": claude, "codex": codex, "compacting": compacting, "gemini": gemini, "opencode": opencode}


def run(agent, upstream, demo, agents):
    """What is wrong; None if nothing is."""
    with tempfile.TemporaryDirectory(prefix="holdfast-agent-") as folder:
        home = pathlib.Path(folder) / "home"
        work = pathlib.Path(folder) / "work"
        home.mkdir()
        work.mkdir()
        note = work / "note.txt"
        note.write_text(WORDS + "\n")
        (home.parent / "bin").symlink_to(agents.resolve() / "node_modules" / ".bin")
        try:
            command, settings, said = AGENTS[agent](demo, demo.models[upstream], str(note), home)
        except (RuntimeError, subprocess.TimeoutExpired) as failed:
            return str(failed)
        command[0] = str(agents / "node_modules" / ".bin" / command[0])
        environment = {"PATH": os.environ["PATH"], "HOME": str(home), "TERM": "dumb", **settings}
        try:
            done = subprocess.run(
                command,
                cwd=work,
                env=environment,
                input=said or "",
                capture_output=True,
                text=True,
                timeout=PATIENCE,
            )
        except subprocess.TimeoutExpired as late:
            return f"no end after {PATIENCE} s: {late.stdout}{late.stderr}"
        # The answer quotes the result behind the turn's number; a tool that only shows the file does not.
        answered = "You said:" in done.stdout and WORDS in done.stdout.split("You said:")[-1]
        if agent == "compacting":
            answered = answered and "context compacted" in done.stdout + done.stderr
        return None if done.returncode == 0 and answered else f"{done.returncode}\n{done.stdout}{done.stderr}"


def attempt(agent, upstream, options):
    """As run, with a demo of its own."""
    demo = Demo(options.program)
    threading.Thread(target=demo.drain, daemon=True).start()
    try:
        trouble = run(agent, upstream, demo, options.agents)
    finally:
        code = demo.stop()
    return trouble if code == 0 else f"the demo exited with {code}"


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("program", help="the holdfast binary")
    options.add_argument("agents", type=pathlib.Path, help="where the agents are installed")
    options.add_argument("--only", default="", help="cells beginning so, like 'claude gemini'")
    options = options.parse_args()
    start = time.monotonic()
    cells = {}
    for agent in AGENTS:
        for upstream in UPSTREAMS:
            if not f"{agent} {upstream}".startswith(options.only):
                continue
            # Agents do much beside what they are asked; one that stumbles over that gets a second chance.
            trouble = attempt(agent, upstream, options)
            cells[agent, upstream] = trouble and attempt(agent, upstream, options)
    for (agent, upstream), trouble in cells.items():
        if trouble:
            print(f"== {agent} {upstream}\n{trouble[-2000:]}\n")
    print("agent".ljust(10) + "  ".join(UPSTREAMS))
    for agent in AGENTS:
        marks = (
            {None: "+"}.get(cells.get((agent, upstream), ""), " " if (agent, upstream) not in cells else "F")
            for upstream in UPSTREAMS
        )
        print(agent.ljust(10) + "  ".join(mark.center(len(upstream)) for mark, upstream in zip(marks, UPSTREAMS)))
    failed = sum(trouble is not None for trouble in cells.values())
    print(f"{time.monotonic() - start:.0f} s")
    print(f"{len(cells) - failed} passed, {failed} failed")
    return 1 if failed or not cells else 0


if __name__ == "__main__":
    sys.exit(main())
