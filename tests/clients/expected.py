"""Which cells are not as they should be, for now, and in which words they say so.

A cell in here passes only if it fails in these words. When it works it has to be taken out: that fails, too.
"""

DIALECTS = ("chat", "responses", "messages", "gemini")

#: (client, upstream): the SDK raises its error for a 400 with these words.
REFUSED = {}

#: (client, upstream, scenario): faults of the gateway that are known.
FAULTS = {}
