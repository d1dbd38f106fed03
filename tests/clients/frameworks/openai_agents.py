"""openai-agents, the agents SDK of OpenAI, over each of its two APIs."""

import asyncio
import json

import agents
import openai

import asked
import check
import steps
import weather

agents.set_tracing_disabled(True)


class Client:
    COMMON = ("plain", "stream", "parallel")

    def __init__(self, kind):
        self.kind = kind

    def connect(self, demo):
        return demo

    def agent(self, demo, model, **more):
        client = openai.AsyncOpenAI(base_url=f"{demo.url}/v1", api_key=demo.api_key, max_retries=0, timeout=20)
        return agents.Agent(
            name="demo", instructions=asked.SYSTEM, model=self.kind(model=model, openai_client=client), **more
        )

    def converse(self, demo, model, texts, **more):
        async def run():
            agent = self.agent(demo, model, **more)
            conversation, answers = [], []
            for text in texts:
                result = await agents.Runner.run(agent, [*conversation, {"role": "user", "content": text}])
                conversation = result.to_input_list()
                answers.append(result.final_output)
            return answers

        return asyncio.run(run())

    def pieces(self, demo, model, text):
        async def run():
            result = agents.Runner.run_streamed(self.agent(demo, model), text)
            async for event in result.stream_events():
                if event.type == "raw_response_event" and event.data.type == "response.output_text.delta":
                    yield event.data.delta

        return steps.each(run())

    def loop(self, demo, model, calls, prompt, after):
        got = []
        tools = [self.declared(name, schema, calls, got) for name, schema in asked.TOOLS.items()]
        return got, self.converse(demo, model, [prompt, after], tools=tools)

    def declared(self, name, schema, calls, got):
        async def run(_, arguments):
            return steps.called(calls, got, name, json.loads(arguments))

        return agents.FunctionTool(
            name=name,
            description=asked.DESCRIPTIONS[name],
            params_json_schema=schema,
            on_invoke_tool=run,
            strict_json_schema=False,
        )

    def schema(self, demo, model):
        (answer,) = self.converse(demo, model, [weather.prompt()], output_type=weather.Weather)
        check.equal("parsed", answer, weather.WEATHER)


CLIENTS = {
    "agents-chat": Client(agents.OpenAIChatCompletionsModel),
    "agents-responses": Client(agents.OpenAIResponsesModel),
}
