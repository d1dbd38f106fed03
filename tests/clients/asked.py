"""What every client asks, and what the demo answers to it, whatever the dialects between. README.md has the rules."""

import json
import struct
import uuid
import zlib

SYSTEM = "You are a demo. Be brief."
REASONING = "I thought about it."
#: Statuses that the upstream is made to answer: of a request at fault, of a quota, of a server.
STATUSES = (400, 429, 503)
#: How an answer is made to break off half way.
BREAKS = ("cut", "reset", "truncated", "error")
#: Milliseconds, before an answer and in the middle of one, in which the gateway gives a sign of life.
WAIT, PAUSE = 5500, 2500


def fresh(text):
    """A text that no other conversation begins with, so that only this one can be in a prompt cache."""
    return f"{text} {uuid.uuid4().hex[:8]}"


def long():
    """A text whose answer takes a second to stream."""
    return fresh(" ".join("abcdefghijklmnopqrst"))


def answer(text, turn=1):
    return f"This is turn {turn}. You said: {text}"


def with_wishes(text, *wishes):
    return "\n".join([fresh(text), *(f"demo:{wish}" for wish in wishes)])


class Call:
    """A call that the demo is asked for, and what the tool says to it."""

    def __init__(self, name, arguments, result):
        self.name = name
        self.arguments = arguments
        self.result = result

    def wish(self):
        return f"tools {self.name} {json.dumps(self.arguments, ensure_ascii=False)}"


#: Arguments that a careless copy of JSON within JSON would break.
ONE_CALL = (Call("get_weather", {"city": 'São "Paulo" \\ 東京', "days": 3}, "21 degrees"),)
#: Twice the same tool, and another one.
PARALLEL_CALLS = (
    Call("get_weather", {"city": "Paris", "days": 1}, "17 degrees"),
    Call("get_weather", {"city": "Oslo", "days": 2}, "4 degrees"),
    Call("get_time", {"zone": "Europe/Oslo"}, "half past nine"),
)

#: JSON schemas of the arguments.
TOOLS = {
    "get_weather": {
        "type": "object",
        "properties": {
            "city": {"type": "string", "description": "Name of a city"},
            "days": {"type": "integer", "description": "How far ahead"},
        },
        "required": ["city", "days"],
    },
    "get_time": {
        "type": "object",
        "properties": {"zone": {"type": "string", "description": "Name of a time zone"}},
        "required": ["zone"],
    },
}
DESCRIPTIONS = {"get_weather": "The weather in a city", "get_time": "The time in a zone"}


def tools_prompt(calls):
    return with_wishes("please look", *(call.wish() for call in calls))


def results(calls):
    return [call.result for call in calls]


def told():
    """What a program in another language has to know of this."""
    return {
        "system": SYSTEM,
        "reasoning": REASONING,
        "statuses": STATUSES,
        "breaks": BREAKS,
        "wait": WAIT,
        "pause": PAUSE,
        "calls": [
            {"name": call.name, "arguments": call.arguments, "result": call.result, "wish": call.wish()}
            for call in PARALLEL_CALLS
        ],
        "tools": {
            name: {"description": DESCRIPTIONS[name], "schema": schema} for name, schema in TOOLS.items()
        },
    }


def png():
    """A picture of one red pixel."""

    def chunk(kind, data):
        content = kind + data
        return struct.pack(">I", len(data)) + content + struct.pack(">I", zlib.crc32(content))

    head = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0\xff\0\0")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
