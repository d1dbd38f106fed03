"""The openai SDK, Responses."""

import base64

import openai

import asked
import check
import weather
from chat import COMMON, ERRORS, connect, user

__all__ = ["COMMON", "connect"]


BROKEN = openai.OpenAIError


class FailedEvent(BROKEN):
    """The SDK hands some failures on as events."""


def converse(client, model, texts):
    conversation, answers = [], []
    for text in texts:
        response = client.responses.create(model=model, input=[*conversation, user(text)])
        conversation += [user(text), *response.output]
        answers.append(response.output_text)
    return answers


def pieces(client, model, text):
    for event in client.responses.create(model=model, input=[user(text)], stream=True):
        if event.type == "response.output_text.delta":
            yield event.delta
        elif event.type == "response.failed":
            raise FailedEvent(event.response.error.message)
        elif event.type == "error":
            raise FailedEvent(event.message)


def tools(calls):
    return [
        {
            "type": "function",
            "name": name,
            "description": asked.DESCRIPTIONS[name],
            "parameters": schema,
            "strict": False,
        }
        for name, schema in asked.TOOLS.items()
        if any(call.name == name for call in calls)
    ]


def check_usage(usage):
    check.positive("input_tokens", usage.input_tokens)
    check.positive("output_tokens", usage.output_tokens)
    check.equal("total_tokens", usage.total_tokens, usage.input_tokens + usage.output_tokens)


def check_whole(response, model, *kinds):
    """Returns the items of the output, which are of these kinds."""
    check.named("id", response.id)
    check.equal("model", response.model, model)
    check.equal("object", response.object, "response")
    check.equal("status", response.status, "completed")
    check.equal("error", response.error, None)
    check.equal("output", [item.type for item in response.output], list(kinds))
    for item in response.output:
        check.named("id of an item", item.id)
    check_usage(response.usage)
    return response.output


def check_message(response, model, text):
    (message,) = check_whole(response, model, "message")
    check.equal("role", message.role, "assistant")
    check.equal("status", message.status, "completed")
    check.equal("text", response.output_text, text)


def check_calls(response, model, calls):
    got = check_whole(response, model, *["function_call"] * len(calls))
    check.equal("names", [call.name for call in got], [call.name for call in calls])
    for one, wanted in zip(got, calls):
        check.named("call_id", one.call_id)
        check.equal("status", one.status, "completed")
        check.arguments("arguments", one.arguments, wanted.arguments)
    check.equal("different call_ids", len({call.call_id for call in got}), len(calls))


def answered(conversation, response, calls):
    """The conversation with the calls and what came of them."""
    results = [
        {"type": "function_call_output", "call_id": one.call_id, "output": call.result}
        for one, call in zip(response.output, calls)
    ]
    return [*conversation, *response.output, *results]


def plain(client, model):
    text = asked.fresh("hello")
    request = {"model": model, "instructions": asked.SYSTEM, "store": False}
    alone = client.responses.create(input=asked.fresh("hello"), **request)
    check.equal("turn", alone.output_text.split(".")[0], "This is turn 1")

    first = client.responses.create(input=[user(text)], **request)
    check_message(first, model, asked.answer(text))
    second = client.responses.create(input=[user(text), *first.output, user("and again")], **request)
    check_message(second, model, asked.answer("and again", turn=2))
    cached = second.usage.input_tokens_details.cached_tokens
    check.equal("the first turn is in the cache", cached, first.usage.input_tokens)


def check_order(events):
    """The events of a stream count up from zero, begin as they must, and end once."""
    check.equal("sequence numbers", [event.sequence_number for event in events], list(range(len(events))))
    kinds = [event.type for event in events]
    check.equal("first", kinds[0], "response.created")
    check.equal("last", kinds[-1], "response.completed")
    check.equal("ends", kinds.count("response.completed"), 1)
    added = [event.output_index for event in events if event.type == "response.output_item.added"]
    done = [event.output_index for event in events if event.type == "response.output_item.done"]
    check.equal("items added", added, list(range(len(added))))
    check.equal("items done", sorted(done), added)
    check.equal("items at the end", len(events[-1].response.output), len(added))


