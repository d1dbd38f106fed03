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


class Responses(Client):
    def referred(self, demo, model):
        """Each turn refers to the answer before it; the tools of the second one call for another answer within."""

        async def run():
            got = []
            calls = asked.PARALLEL_CALLS
            tools = [self.declared(name, schema, calls, got) for name, schema in asked.TOOLS.items()]
            agent = self.agent(demo, model, tools=tools)
            first = asked.fresh("hello")
            texts = [first, asked.tools_prompt(calls), "and again", "and once more"]
            before, answers = None, []
            for text in texts:
                result = await agents.Runner.run(agent, text, previous_response_id=before)
                before = result.last_response_id
                answers.append(result.final_output)
            return got, answers, first

        got, answers, first = asyncio.run(run())
        check.equal("first", answers[0], asked.answer(first))
        check.equal("calls", got, [(call.name, call.arguments) for call in asked.PARALLEL_CALLS])
        check.quotes("answer", answers[1], *asked.results(asked.PARALLEL_CALLS))
        for answer, text in zip(answers[2:], ["and again", "and once more"], strict=True):
            check.holds("it goes on", answer.endswith(f"You said: {text}"), answer)
            # The model has the whole conversation.
            check.holds("turns", int(answer.split()[3].rstrip(".")) >= 3, answer)

    def handoff(self, demo, model):
        """One agent hands over to another one, which answers, by whole conversations and by reference."""

        async def run(**more):
            expert = self.agent(demo, model).clone(name="expert")
            desk = self.agent(demo, model).clone(name="desk", handoffs=[expert])
            prompt = asked.with_wishes("please help", "tools transfer_to_expert {}")
            handed = await agents.Runner.run(desk, prompt, **more)
            check.equal("agent", handed.last_agent.name, "expert")
            check.quotes("answer", handed.final_output, "expert")
            return handed

        async def by_conversation():
            handed = await run()
            conversation = [*handed.to_input_list(), {"role": "user", "content": "and again"}]
            return await agents.Runner.run(handed.last_agent, conversation)

        async def by_reference():
            handed = await run(auto_previous_response_id=True)
            return await agents.Runner.run(
                handed.last_agent, "and again", previous_response_id=handed.last_response_id
            )

        for way in (by_conversation, by_reference):
            answer = asyncio.run(way()).final_output
            check.holds(way.__name__, answer.endswith("You said: and again"), answer)


CLIENTS = {
    "agents-chat": Client(agents.OpenAIChatCompletionsModel),
    "agents-responses": Responses(agents.OpenAIResponsesModel),
}
