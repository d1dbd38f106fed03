"""The anthropic SDK."""

import base64

import anthropic

import asked
import check
import weather

STOP, CALLS = "end_turn", "tool_use"
LONG = 4096
COMMON = ("cut", "silence")
BROKEN = anthropic.APIError


def connect(demo):
    return anthropic.Anthropic(base_url=demo.url, api_key=demo.api_key, max_retries=0, timeout=20)


def user(content):
    return {"role": "user", "content": content}


def converse(client, model, texts):
    conversation, answers = [], []
    for text in texts:
        conversation.append(user(text))
        message = client.messages.create(model=model, max_tokens=LONG, messages=conversation)
        conversation.append({"role": "assistant", "content": message.content})
        answers.append("".join(block.text for block in message.content))
    return answers


def pieces(client, model, text):
    with client.messages.stream(model=model, max_tokens=LONG, messages=[user(text)]) as stream:
        yield from stream.text_stream


def tools(calls):
    return [
        {"name": name, "description": asked.DESCRIPTIONS[name], "input_schema": schema}
        for name, schema in asked.TOOLS.items()
        if any(call.name == name for call in calls)
    ]


def total_input(usage):
    return usage.input_tokens + (usage.cache_creation_input_tokens or 0) + (usage.cache_read_input_tokens or 0)


def check_whole(message, model, finish, *kinds):
    """Returns the blocks of the content, which are of these kinds."""
    check.named("id", message.id)
    check.equal("model", message.model, model)
    check.equal("type", message.type, "message")
    check.equal("role", message.role, "assistant")
    check.equal("stop_reason", message.stop_reason, finish)
    check.equal("content", [block.type for block in message.content], list(kinds))
    check.positive("input tokens", total_input(message.usage))
    check.positive("output_tokens", message.usage.output_tokens)
    return message.content


def check_text(message, model, text):
    (block,) = check_whole(message, model, STOP, "text")
    check.equal("text", block.text, text)


def check_calls(message, model, calls):
    got = check_whole(message, model, CALLS, *["tool_use"] * len(calls))
    check.equal("names", [call.name for call in got], [call.name for call in calls])
    check.equal("inputs", [call.input for call in got], [call.arguments for call in calls])
    for call in got:
        check.named("id", call.id)
    check.equal("different ids", len({call.id for call in got}), len(calls))


def answered(conversation, message, calls):
    """The conversation with the calls and what came of them."""
    results = [
        {"type": "tool_result", "tool_use_id": block.id, "content": call.result}
        for block, call in zip(message.content, calls)
    ]
    return [*conversation, {"role": "assistant", "content": message.content}, user(results)]


def plain(client, model):
    text = asked.fresh("hello")
    request = {"model": model, "max_tokens": LONG, "system": asked.SYSTEM}
    first = client.messages.create(messages=[user(text)], **request)
    check_text(first, model, asked.answer(text))

    conversation = [user(text), {"role": "assistant", "content": first.content}, user("and again")]
    second = client.messages.create(messages=conversation, **request)
    check_text(second, model, asked.answer("and again", turn=2))
    cached = second.usage.cache_read_input_tokens
    check.equal("the first turn is in the cache", cached, total_input(first.usage))


def check_order(events):
    """Blocks begin and end one after the other, between the message's begin and end."""
    kinds = [event.type for event in events if event.type != "ping"]
    check.equal("first", kinds[0], "message_start")
    check.equal("last two", kinds[-2:], ["message_delta", "message_stop"])
    check.equal("ends", (kinds.count("message_delta"), kinds.count("message_stop")), (1, 1))
    open_block, next_block = None, 0
    for event in events:
        if event.type == "content_block_start":
            check.equal("open block", open_block, None)
            check.equal("index", event.index, next_block)
            open_block, next_block = event.index, next_block + 1
        elif event.type in ("content_block_delta", "content_block_stop"):
            check.equal("index", event.index, open_block)
            open_block = None if event.type == "content_block_stop" else open_block
    check.equal("open block", open_block, None)


def stream(client, model):
    text = asked.long()
    request = {"model": model, "max_tokens": LONG, "messages": [user(text)]}
    arrivals, events = check.Arrivals(), []
    for event in client.messages.create(stream=True, **request):
        events.append(event)
        if event.type == "content_block_delta":
            check.equal("delta", event.delta.type, "text_delta")
            arrivals.add(event.delta.text)
    arrivals.check(asked.answer(text))
    arrivals.check_pace()
    check_order(events)
    check.equal("model", events[0].message.model, model)
    check.equal("stop_reason", events[-2].delta.stop_reason, STOP)
    check.positive("output_tokens", events[-2].usage.output_tokens)

    arrivals = check.Arrivals()
    with client.messages.stream(**request) as events:
        for piece in events.text_stream:
            arrivals.add(piece)
        check_text(events.get_final_message(), model, asked.answer(text))
    arrivals.check(asked.answer(text))
    arrivals.check_pace()


