"""Python frameworks on top of the vendors' SDKs against `holdfast demo`."""

import pathlib
import sys

sys.path.append(str(pathlib.Path(__file__).parent.parent))

import cells
import langchain_openai_responses
import openai_agents
import pydantic_agents
import within

CLIENTS = {**openai_agents.CLIENTS, **pydantic_agents.CLIENTS, "langchain-responses": langchain_openai_responses}

if __name__ == "__main__":
    cells.main(within.scenarios(CLIENTS), within.runner(CLIENTS), __doc__)
