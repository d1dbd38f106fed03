"""Scenarios that are the same for several clients. A client that takes part is a module with these members:

converse(client, model, texts)                 the answers to texts said one after the other
pieces(client, model, text)                    the pieces of a streamed answer
loop(client, model, calls, prompt, after)      the arguments with which the tools were called, by name, and what is said
                                               to their results and to a text after that
BROKEN                                         the SDK's own error for a stream that fails
"""

import asked
import check


def plain(it, client, model):
    text = asked.fresh("hello")
    got = it.converse(client, model, [text, "and again"])
    check.equal("texts", got, [asked.answer(text), asked.answer("and again", turn=2)])


def stream(it, client, model):
    text = asked.long()
    arrivals = check.Arrivals()
    for piece in it.pieces(client, model, text):
        arrivals.add(piece)
    arrivals.check(asked.answer(text))


def parallel(it, client, model):
    calls = asked.PARALLEL_CALLS
    got, answers = it.loop(client, model, calls, asked.tools_prompt(calls), "and again")
    check.equal("calls", got, [(call.name, call.arguments) for call in calls])
    check.quotes("answer", answers[0], *asked.results(calls))
    check.holds("the next answer", answers[1].endswith("You said: and again"), answers[1])


def cut(it, client, model):
    """A stream that breaks off half way: what came is given, then the SDK's error is raised."""
    for how in asked.BREAKS:
        text = asked.with_wishes("one two three", f"break {how}")
        got = []
        check.raises(how, lambda: got.extend(it.pieces(client, model, text)), it.BROKEN, "")
        check.holds(f"{how}: the half of it", got and asked.answer(text).startswith("".join(got)), got)


def silence(it, client, model):
    """An upstream that says nothing for a while: what the gateway sends meanwhile must not disturb."""
    text = asked.with_wishes("hello", f"wait {asked.WAIT}")
    check.equal("text", it.converse(client, model, [text]), [asked.answer(text)])
    text = asked.with_wishes("one two three", f"wait {asked.WAIT}", f"pause {asked.PAUSE}")
    check.equal("text", "".join(it.pieces(client, model, text)), asked.answer(text))
