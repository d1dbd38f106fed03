"""LangChain over Responses, each turn referring to the answer before it."""

import langchain_openai

import asked
import check
import steps

#: What takes part in the scenarios of common.py: LangChain's own tests look at the rest (standard.py).
COMMON = ()


def connect(demo):
    return demo


def referred(demo, model):
    chat = langchain_openai.ChatOpenAI(
        model=model,
        base_url=f"{demo.url}/v1",
        api_key=demo.api_key,
        max_retries=0,
        use_responses_api=True,
        use_previous_response_id=True,
    )
    calls = asked.PARALLEL_CALLS
    tools = [
        {
            "type": "function",
            "function": {"name": name, "description": asked.DESCRIPTIONS[name], "parameters": schema},
        }
        for name, schema in asked.TOOLS.items()
    ]
    bound = chat.bind_tools(tools)
    first = asked.fresh("hello")
    messages = [("user", first)]
    said = bound.invoke(messages)
    check.equal("first", said.text, asked.answer(first))
    check.holds("it can be referred to", said.response_metadata["id"].startswith("resp_"), said.response_metadata)
    messages += [said, ("user", asked.tools_prompt(calls))]
    said = bound.invoke(messages)
    got = []
    messages.append(said)
    for call in said.tool_calls:
        result = steps.called(calls, got, call["name"], call["args"])
        messages.append({"role": "tool", "tool_call_id": call["id"], "content": result})
    check.equal("calls", got, [(call.name, call.arguments) for call in calls])
    said = bound.invoke(messages)
    check.quotes("answer", said.text, *asked.results(calls))
    messages += [said, ("user", "and again")]
    last = sum_of(bound.stream(messages)).text
    check.holds("it goes on", last.endswith("You said: and again"), last)
    check.holds("turns", int(last.split()[3].rstrip(".")) >= 3, last)


def sum_of(pieces):
    """What a stream comes to."""
    whole = next(pieces)
    for piece in pieces:
        whole += piece
    return whole
