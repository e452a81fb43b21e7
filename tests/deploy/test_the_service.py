"""The image of docs/deploy/serve.Dockerfile, as far as it can be tried without a container.

What the image copies is all that its package is built of, and what it runs is run here: the same
commands, with a token, on an index that must not change, without a screen.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ..support import REPOSITORY, needs_sources

httpx = pytest.importorskip("httpx", reason="pip install httpx")
pytest.importorskip("fastapi", reason="pip install 'bovw[web]'")

DEPLOY = REPOSITORY / "docs" / "deploy"
TOKEN = "0123456789abcdef"


class Image:
    """What a Dockerfile says."""

    def __init__(self, path: Path) -> None:
        text = re.sub(r"\\\n\s*", "", path.read_text(encoding="utf-8"))
        lines = [line for line in text.splitlines() if line and not line.startswith("#")]
        self.steps = [tuple(line.split(" ", 1)) for line in lines]

    def all(self, name: str) -> list[str]:
        return [text for step, text in self.steps if step == name]

    def one(self, name: str) -> str:
        (found,) = self.all(name)
        return found

    def command(self, name: str) -> list[str]:
        """The words of CMD or HEALTHCHECK, which must be given as a list: no shell gets signals."""
        words = json.loads(self.one(name).partition("CMD ")[2] or self.one(name))
        assert isinstance(words, list)
        return words

    def copied(self) -> dict[str, Path]:
        """Where in the image lies which file or folder of the project."""
        found = {}
        for text in self.all("COPY"):
            *sources, target = text.split()
            for source in sources:
                inside = target + source if target.endswith("/") else target
                found[inside] = REPOSITORY / source
        return found


@pytest.fixture(scope="module")
def image() -> Image:
    return Image(DEPLOY / "serve.Dockerfile")


@pytest.fixture(scope="module")
def package(image: Image, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package, built and unpacked of what the image copies to /src."""
    wheel = pytest.importorskip("hatchling.builders.wheel", reason="pip install hatchling")
    folder = tmp_path_factory.mktemp("image")
    (folder / "src").mkdir()
    for inside, source in image.copied().items():
        if inside.startswith("/src/"):
            target = folder / inside.lstrip("/")
            copy: Any = shutil.copytree if source.is_dir() else shutil.copy
            copy(source, target)
    (built,) = wheel.WheelBuilder(str(folder / "src")).build(
        directory=str(folder), versions=["standard"]
    )
    zipfile.ZipFile(built).extractall(folder / "site")
    return folder / "site"


def state(folder: Path) -> dict[str, tuple[int, bytes]]:
    """All files below a folder: time of the last change, and content."""
    return {
        path.relative_to(folder).as_posix(): (path.stat().st_mtime_ns, path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def index(served_folder: Path, tmp_path: Path) -> Iterator[Path]:
    """A folder that holds photos.bovw, and in which nothing may be written."""
    folder = tmp_path / "index"
    shutil.copytree(served_folder, folder / "photos.bovw")
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    before = state(folder)
    yield folder
    assert state(folder) == before
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755)


def free_port() -> str:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as found:
        return str(found.getsockname()[1])


@needs_sources
@pytest.mark.skipif(os.name == "nt", reason="an image of Linux")
def test_its_commands_answer_from_a_read_only_index(
    image: Image, package: Path, index: Path, pictures: list[Path], tmp_path: Path
) -> None:
    port = free_port()
    healthy = image.command("HEALTHCHECK")[1]
    here = {
        "/index/photos.bovw": str(index / "photos.bovw"), "8000": port, "0.0.0.0": "127.0.0.1",
        healthy: str(image.copied()[healthy]),
    }  # fmt: skip
    words = {"bovw": [sys.executable, "-m", "bovw"], "python": [sys.executable]}

    def command(name: str) -> list[str]:
        program, *arguments = image.command(name)
        return [*words[program], *(here.get(word, word) for word in arguments)]

    (tmp_path / "tmp").mkdir()
    environment = {  # no DISPLAY, and nothing else of this machine
        "PATH": "/usr/bin:/bin", "PYTHONPATH": str(package), "BOVW_TOKEN": TOKEN,
        "HOME": str(tmp_path / "tmp"), "TMPDIR": str(tmp_path / "tmp"), "PYTHONUNBUFFERED": "1",
    }  # fmt: skip

    def health(token: str = TOKEN) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command("HEALTHCHECK"), env={**environment, "BOVW_TOKEN": token}, cwd="/", text=True,
            capture_output=True, check=False,
        )  # fmt: skip

    assert health().returncode == 1  # it does not run yet
    with subprocess.Popen(
        [*command("CMD"), "--workers", "1"], env=environment, cwd="/", text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as server:  # fmt: skip
        try:
            assert server.stdout is not None
            assert "30 pictures at" in server.stdout.readline()
            well, stranger = health(), health("other")
            assert well.returncode == 0 and json.loads(well.stdout)["status"] == "ok"
            assert stranger.returncode == 1 and "token" in stranger.stdout
            with httpx.Client(
                base_url=f"http://127.0.0.1:{port}",
                headers={"Authorization": f"Bearer {TOKEN}"},
                timeout=300,
                trust_env=False,
            ) as client:
                files = [("pictures", ("q.jpg", pictures[0].read_bytes()))]
                found = client.post("/api/search", files=files).json()["result"]["answers"]
            assert found[0]["identifier"] == pictures[0].name
            server.terminate()  # as `docker stop` does
            _, errors = server.communicate(timeout=300)
        finally:
            server.kill()
    assert server.returncode == 0 and errors == "bovw: stopped\n"


def test_without_a_token_it_does_not_listen(image: Image, served_folder: Path) -> None:
    from bovw.cli import main

    _, *arguments = image.command("CMD")
    arguments[1] = str(served_folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("BOVW_TOKEN", raising=False)
        assert main(arguments) == 1


def test_it_is_no_root_and_holds_no_secret(image: Image) -> None:
    assert int(image.one("USER")) > 0
    assert "BOVW_TOKEN" not in "".join(image.all("ENV"))


def test_the_compose_file_lets_the_service_write_nothing() -> None:
    services = yaml.safe_load((DEPLOY / "serve.yaml").read_text(encoding="utf-8"))["services"]
    serve, index = services["serve"], services["index"]
    for service in (serve, index):
        assert service["read_only"] and service["tmpfs"] == ["/tmp"]
        assert (DEPLOY / service["build"]["context"]).resolve() == REPOSITORY
    assert all(volume.endswith(":ro") for volume in serve["volumes"])
    assert [port.split(":")[0] for port in serve["ports"]] == ["127.0.0.1"]
    paths = [volume.removesuffix(":ro").rpartition(":")[2] for volume in serve["volumes"]]
    assert paths == [volume.removesuffix(":ro").rpartition(":")[2] for volume in index["volumes"]]
    image = Image(DEPLOY / "serve.Dockerfile")
    assert image.command("CMD")[2] == index["command"][4] == "/index/photos.bovw"
