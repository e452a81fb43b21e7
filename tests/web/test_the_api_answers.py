"""The JSON API: searches, explanations, pictures, exports, and what it says when it cannot."""

from __future__ import annotations

import csv
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


def test_other_hosts_and_sites_are_refused(client: Any) -> None:
    assert client.get("/healthz").json()["status"] == "ok"
    assert client.get("/healthz", headers={"host": "evil.example"}).status_code == 421
    assert client.get("/healthz", headers={"origin": "http://evil.example"}).status_code == 403
    assert client.get("/healthz", headers={"sec-fetch-site": "cross-site"}).status_code == 403
    assert client.get("/healthz", headers={"sec-fetch-site": "same-site"}).status_code == 403


def test_only_pictures_of_the_index_are_served(client: Any, pictures: list[Path]) -> None:
    good = client.get(f"/api/pictures/{pictures[0].name}")
    assert good.status_code == 200 and good.headers["content-type"] == "image/webp"
    for name in ("..%2F..%2Fetc%2Fpasswd", "%2Fetc%2Fpasswd", "%00", "%ff", str(pictures[0])):
        assert client.get(f"/api/pictures/{name}").status_code == 404


def test_uploads_are_limited_and_may_be_no_pictures(client: Any, pictures: list[Path]) -> None:
    large = client.post("/api/search", files=[("pictures", ("a.jpg", bytes(5 << 20)))])
    assert large.status_code == 413
    broken = client.post("/api/search", files=[("pictures", ("<b>.jpg", b"no picture"))])
    assert broken.status_code == 422 and "<b>.jpg" in broken.json()["error"]
    assert search(client).status_code == 422
    assert search(client, pictures[0], region="1,2").status_code == 422


def test_the_register_filters_and_is_exported(client: Any, pictures: list[Path]) -> None:
    found = search(client, pictures[0], k=30, where="class in 5, 33").json()
    assert found["answers"]
    assert all({"5", "33"} & set(a["labels"]["class"].split("; ")) for a in found["answers"])
    first = found["result"]["answers"][0]["identifier"]
    picks = [{"search": found["search"], "identifier": first}]
    table = client.post("/api/export", json={"format": "csv", "picks": picks})
    assert table.status_code == 200 and "owner" in table.text and first in table.text
    page = client.post("/api/export", json={"format": "page", "picks": picks})
    assert page.status_code == 200 and "<!doctype html>" in page.text
    why = client.post("/api/explain", data=picks[0])
    assert why.status_code == 200 and why.json()["patches"] is not None


def test_a_picture_that_was_asked_for_is_exported_as_answers_are(
    client: Any, pictures: list[Path]
) -> None:
    found = search(client, pictures[0], k=2).json()
    answers = [answer["identifier"] for answer in found["result"]["answers"]]
    missed, strange = pictures[-1].name, pictures[-2].name
    asked = client.post("/api/explain", data={"search": found["search"], "identifier": missed})
    rank = asked.json()["answer"]["rank"]
    assert rank > 2

    def exported(*names: str, form: str = "csv") -> Any:
        picks = [{"search": found["search"], "identifier": name} for name in names]
        return client.post("/api/export", json={"format": form, "picks": picks})

    rows = list(csv.DictReader(exported(missed, *answers).text.splitlines()))
    assert [(row["rank"], row["identifier"]) for row in rows] == [
        ("1", answers[0]), ("2", answers[1]), (str(rank), missed)
    ]  # fmt: skip
    assert missed in exported(missed, form="page").text
    refused = exported(strange, missed)
    assert refused.status_code == 422 and f"'{strange}': no answer of" in refused.json()["error"]


def test_the_api_describes_itself(client: Any) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    assert {
        "/api/search",
        "/api/pictures/{identifier}",
        "/api/explain",
        "/healthz",
        "/metrics",
    } <= {*paths}
    figures = client.get("/metrics")
    assert "bovw_pictures 30.0" in figures.text
    page = client.get("/")
    assert page.headers["content-type"].startswith("text/html")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "http" not in policy


def test_a_search_that_is_forgotten(client: Any) -> None:
    picks = [{"search": "old", "identifier": "x.jpg"}]
    told = client.post("/api/export", json={"format": "csv", "picks": picks})
    assert told.status_code == 410 and told.json()["forgotten"] == ["old"]
    assert client.post("/api/explain", data=picks[0]).status_code == 410


def test_a_picture_is_read_once_for_several_searches(
    client: Any, service: Any, pictures: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = search(client, pictures[0], k=5).json()["result"]["answers"]
    monkeypatch.setattr(service.workers, "call", lambda *_: pytest.fail("it is read again"))
    again = search(client, pictures[0], k=2).json()["result"]["answers"]
    assert [a["identifier"] for a in again] == [a["identifier"] for a in first[:2]]
