"""Workers that die, take too long, or answer what is no answer."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

from bovw.errors import BovwError, ImageError
from bovw.web.replies import Reply, ReplyError, error_bytes, read_reply, reply_bytes
from bovw.web.workers import WorkerError, Workers

from .failing import die, sleep, well


def test_one_that_dies_or_sleeps_is_replaced() -> None:
    workers = Workers(1, 60)
    try:
        with pytest.raises(WorkerError, match="ended its process"):
            workers.call(die)
        workers.call(well)
        workers.seconds = 0.01
        with pytest.raises(WorkerError, match="longer than"):
            workers.call(sleep, 60.0)
        workers.seconds = 60
        assert workers.call(well).content == "well"
        assert workers.deaths == 2
    finally:
        workers.close()


def test_answers_come_back_as_they_were() -> None:
    arrays = (np.zeros((0, 4), np.float32), np.arange(6, dtype=np.uint8).reshape(2, 3))
    reply = read_reply(reply_bytes(Reply({"name": "\udcff"}, arrays)))
    assert reply.content == {"name": "\udcff"}
    for read, sent in zip(reply.parts, arrays, strict=True):
        assert read.dtype == sent.dtype and read.shape == sent.shape and (read == sent).all()
    with pytest.raises(ImageError, match="a: b; c"):
        read_reply(error_bytes(ImageError("a", "b", "c")))
    with pytest.raises(BovwError, match="other"):
        read_reply(error_bytes(BovwError("other")))


class _Harm:
    def __reduce__(self) -> Any:
        return pytest.fail, ("a pickle was read",)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xff\xff\xff",
        pickle.dumps(_Harm()),
        b"\x02\0\0\0[]",
        b"\x02\0\0\0{}",
        reply_bytes(Reply(1, (np.ones(9, np.uint8),)))[:-1],
        reply_bytes(Reply(1, (np.ones(9, np.uint8),))) + b"x",
        reply_bytes(Reply(1, (np.ones(9, np.uint8),))).replace(b"uint8", b"O    "),
        reply_bytes(Reply(1, (np.ones(9, np.uint8),))).replace(b"9]", b"-]"),
    ],
    ids=["empty", "length", "pickle", "list", "no_answer", "short", "long", "dtype", "json"],
)
def test_what_is_no_answer_is_refused(data: bytes) -> None:
    with pytest.raises(ReplyError):
        read_reply(data)
