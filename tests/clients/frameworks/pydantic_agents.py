"""pydantic-ai, with its models of the three vendors."""

from pydantic_ai import Agent, NativeOutput, ThinkingPart, Tool
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.google import GoogleModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.google import GoogleProvider
from pydantic_ai.providers.openai import OpenAIProvider

import asked
import check
import steps
import weather


class Client:
    COMMON = ("plain", "stream", "parallel")

    def __init__(self, kind, provider, path, thinking, native=True):
        self.kind = kind
        self.provider = provider
        self.path = path
        self.thinking = thinking
        self.native = native

    def connect(self, demo):
        return demo

    def agent(self, demo, model, **more):
        provider = self.provider(base_url=demo.url + self.path, api_key=demo.api_key)
        return Agent(self.kind(model, provider=provider), instructions=asked.SYSTEM, retries=0, **more)

    def run(self, demo, model, texts, **more):
        """The results of texts said one after the other."""
        agent = self.agent(demo, model, **more)
        results = []
        for text in texts:
            history = results[-1].all_messages() if results else None
            results.append(agent.run_sync(text, message_history=history))
        return results

    def converse(self, demo, model, texts, **more):
        return [result.output for result in self.run(demo, model, texts, **more)]

    def pieces(self, demo, model, text):
        async def run():
            async with self.agent(demo, model).run_stream(text) as result:
                async for piece in result.stream_text(delta=True, debounce_by=None):
                    yield piece

        return steps.each(run())

    def loop(self, demo, model, calls, prompt, after):
        got = []
        tools = [
            Tool.from_schema(
                lambda name=name, **arguments: steps.called(calls, got, name, arguments),
                name=name,
                description=asked.DESCRIPTIONS[name],
                json_schema=schema,
            )
            for name, schema in asked.TOOLS.items()
        ]
        answers = self.converse(demo, model, [prompt, after], tools=tools)
        # It calls them all at once.
        return sorted(got, key=[(call.name, call.arguments) for call in calls].index), answers

    def reasoning(self, demo, model):
        text = asked.with_wishes("think", "reasoning")
        first, second = self.run(demo, model, [text, "and again"], model_settings=self.thinking)
        thoughts = [
            part.content
            for message in first.all_messages()
            for part in message.parts
            if isinstance(part, ThinkingPart)
        ]
        check.equal("thoughts", "".join(thoughts), asked.REASONING)
        check.equal("text", first.output, asked.answer(text))
        # It may tell its thoughts as a turn of the user.
        check.holds("text", second.output.endswith("You said: and again"), second.output)

    def schema(self, demo, model):
        prompt = asked.with_wishes("how is it", f"tools final_result {weather.WEATHER.model_dump_json()}")
        check.equal("parsed", self.converse(demo, model, [prompt], output_type=weather.Weather), [weather.WEATHER])
        if self.native:
            native = NativeOutput(weather.Weather)
            got = self.converse(demo, model, [weather.prompt()], output_type=native)
            check.equal("parsed", got, [weather.WEATHER])


CLIENTS = {
    "pydantic-chat": Client(OpenAIChatModel, OpenAIProvider, "/v1", {"openai_reasoning_effort": "low"}),
    "pydantic-responses": Client(
        OpenAIResponsesModel,
        OpenAIProvider,
        "/v1",
        {"openai_reasoning_effort": "low", "openai_reasoning_summary": "auto"},
    ),
    "pydantic-messages": Client(
        AnthropicModel,
        AnthropicProvider,
        "",
        {"max_tokens": 4096, "anthropic_thinking": {"type": "enabled", "budget_tokens": 1024}},
        # It knows only which of the vendor's own models have it.
        native=False,
    ),
    "pydantic-gemini": Client(
        GoogleModel,
        GoogleProvider,
        "",
        {"google_thinking_config": {"include_thoughts": True, "thinking_budget": 1024}},
    ),
}
