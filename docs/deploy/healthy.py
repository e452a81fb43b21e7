"""Ask `bovw serve` in this container whether it is well: exit code 0 if it is, else 1.

    python healthy.py PORT

BOVW_TOKEN holds the token, as for the server. An index that changed and could not be loaded is no
fault here: the server goes on with the one that it has, and /healthz says why ("stale").
"""

from __future__ import annotations

import http.client
import json
import os
import sys


def main() -> int:
    server = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=4)
    token = os.environ.get("BOVW_TOKEN")
    try:
        server.request(
            "GET", "/healthz", headers={"Authorization": f"Bearer {token}"} if token else {}
        )
        answer = server.getresponse()
        text = answer.read().decode()
    except (OSError, http.client.HTTPException) as error:
        print(f"no answer: {error}")
        return 1
    print(text)
    return 0 if answer.status == 200 and "status" in json.loads(text) else 1


if __name__ == "__main__":
    sys.exit(main())
