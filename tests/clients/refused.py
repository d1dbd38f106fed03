"""Which cells the gateway refuses for now, and in which words.

A cell in here passes if the SDK raises its error for a 400 with these words, and fails if the real check passes:
then it has to be taken out.
"""

DIALECTS = ("chat", "responses", "messages", "gemini")

WORDS = "translation is not available"

#: (client, upstream)
REFUSED = {(client, upstream) for client in DIALECTS for upstream in DIALECTS if client != upstream}
