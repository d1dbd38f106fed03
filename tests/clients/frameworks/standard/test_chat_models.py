"""LangChain's standard tests of chat models, for its integrations with upstreams of `holdfast demo`.

They ask as one asks a model; what the demo has to be told to do is added here.
"""

import json
import os

from langchain_anthropic import ChatAnthropic
from langchain_core.messages import HumanMessage
from langchain_google_genai import ChatGoogleGenerativeAI
from langchain_openai import ChatOpenAI
from langchain_tests.integration_tests import ChatModelIntegrationTests

URL = os.environ["DEMO_URL"]
KEY = os.environ["DEMO_KEY"]
MODELS = json.loads(os.environ["DEMO_MODELS"])

#: By words of the prompt: the tool that the tests expect to be called, and its arguments.
CALLS = {
    "magic_function(3)": ("magic_function", {"input": 3}),
    "magic_function_no_args()": ("magic_function_no_args", {}),
    "Pirate greeting": ("greeting_generator", {"answer_style": "Pirate"}),
    "San Francisco": ("get_weather", {"location": "San Francisco, CA"}),
    "你好啊集团": ("unicode_customer", {"customer_name": "你好啊集团", "description": "a"}),
    "こんにちは株式会社": ("unicode_customer", {"customer_name": "こんにちは株式会社", "description": "a"}),
    "joke": ("Joke", {"setup": "a", "punchline": "b"}),
    "Hello!": ("magic_function", {"input": 3}),
}


def with_wish(messages, given):
    """The conversation, with what the demo has to do at its end."""
    last = messages[-1]
    if not isinstance(last, HumanMessage) or not isinstance(last.content, str):
        return messages
    wish = next((call for words, call in CALLS.items() if words in last.content), None)
    if wish and given.get("tools"):
        # Jokes are called for by tools of several names.
        choice = given.get("tool_choice")
        chosen = choice.get("function", choice).get("name") if isinstance(choice, dict) else None
        name = chosen if chosen and wish[0] == "Joke" else wish[0]
        line = f"demo:tools {name} {json.dumps(wish[1], ensure_ascii=False)}"
    elif wish and wish[0] == "Joke":
        line = f"demo:json {json.dumps(wish[1])}"
    else:
        return messages
    return [*messages[:-1], HumanMessage(f"{last.content}\n{line}")]


class Wishing:
    """A chat model that adds wishes."""

    def _generate(self, messages, *args, **given):
        return super()._generate(with_wish(messages, given), *args, **given)

    async def _agenerate(self, messages, *args, **given):
        return await super()._agenerate(with_wish(messages, given), *args, **given)

    def _stream(self, messages, *args, **given):
        yield from super()._stream(with_wish(messages, given), *args, **given)

    async def _astream(self, messages, *args, **given):
        async for chunk in super()._astream(with_wish(messages, given), *args, **given):
            yield chunk


class OpenAI(Wishing, ChatOpenAI):
    pass


class Anthropic(Wishing, ChatAnthropic):
    pass


class Google(Wishing, ChatGoogleGenerativeAI):
    pass


OPENAI = {"base_url": f"{URL}/v1", "api_key": KEY, "max_retries": 0, "timeout": 20}
INTEGRATIONS = {
    "chat": (OpenAI, {**OPENAI, "stream_usage": True}),
    "responses": (OpenAI, {**OPENAI, "use_responses_api": True}),
    "messages": (Anthropic, {"base_url": URL, "api_key": KEY, "max_retries": 0, "timeout": 20}),
    "gemini": (Google, {"base_url": URL, "api_key": KEY, "max_retries": 0, "timeout": 20}),
}
#: Which upstream an integration is tried with unless all are asked for. With its own there is little to translate.
USUAL = {"chat": "messages", "responses": "gemini", "messages": "responses", "gemini": "chat"}


def standard_tests(kind, given):
    class Tests(ChatModelIntegrationTests):
        chat_model_class = property(lambda self: kind)
        chat_model_params = property(lambda self: given)

    return Tests


for client, (kind, given) in INTEGRATIONS.items():
    for upstream, model in MODELS.items():
        if upstream != USUAL[client] and "DEMO_ALL" not in os.environ:
            continue
        name = f"Test_{client}_{upstream}"
        globals()[name] = type(name, (standard_tests(kind, {**given, "model": model}),), {})
