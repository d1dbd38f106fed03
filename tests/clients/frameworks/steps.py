"""What the frameworks have in common: they are asynchronous and call tools by themselves."""

import asyncio
import logging
import queue
import threading
from dataclasses import dataclass

import check

# The frameworks keep connections beyond the loop that they belong to, which is then complained of.
logging.getLogger("asyncio").setLevel(logging.CRITICAL)


def each(generator):
    """What an asynchronous generator gives, as it comes. It stays in one task, as some libraries want it."""
    given = queue.Queue()

    async def run():
        async for piece in generator:
            given.put(piece)

    running = threading.Thread(target=lambda: given.put(outcome(run)))
    running.start()
    while not isinstance(piece := given.get(), Outcome):
        yield piece
    running.join()
    if piece.error:
        raise piece.error


@dataclass
class Outcome:
    error: BaseException | None


def outcome(run):
    try:
        asyncio.run(run())
    except BaseException as error:
        return Outcome(error)
    return Outcome(None)


def called(calls, got, name, arguments):
    """What the tool says; the call is kept in `got`."""
    call = next((call for call in calls if (call.name, call.arguments) == (name, arguments)), None)
    check.holds(f"{name} is to be called so", call is not None, arguments)
    got.append((name, arguments))
    return call.result
