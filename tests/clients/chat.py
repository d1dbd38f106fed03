"""The openai SDK, Chat Completions."""

import base64

import openai

import asked
import check
import weather

STOP, CALLS = "stop", "tool_calls"
COMMON = ("cut", "silence")
BROKEN = openai.APIError


def connect(demo):
    return openai.OpenAI(base_url=f"{demo.url}/v1", api_key=demo.api_key, max_retries=0, timeout=20)


def user(text):
    return {"role": "user", "content": text}


def converse(client, model, texts):
    messages, answers = [], []
    for text in texts:
        messages.append(user(text))
        message = client.chat.completions.create(model=model, messages=messages).choices[0].message
        messages.append(message)
        answers.append(message.content)
    return answers


def pieces(client, model, text):
    for chunk in client.chat.completions.create(model=model, messages=[user(text)], stream=True):
        yield from (choice.delta.content for choice in chunk.choices if choice.delta.content)


def tools(calls):
    return [
        {"type": "function", "function": {"name": name, "description": asked.DESCRIPTIONS[name], "parameters": schema}}
        for name, schema in asked.TOOLS.items()
        if any(call.name == name for call in calls)
    ]


def check_usage(usage):
    check.positive("prompt_tokens", usage.prompt_tokens)
    check.positive("completion_tokens", usage.completion_tokens)
    check.equal("total_tokens", usage.total_tokens, usage.prompt_tokens + usage.completion_tokens)


def check_whole(completion, model, finish):
    """Returns the message."""
    check.named("id", completion.id)
    check.equal("model", completion.model, model)
    check.equal("object", completion.object, "chat.completion")
    check.equal("choices", len(completion.choices), 1)
    check.equal("finish_reason", completion.choices[0].finish_reason, finish)
    check.equal("role", completion.choices[0].message.role, "assistant")
    check_usage(completion.usage)
    return completion.choices[0].message


def check_calls(message, calls):
    got = message.tool_calls or []
    check.equal("names", [call.function.name for call in got], [call.name for call in calls])
    check.equal("types", {call.type for call in got}, {"function"})
    for one, wanted in zip(got, calls):
        check.named("id", one.id)
        check.arguments("arguments", one.function.arguments, wanted.arguments)
    check.equal("different ids", len({call.id for call in got}), len(calls))
    check.holds("no text", not message.content, message.content)


def answered(messages, message, calls):
    """The conversation with the calls and what came of them."""
    results = [
        {"role": "tool", "tool_call_id": one.id, "content": call.result}
        for one, call in zip(message.tool_calls, calls)
    ]
    return [*messages, message, *results]


def plain(client, model):
    text = asked.fresh("hello")
    messages = [{"role": "system", "content": asked.SYSTEM}, user(text)]
    first = client.chat.completions.create(model=model, messages=messages)
    message = check_whole(first, model, STOP)
    check.equal("text", message.content, asked.answer(text))
    check.holds("no calls", not message.tool_calls, message.tool_calls)

    messages += [message, user("and again")]
    second = client.chat.completions.create(model=model, messages=messages)
    check.equal("text", check_whole(second, model, STOP).content, asked.answer("and again", turn=2))
    cached = second.usage.prompt_tokens_details.cached_tokens
    check.equal("the first turn is in the cache", cached, first.usage.prompt_tokens)


def stream(client, model):
    text = asked.long()
    arrivals, finishes, usages = check.Arrivals(), [], []
    for chunk in client.chat.completions.create(
        model=model, messages=[user(text)], stream=True, stream_options={"include_usage": True}
    ):
        check.equal("object", chunk.object, "chat.completion.chunk")
        check.equal("model", chunk.model, model)
        usages += [chunk.usage] if chunk.usage else []
        for choice in chunk.choices:
            arrivals.add(choice.delta.content)
            finishes += [choice.finish_reason] if choice.finish_reason else []
    arrivals.check(asked.answer(text))
    arrivals.check_pace()
    check.equal("finish reasons", finishes, [STOP])
    check.equal("usages", len(usages), 1)
    check_usage(usages[0])

    arrivals = check.Arrivals()
    with client.chat.completions.stream(
        model=model, messages=[user(text)], stream_options={"include_usage": True}
    ) as events:
        for event in events:
            if event.type == "content.delta":
                arrivals.add(event.delta)
        message = check_whole(events.get_final_completion(), model, STOP)
    arrivals.check(asked.answer(text))
    arrivals.check_pace()
    check.equal("text", message.content, asked.answer(text))