def tool_loop(client, model, calls):
    conversation = [user(asked.tools_prompt(calls))]
    offered = {"model": model, "max_tokens": LONG, "tools": tools(calls)}
    message = client.messages.create(messages=conversation, **offered)
    check_calls(message, model, calls)
    last = client.messages.create(messages=answered(conversation, message, calls), **offered)
    (block,) = check_whole(last, model, STOP, "text")
    check.quotes("answer", block.text, *asked.results(calls))

    with client.messages.stream(messages=conversation, **offered) as stream:
        events = list(stream)
        message = stream.get_final_message()
    check_order(events)
    check_calls(message, model, calls)
    done = [event.content_block.input for event in events if event.type == "content_block_stop"]
    check.equal("inputs done", done, [call.arguments for call in calls])
    with client.messages.stream(messages=answered(conversation, message, calls), **offered) as stream:
        check.quotes("answer", stream.get_final_text(), *asked.results(calls))


def run_tools(client, model, calls):
    """The SDK's own loop: it calls Python functions and sends what they return."""
    got = []

    def ran(name, **arguments):
        call = calls[len(got)]
        got.append((name, arguments))
        return call.result

    @anthropic.beta_tool
    def get_weather(city: str, days: int) -> str:
        """The weather in a city"""
        return ran("get_weather", city=city, days=days)

    @anthropic.beta_tool
    def get_time(zone: str) -> str:
        """The time in a zone"""
        return ran("get_time", zone=zone)

    runner = client.beta.messages.tool_runner(
        model=model,
        max_tokens=LONG,
        tools=[get_weather, get_time],
        messages=[user(asked.tools_prompt(calls))],
    )
    last = runner.until_done()
    check.equal("functions called", got, [(call.name, call.arguments) for call in calls])
    (block,) = check_whole(last, model, STOP, "text")
    check.quotes("answer", block.text, *asked.results(calls))


def tool(client, model):
    tool_loop(client, model, asked.ONE_CALL)
    run_tools(client, model, asked.ONE_CALL)


def parallel(client, model):
    tool_loop(client, model, asked.PARALLEL_CALLS)
    run_tools(client, model, asked.PARALLEL_CALLS)


def image(client, model):
    data = base64.b64encode(asked.png()).decode()
    blocks = [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}},
        {"type": "text", "text": asked.with_wishes("what is it", "image")},
    ]
    message = client.messages.create(model=model, max_tokens=LONG, messages=[user(blocks)])
    check_text(message, model, "data:image/png;base64," + data)


def check_reasoning(message, model, text):
    thought, answer = check_whole(message, model, STOP, "thinking", "text")
    check.equal("thinking", thought.thinking, asked.REASONING)
    check.equal("text", answer.text, text)


def reasoning(client, model):
    text = asked.with_wishes("think", "reasoning")
    thinking = {"model": model, "max_tokens": LONG, "thinking": {"type": "enabled", "budget_tokens": 1024}}
    whole = client.messages.create(messages=[user(text)], **thinking)
    with client.messages.stream(messages=[user(text)], **thinking) as stream:
        events = list(stream)
        streamed = stream.get_final_message()
    check_order(events)
    pieces = [event.thinking for event in events if event.type == "thinking"]
    check.equal("thinking put together", "".join(pieces), asked.REASONING)

    for first in (whole, streamed):
        check_reasoning(first, model, asked.answer(text))
        conversation = [user(text), {"role": "assistant", "content": first.content}, user("and again")]
        second = client.messages.create(messages=conversation, **thinking)
        check_text(second, model, asked.answer("and again", turn=2))


def schema(client, model):
    request = {
        "model": model,
        "max_tokens": LONG,
        "messages": [user(weather.prompt())],
        "output_format": weather.Weather,
    }
    message = client.messages.parse(**request)
    check_text(message, model, weather.WEATHER.model_dump_json())
    check.equal("parsed", message.parsed_output, weather.WEATHER)
    with client.messages.stream(**request) as events:
        message = events.get_final_message()
    check.equal("parsed", message.parsed_output, weather.WEATHER)


#: By status: the class, and the type in the body (docs: "Errors").
ERRORS = {
    400: (anthropic.BadRequestError, {"invalid_request_error"}),
    429: (anthropic.RateLimitError, {"rate_limit_error"}),
    503: (anthropic.ServiceUnavailableError, {"api_error", "overloaded_error"}),
}


def error(client, model):
    for status, (kind, types) in ERRORS.items():
        conversation = [user(asked.with_wishes("fail", f"error {status}"))]
        for streams in (False, True):
            raised = check.raises(
                f"{status}, stream={streams}",
                lambda: client.messages.create(
                    model=model, max_tokens=LONG, messages=conversation, stream=streams
                ),
                kind,
                f"The demo says {status}.",
            )
            check.equal("status", raised.status_code, status)
            check.equal("body", raised.body["type"], "error")
            check.holds("type", raised.body["error"]["type"] in types, raised.body)
            check.equal("message", raised.body["error"]["message"], f"The demo says {status}.")
