"""The google-genai SDK."""

import base64

from google import genai
from google.genai import errors, types

import asked
import check
import weather

STOP = types.FinishReason.STOP
COMMON = ("cut", "silence")
BROKEN = errors.APIError


#: What the SDK calls unless told otherwise; most examples and older versions say v1beta.
DEFAULT_VERSION = "v1"


def connect(demo):
    options = types.HttpOptions(base_url=demo.url, api_version="v1beta", timeout=20_000)
    return genai.Client(api_key=demo.api_key, vertexai=False, http_options=options)


def user(text):
    return types.UserContent(parts=[types.Part.from_text(text=text)])


def converse(client, model, texts):
    chat = client.chats.create(model=model)
    return [chat.send_message(text).text for text in texts]


def pieces(client, model, text):
    for chunk in client.models.generate_content_stream(model=model, contents=text):
        if chunk.text:
            yield chunk.text


def tools(calls):
    """Declared by schema; the SDK calls nothing by itself."""
    functions = [
        types.FunctionDeclaration(
            name=name, description=asked.DESCRIPTIONS[name], parameters_json_schema=schema
        )
        for name, schema in asked.TOOLS.items()
        if any(call.name == name for call in calls)
    ]
    return types.GenerateContentConfig(
        tools=[types.Tool(function_declarations=functions)],
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
    )


def check_usage(usage):
    check.positive("prompt_token_count", usage.prompt_token_count)
    check.positive("candidates_token_count", usage.candidates_token_count)
    total = usage.prompt_token_count + usage.candidates_token_count + (usage.thoughts_token_count or 0)
    check.equal("total_token_count", usage.total_token_count, total)


def check_whole(response, model):
    """Returns the parts."""
    check.named("response_id", response.response_id)
    check.equal("model_version", response.model_version, model)
    check.equal("candidates", len(response.candidates), 1)
    check.equal("finish_reason", response.candidates[0].finish_reason, STOP)
    check.equal("role", response.candidates[0].content.role, "model")
    check_usage(response.usage_metadata)
    return response.candidates[0].content.parts


def check_text(response, model, text):
    parts = check_whole(response, model)
    check.equal("parts", len(parts), 1)
    check.equal("text", response.text, text)


def check_streamed(chunks, model):
    """Returns the parts of all chunks."""
    finishes = [chunk.candidates[0].finish_reason for chunk in chunks if chunk.candidates]
    check.equal("finish reasons", [finish for finish in finishes if finish], [STOP])
    check.equal("models", {chunk.model_version for chunk in chunks}, {model})
    check.equal("response ids", len({chunk.response_id for chunk in chunks}), 1)
    check_usage(chunks[-1].usage_metadata)
    return [
        part
        for chunk in chunks
        for candidate in chunk.candidates or []
        for part in (candidate.content and candidate.content.parts) or []
        if part.text != ""
    ]


def check_calls(parts, calls):
    got = [part.function_call for part in parts]
    check.holds("nothing but calls", all(got), parts)
    check.equal("names", [call.name for call in got], [call.name for call in calls])
    check.equal("args", [call.args for call in got], [call.arguments for call in calls])


def answered(conversation, parts, calls):
    """The conversation with the calls and what came of them."""
    results = [
        types.Part(
            function_response=types.FunctionResponse(
                id=part.function_call.id, name=call.name, response={"result": call.result}
            )
        )
        for part, call in zip(parts, calls)
    ]
    return [*conversation, types.ModelContent(parts=parts), types.UserContent(parts=results)]


def plain(client, model):
    text = asked.fresh("hello")
    config = types.GenerateContentConfig(system_instruction=asked.SYSTEM)
    chat = client.chats.create(model=model, config=config)
    first = chat.send_message(text)
    check_text(first, model, asked.answer(text))
    second = chat.send_message("and again")
    check_text(second, model, asked.answer("and again", turn=2))
    cached = second.usage_metadata.cached_content_token_count
    check.equal("the first turn is in the cache", cached, first.usage_metadata.prompt_token_count)

    text = asked.fresh("hello")
    config = types.GenerateContentConfig(http_options=types.HttpOptions(api_version=DEFAULT_VERSION))
    response = client.models.generate_content(model=model, contents=text, config=config)
    check_text(response, model, asked.answer(text))


def collect(stream):
    """All chunks, and when text came."""
    chunks, arrivals = [], check.Arrivals()
    for chunk in stream:
        chunks.append(chunk)
        for candidate in chunk.candidates or []:
            for part in (candidate.content and candidate.content.parts) or []:
                arrivals.add(None if part.thought else part.text)
    return chunks, arrivals


def stream(client, model):
    text = asked.long()
    chunks, arrivals = collect(client.models.generate_content_stream(model=model, contents=text))
    arrivals.check(asked.answer(text))
    arrivals.check_pace()
    check_streamed(chunks, model)

    chat = client.chats.create(model=model)
    for turn, said in enumerate((text, "and again"), start=1):
        chunks, arrivals = collect(chat.send_message_stream(said))
        arrivals.check(asked.answer(said, turn=turn))
        arrivals.check_pace()
        check_streamed(chunks, model)