def stream(client, model):
    text = asked.long()
    arrivals, events = check.Arrivals(), []
    for event in client.responses.create(model=model, input=[user(text)], stream=True):
        events.append(event)
        if event.type == "response.output_text.delta":
            arrivals.add(event.delta)
    arrivals.check(asked.answer(text))
    arrivals.check_pace()
    check_order(events)
    check_message(events[-1].response, model, asked.answer(text))
    done = [event.text for event in events if event.type == "response.output_text.done"]
    check.equal("text done", done, [asked.answer(text)])

    arrivals = check.Arrivals()
    with client.responses.stream(model=model, input=[user(text)]) as events:
        for event in events:
            if event.type == "response.output_text.delta":
                arrivals.add(event.delta)
                check.equal("so far", event.snapshot, "".join(arrivals.pieces))
        check_message(events.get_final_response(), model, asked.answer(text))
    arrivals.check(asked.answer(text))
    arrivals.check_pace()


def tool_loop(client, model, calls):
    conversation = [user(asked.tools_prompt(calls))]
    offered = {"model": model, "tools": tools(calls)}
    response = client.responses.create(input=conversation, **offered)
    check_calls(response, model, calls)
    last = client.responses.create(input=answered(conversation, response, calls), **offered)
    check_whole(last, model, "message")
    check.quotes("answer", last.output_text, *asked.results(calls))

    with client.responses.stream(input=conversation, **offered) as stream:
        events = list(stream)
        response = stream.get_final_response()
    check_order(events)
    check_calls(response, model, calls)
    done = [event for event in events if event.type == "response.function_call_arguments.done"]
    check.equal("calls done", len(done), len(calls))
    for event, call, item in zip(done, calls, response.output):
        check.arguments("arguments", event.arguments, call.arguments)
        check.equal("item", event.item_id, item.id)
    pieces = [event.delta for event in events if event.type == "response.function_call_arguments.delta"]
    check.equal("arguments put together", "".join(pieces), "".join(event.arguments for event in done))
    with client.responses.stream(input=answered(conversation, response, calls), **offered) as stream:
        last = stream.get_final_response()
    check_whole(last, model, "message")
    check.quotes("answer", last.output_text, *asked.results(calls))


def tool(client, model):
    tool_loop(client, model, asked.ONE_CALL)


def parallel(client, model):
    tool_loop(client, model, asked.PARALLEL_CALLS)


def image(client, model):
    url = "data:image/png;base64," + base64.b64encode(asked.png()).decode()
    parts = [
        {"type": "input_text", "text": asked.with_wishes("what is it", "image")},
        {"type": "input_image", "image_url": url, "detail": "auto"},
    ]
    check_message(client.responses.create(model=model, input=[user(parts)]), model, url)


def check_reasoning(response, model, text):
    thought, message = check_whole(response, model, "reasoning", "message")
    check.equal("summary", [part.text for part in thought.summary], [asked.REASONING])
    check.equal("text", message.content[0].text, text)


def reasoning(client, model):
    text = asked.with_wishes("think", "reasoning")
    thinking = {"model": model, "reasoning": {"effort": "low", "summary": "auto"}}
    first = client.responses.create(input=[user(text)], **thinking)
    check_reasoning(first, model, asked.answer(text))

    conversation = [user(text), *first.output, user("and again")]
    second = client.responses.create(input=conversation, **thinking)
    check_message(second, model, asked.answer("and again", turn=2))

    with client.responses.stream(input=[user(text)], **thinking) as stream:
        events = list(stream)
        response = stream.get_final_response()
    check_order(events)
    check_reasoning(response, model, asked.answer(text))
    pieces = [event.delta for event in events if event.type == "response.reasoning_summary_text.delta"]
    check.equal("summary put together", "".join(pieces), asked.REASONING)


def schema(client, model):
    request = {"model": model, "input": [user(weather.prompt())], "text_format": weather.Weather}
    response = client.responses.parse(**request)
    check_message(response, model, weather.WEATHER.model_dump_json())
    check.equal("parsed", response.output_parsed, weather.WEATHER)
    with client.responses.stream(**request) as events:
        response = events.get_final_response()
    check.equal("parsed", response.output_parsed, weather.WEATHER)


def error(client, model):
    for status, kind in ERRORS.items():
        conversation = [user(asked.with_wishes("fail", f"error {status}"))]
        for streams in (False, True):
            raised = check.raises(
                f"{status}, stream={streams}",
                lambda: client.responses.create(model=model, input=conversation, stream=streams),
                kind,
                f"The demo says {status}.",
            )
            check.equal("status", raised.status_code, status)
            check.named("type", raised.type)
            check.equal("message", raised.body["message"], f"The demo says {status}.")
