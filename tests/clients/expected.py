"""Which cells are not as they should be, for now, in which words they say so, and why.

A cell in here passes only if it fails in these words. When it works it has to be taken out: that fails, too.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """A fault of the gateway that is known."""

    #: The cells that show it: `CLIENT UPSTREAM SCENARIO`, where `*` stands for any and `[ab]*` for what begins so.
    cells: str
    #: What the cells say.
    words: str
    #: What is wrong, and what would be right.
    why: str


FAULTS = (
    *(
        Fault(
            f"go-{dialect} * silence",
            "unexpected end of JSON input",
            "openai-go up to 3.42 takes the empty line behind a comment for an event without data; 3.45 does not. Not the"
            " gateway's fault: OpenRouter sends such comments too.",
        )
        for dialect in ("chat", "responses")
    ),
)