def tool_loop(client, model, calls):
    messages = [user(asked.tools_prompt(calls))]
    offered = {"model": model, "tools": tools(calls)}
    message = check_whole(client.chat.completions.create(messages=messages, **offered), model, CALLS)
    check_calls(message, calls)
    last = client.chat.completions.create(messages=answered(messages, message, calls), **offered)
    check.quotes("answer", check_whole(last, model, STOP).content, *asked.results(calls))

    done = []
    offered["stream_options"] = {"include_usage": True}
    with client.chat.completions.stream(messages=messages, **offered) as events:
        for event in events:
            if event.type == "tool_calls.function.arguments.done":
                check.arguments("arguments", event.arguments, calls[len(done)].arguments)
                done.append(event.name)
        message = check_whole(events.get_final_completion(), model, CALLS)
    check.equal("calls done", done, [call.name for call in calls])
    check_calls(message, calls)
    with client.chat.completions.stream(messages=answered(messages, message, calls), **offered) as events:
        last = events.get_final_completion()
    check.quotes("answer", check_whole(last, model, STOP).content, *asked.results(calls))


def tool(client, model):
    tool_loop(client, model, asked.ONE_CALL)


def parallel(client, model):
    tool_loop(client, model, asked.PARALLEL_CALLS)


def image(client, model):
    url = "data:image/png;base64," + base64.b64encode(asked.png()).decode()
    parts = [
        {"type": "text", "text": asked.with_wishes("what is it", "image")},
        {"type": "image_url", "image_url": {"url": url}},
    ]
    completion = client.chat.completions.create(model=model, messages=[user(parts)])
    check.equal("picture", check_whole(completion, model, STOP).content, url)


def reasoning(client, model):
    text = asked.with_wishes("think", "reasoning")
    thinking = {"model": model, "reasoning_effort": "low"}
    messages = [user(text)]
    first = client.chat.completions.create(messages=messages, **thinking)
    message = check_whole(first, model, STOP)
    check.equal("reasoning", getattr(message, "reasoning_content", None), asked.REASONING)
    check.equal("text", message.content, asked.answer(text))

    messages += [message, user("and again")]
    arrivals, reasons = check.Arrivals(), []
    for chunk in client.chat.completions.create(messages=messages, stream=True, **thinking):
        for choice in chunk.choices:
            arrivals.add(choice.delta.content)
            reasons.append(getattr(choice.delta, "reasoning_content", None))
    arrivals.check(asked.answer("and again", turn=2))
    check.holds("no reasoning unasked", not any(reasons), reasons)

    arrivals, reasons = check.Arrivals(), []
    for chunk in client.chat.completions.create(messages=[user(text)], stream=True, **thinking):
        for choice in chunk.choices:
            arrivals.add(choice.delta.content)
            reason = getattr(choice.delta, "reasoning_content", None)
            check.holds("reasoning comes first", not (reason and arrivals.pieces), reason)
            reasons.append(reason or "")
    check.equal("reasoning", "".join(reasons), asked.REASONING)
    arrivals.check(asked.answer(text))


def schema(client, model):
    request = {"model": model, "messages": [user(weather.prompt())], "response_format": weather.Weather}
    completion = client.chat.completions.parse(**request)
    check.equal("parsed", check_whole(completion, model, STOP).parsed, weather.WEATHER)
    with client.chat.completions.stream(**request, stream_options={"include_usage": True}) as events:
        completion = events.get_final_completion()
    check.equal("parsed", check_whole(completion, model, STOP).parsed, weather.WEATHER)


ERRORS = {400: openai.BadRequestError, 429: openai.RateLimitError, 503: openai.InternalServerError}


def error(client, model):
    for status, kind in ERRORS.items():
        messages = [user(asked.with_wishes("fail", f"error {status}"))]
        for streams in (False, True):
            raised = check.raises(
                f"{status}, stream={streams}",
                lambda: client.chat.completions.create(model=model, messages=messages, stream=streams),
                kind,
                f"The demo says {status}.",
            )
            check.equal("status", raised.status_code, status)
            check.named("type", raised.type)
            check.equal("message", raised.body["message"], f"The demo says {status}.")
