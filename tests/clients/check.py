"""What a check says when it fails."""

import json
import time


class Failed(Exception):
    """A value is not the one expected."""


def equal(what, got, wanted):
    if got != wanted:
        raise Failed(f"{what}: {got!r}, expected {wanted!r}")


def holds(what, condition, got):
    if not condition:
        raise Failed(f"{what}: {got!r}")


def positive(what, number):
    holds(f"{what} is above zero", isinstance(number, int) and number > 0, number)


def named(what, text):
    """An id, or anything else of which only the presence matters."""
    holds(f"{what} is there", isinstance(text, str) and text != "", text)


def arguments(what, text, wanted):
    """Arguments of a call, as JSON text."""
    try:
        got = json.loads(text)
    except ValueError:
        raise Failed(f"{what} are no JSON: {text!r}") from None
    equal(what, got, wanted)


def quotes(what, text, *words):
    """The words are in the text, in this order."""
    place = 0
    for word in words:
        place = (text or "").find(word, place)
        holds(f"{what} quotes {words}", place >= 0, text)


def raises(what, action, kind, message):
    """Does it, and returns the error of this class and with these words that must come of it."""
    try:
        result = action()
    except Exception as error:
        # "from": whoever knows the error's own class still finds it.
        if not isinstance(error, kind):
            raise Failed(f"{what}: {error!r}, expected {kind.__name__}") from error
        if message not in str(error):
            raise Failed(f"{what}: {error}, expected {message!r}") from error
        return error
    raise Failed(f"{what}: no error but {result!r}")


class Arrivals:
    """The pieces of a stream, and when each of them came."""

    def __init__(self):
        self.pieces = []
        self.times = []

    def add(self, piece):
        if piece:
            self.pieces.append(piece)
            self.times.append(time.monotonic())

    def check(self, wanted):
        equal("text put together", "".join(self.pieces), wanted)
        holds("it comes in pieces", len(self.pieces) >= 3, self.pieces)

    def check_pace(self):
        """The demo takes 40 ms from one piece to the next; whoever collects them first gives them at once."""
        holds("they come as they are made", self.times[-1] - self.times[0] > 0.2, self.times)
