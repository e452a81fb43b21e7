"""The JSON API: searches, explanations, pictures, exports, and what it says when it cannot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="pip install 'bovw[web]'")


def search(client: Any, *files: Path, **fields: Any) -> Any:
    sent = [("pictures", (file.name, file.read_bytes())) for file in files] or None
    return client.post("/api/search", files=sent, data=fields)


def test_a_search_is_that_of_the_engine(client: Any, service: Any, pictures: list[Path]) -> None:
    answer = search(client, pictures[0], k=5)
    assert answer.status_code == 200, answer.text
    expected = service.engine.search(pictures[0], 5).to_dict(points=True)
    found = answer.json()["result"]
    assert [a["identifier"] for a in found["answers"]] == [
        a["identifier"] for a in expected["answers"]
    ]
    assert [a["score"] for a in found["answers"]] == [a["score"] for a in expected["answers"]]
    assert found["query"] == pictures[0].name