def tool_loop(client, model, calls):
    conversation = [user(asked.tools_prompt(calls))]
    offered = {"model": model, "config": tools(calls)}
    response = client.models.generate_content(contents=conversation, **offered)
    parts = check_whole(response, model)
    check_calls(parts, calls)
    check.equal("function_calls", len(response.function_calls), len(calls))
    last = client.models.generate_content(contents=answered(conversation, parts, calls), **offered)
    check_whole(last, model)
    check.quotes("answer", last.text, *asked.results(calls))

    parts = check_streamed(list(client.models.generate_content_stream(contents=conversation, **offered)), model)
    check_calls(parts, calls)
    conversation = answered(conversation, parts, calls)
    parts = check_streamed(list(client.models.generate_content_stream(contents=conversation, **offered)), model)
    check.quotes("answer", "".join(part.text or "" for part in parts), *asked.results(calls))


def run_tools(client, model, calls):
    """The SDK's own loop: it calls Python functions and sends what they return."""
    got = []

    def ran(name, **arguments):
        call = calls[len(got)]
        got.append((name, arguments))
        return call.result

    def get_weather(city: str, days: int) -> str:
        """The weather in a city"""
        return ran("get_weather", city=city, days=days)

    def get_time(zone: str) -> str:
        """The time in a zone"""
        return ran("get_time", zone=zone)

    config = types.GenerateContentConfig(tools=[get_weather, get_time])
    response = client.chats.create(model=model, config=config).send_message(asked.tools_prompt(calls))
    check.equal("functions called", got, [(call.name, call.arguments) for call in calls])
    check_whole(response, model)
    check.quotes("answer", response.text, *asked.results(calls))


def tool(client, model):
    tool_loop(client, model, asked.ONE_CALL)
    run_tools(client, model, asked.ONE_CALL)


def parallel(client, model):
    tool_loop(client, model, asked.PARALLEL_CALLS)
    run_tools(client, model, asked.PARALLEL_CALLS)


def image(client, model):
    picture = types.Part.from_bytes(data=asked.png(), mime_type="image/png")
    contents = [asked.with_wishes("what is it", "image"), picture]
    response = client.models.generate_content(model=model, contents=contents)
    check_text(response, model, "data:image/png;base64," + base64.b64encode(asked.png()).decode())


def check_reasoning(parts, text):
    thoughts = "".join(part.text for part in parts if part.thought)
    check.equal("thought", thoughts, asked.REASONING)
    check.holds("the thought comes first", parts[0].thought is True, parts[0])
    check.equal("text", "".join(part.text for part in parts if not part.thought), text)


def reasoning(client, model):
    text = asked.with_wishes("think", "reasoning")
    thinking = types.ThinkingConfig(include_thoughts=True, thinking_budget=1024)
    config = types.GenerateContentConfig(thinking_config=thinking)
    chat = client.chats.create(model=model, config=config)
    check_reasoning(check_whole(chat.send_message(text), model), asked.answer(text))
    check_text(chat.send_message("and again"), model, asked.answer("and again", turn=2))

    stream = client.models.generate_content_stream(model=model, contents=text, config=config)
    chunks, arrivals = collect(stream)
    arrivals.check(asked.answer(text))
    check_reasoning(check_streamed(chunks, model), asked.answer(text))


def schema(client, model):
    prompt = weather.prompt()
    for setting in (
        {"response_schema": weather.Weather},
        {"response_json_schema": weather.Weather.model_json_schema()},
    ):
        config = types.GenerateContentConfig(response_mime_type="application/json", **setting)
        response = client.models.generate_content(model=model, contents=prompt, config=config)
        check_text(response, model, weather.WEATHER.model_dump_json())
        parsed = response.parsed
        parsed = parsed if isinstance(parsed, weather.Weather) else weather.Weather.model_validate(parsed)
        check.equal("parsed", parsed, weather.WEATHER)


#: By status: the class, and the name in the body.
ERRORS = {
    400: (errors.ClientError, "INVALID_ARGUMENT"),
    429: (errors.ClientError, "RESOURCE_EXHAUSTED"),
    503: (errors.ServerError, "UNAVAILABLE"),
}


def error(client, model):
    for status, (kind, name) in ERRORS.items():
        prompt = asked.with_wishes("fail", f"error {status}")
        for what, action in (
            ("whole", lambda: client.models.generate_content(model=model, contents=prompt)),
            ("streamed", lambda: list(client.models.generate_content_stream(model=model, contents=prompt))),
        ):
            raised = check.raises(f"{status}, {what}", action, kind, f"The demo says {status}.")
            check.equal("code", raised.code, status)
            check.equal("status", raised.status, name)
            check.equal("message", raised.message, f"The demo says {status}.")
