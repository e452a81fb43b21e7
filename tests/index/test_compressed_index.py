"""The compressed index: small, saved and opened, and still finding."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import bovw
from bovw.cli import main
from bovw.embeddings import ProductQuantizer, ScalarQuantizer
from bovw.engine.ingestion import empty_index
from bovw.errors import FormatError, SettingsError, UnknownPictureError
from bovw.index import LsaIndex
from bovw.storage import load_lsa_index, save_lsa_index


@pytest.mark.parametrize(
    ("quantizer", "size"),
    [(None, 16), (ScalarQuantizer(4), 8), (ScalarQuantizer(1), 2), (ProductQuantizer(8, 20), 8)],
)
def test_it_answers_the_same_after_loading(
    engine: bovw.Engine, pictures: list[Path], tmp_path: Path, quantizer: object, size: int
) -> None:
    made = LsaIndex.of(engine.index, 16, quantizer)  # type: ignore[arg-type]
    assert made.codes.shape == (len(engine), size)
    if isinstance(quantizer, ProductQuantizer):
        quantizer.centers_ = [np.resize(c, (256, c.shape[1])) for c in quantizer.centers_]
    save_lsa_index(made, tmp_path / "i")
    opened = load_lsa_index(tmp_path / "i", verify="full")
    for picture in pictures[::9]:
        expected = [a.to_dict() for a in made.search(picture)]
        assert [a.to_dict() for a in opened.search(picture)] == expected
    first = opened.search(pictures[4], None)
    assert len(first) == len(engine) and first.matched is None
    allowed = [a.identifier for a in first][5:8]
    assert [a.identifier for a in opened.search(pictures[4], 2, allow=allowed)] == allowed[:2]
    assert not opened.search(pictures[4], allow=lambda name: False).answers
    with pytest.raises(UnknownPictureError):
        opened.search(pictures[4], allow=["x"])
    (ranking,) = opened.rank_many([str(pictures[4])])
    assert ranking.identifiers == tuple(a.identifier for a in first)
    if quantizer is None:
        assert first[0].identifier == pictures[4].name
        assert first[0].score > 0.99


def test_a_vector_each_from_the_command_line(
    engine: bovw.Engine,
    pictures: list[Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    engine.save(tmp_path / "i")
    out = str(tmp_path / "c")
    assert main(["compress", str(tmp_path / "i"), "-o", out, "--components", "16"]) == 0
    assert "30 pictures in 16 bytes each" in capsys.readouterr().out
    assert main(["search", out, str(pictures[0]), "-k", "1"]) == 0
    assert pictures[0].name in capsys.readouterr().out
    assert main(["info", out]) == 0
    with pytest.raises(FormatError, match="is a compressed index, but an index is needed"):
        bovw.Engine.open(out)


def test_nothing_cannot_be_compressed(vocabulary: bovw.Vocabulary) -> None:
    from ..support import SMALL

    with pytest.raises(SettingsError, match="without features"):
        LsaIndex.of(empty_index(vocabulary, SMALL))


def test_what_is_no_number_is_refused(engine: bovw.Engine, tmp_path: Path) -> None:
    save_lsa_index(LsaIndex.of(engine.index, 16), tmp_path / "i")
    step = np.load(tmp_path / "i" / "step.npy")
    for odd in (np.nan, np.inf, 1e30):
        np.save(tmp_path / "i" / "step.npy", np.full_like(step, odd))
        with pytest.raises(FormatError, match=r"step\.npy holds numbers beyond"):
            load_lsa_index(tmp_path / "i")
