"""The vendors' Python SDKs against `holdfast demo`."""

import cells
import chat
import gemini
import messages
import responses
import within

CLIENTS = {"chat": chat, "responses": responses, "messages": messages, "gemini": gemini}

if __name__ == "__main__":
    cells.main(within.scenarios(CLIENTS), within.runner(CLIENTS), __doc__)
