"""What is saved comes back to the bit; what is damaged is found and named."""

from __future__ import annotations

import json
import shutil
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest

import bovw
from bovw.errors import ExistsError, FormatError, IncompatibleError
from bovw.storage import diagnose, read_journal, tidy
from bovw.storage.lock import held
from bovw.storage.manifest import digest, file_facts


@pytest.fixture
def copy(saved: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "index"))


def edit(path: Path, **changes: object) -> None:
    """Change a manifest, as somebody would who knows its digest."""
    manifest = {**json.loads(path.read_text()), **changes}
    path.write_text(json.dumps({**manifest, "digest": digest(manifest)}))


def change_byte(path: Path, at: int = 700) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at:][1:])


def contents(folder: Path) -> dict[Path, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != "writer.lock")
    return {path: path.read_bytes() for path in files}


@pytest.mark.parametrize("method", ["inverted", "sparse-hnsw", "lsa-hnsw", "exact"])
def test_answers_are_identical_after_loading(
    engine: bovw.Engine, pictures: list[Path], tmp_path: Path, method: str
) -> None:
    changed = engine.changed(candidates={"method": method, "n_candidates": 12, "n_components": 16})
    changed.save(tmp_path / "index")
    opened = bovw.Engine.open(tmp_path / "index", verify="full")
    opened.save(tmp_path / "again")
    again = bovw.Engine.open(tmp_path / "again")
    for picture in pictures[::4]:
        expected = [answer.to_dict() for answer in changed.search(picture)]
        assert expected == [answer.to_dict() for answer in opened.search(picture)]
        assert expected == [answer.to_dict() for answer in again.search(picture)]


def test_without_its_cache_an_index_answers_the_same(
    engine: bovw.Engine, copy: Path, pictures: list[Path]
) -> None:
    for path in copy.rglob("*.nmslib*"):
        change_byte(path, -1)
    opened = bovw.Engine.open(copy)
    assert [a.to_dict() for a in opened.search(pictures[2])] == [
        a.to_dict() for a in engine.search(pictures[2])
    ]
    with pytest.raises(FormatError, match="has changed"):
        bovw.Engine.open(copy, verify="full")


def test_a_vocabulary_comes_back(vocabulary: bovw.Vocabulary, tmp_path: Path) -> None:
    bovw.save_vocabulary(vocabulary, tmp_path / "v")
    loaded = bovw.load_vocabulary(tmp_path / "v")
    assert np.array_equal(loaded.centers_, vocabulary.centers_)
    assert loaded.facts() == vocabulary.facts()
    assert loaded.made_with_["pictures"] == vocabulary.made_with_["pictures"]
    assert loaded.made_with_["features"] == vocabulary.made_with_["features"]
    sample = np.random.default_rng(0).integers(0, 256, (300, 128)).astype(np.uint8)
    assert np.array_equal(loaded.predict(sample), vocabulary.predict(sample))


def test_nothing_is_overwritten_by_accident(engine: bovw.Engine, copy: Path) -> None:
    before = len(bovw.Engine.open(copy))
    with pytest.raises(ExistsError, match="exists already"):
        engine.save(copy)
    engine.save(copy, overwrite=True)
    assert before == len(bovw.Engine.open(copy))
    assert [path.name for path in copy.parent.iterdir()] == ["index"]


def test_foreign_folders_are_never_overwritten(engine: bovw.Engine, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "mine.jpg").write_bytes(b"precious")
    with pytest.raises(ExistsError, match="neither a vocabulary nor an index"):
        engine.save(tmp_path / "photos", overwrite=True)
    assert (tmp_path / "photos" / "mine.jpg").read_bytes() == b"precious"


def test_a_failure_while_saving_leaves_what_was_there(
    engine: bovw.Engine, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(copy)

    def full_disk(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", full_disk)
    with pytest.raises(bovw.BovwError, match="No space left on device; what was there is"):
        engine.save(copy, overwrite=True)
    assert before == contents(copy)
    assert [path.name for path in copy.parent.iterdir()] == ["index"]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda p: (p / "manifest.json").unlink(), "holds no manifest"),
        (lambda p: (p / "manifest.json").write_text("{"), "cannot be read"),
        (lambda p: (p / "manifest.json").write_text("[]"), "not a manifest of bovw"),
        (lambda p: edit(p / "manifest.json", version=99), "version 99"),
        (lambda p: edit(p / "manifest.json", format="bovw-vocabulary"), "an? index is needed"),
        (lambda p: edit(p / "manifest.json", settings={"x": {}}), "not as expected"),
        (
            lambda p: edit(p / "manifest.json", files={"../x": {"size": 1, "sha256": ""}}),
            "leads out of",
        ),
        (lambda p: edit(p / "manifest.json", generation="7"), "generation '7'"),
        (lambda p: edit(p / "manifest.json", segments=[{"name": "x", "dead": []}]), "expected"),
        (
            lambda p: edit(p / "manifest.json", segments=[{"name": "segments/0001", "dead": [-1]}]),
            "removes pictures that are not there",
        ),
        (lambda p: change_byte(p / "manifest.json"), "changed since|cannot be read"),
        (lambda p: (p / "segments/0001/words.npy").unlink(), "words.npy is missing"),
        (lambda p: (p / "segments/0001/words.npy").write_bytes(b"x"), "the manifest says"),
        (lambda p: shutil.rmtree(p / "vocabulary"), "missing"),
    ],
)
def test_damage_is_found_and_named(copy: Path, damage: object, message: str) -> None:
    damage(copy)  # type: ignore[operator]
    with pytest.raises(FormatError, match=message):
        bovw.Engine.open(copy)


@pytest.mark.parametrize(
    "array",
    [np.zeros(5, np.int64), np.zeros((2, 2), np.uint16), np.array([{}], dtype=object)],
)
def test_arrays_of_another_kind_are_refused(copy: Path, array: np.ndarray) -> None:
    np.save(copy / "segments/0001/words.npy", array, allow_pickle=True)
    manifest = json.loads((copy / "manifest.json").read_text())
    facts = manifest["files"]["segments/0001/words.npy"]
    facts["size"] = (copy / "segments/0001/words.npy").stat().st_size
    edit(copy / "manifest.json", files=manifest["files"])
    with pytest.raises(FormatError, match=r"words\.npy"):
        bovw.Engine.open(copy)


@pytest.mark.skipif(sys.platform == "win32", reason="its leftovers are not recognised")
def test_what_an_interrupted_overwriting_left_is_named_and_put_back(copy: Path) -> None:
    """Where two folders cannot change places at once, one is missing for a moment."""
    left = copy.parent / ".index.abcdefg1.aside"
    left.mkdir()
    copy.rename(left / "was")
    with pytest.raises(FormatError, match=r"left it in .*\.index\.abcdefg1\.aside/was: do it"):
        bovw.Engine.open(copy)
    with held(left):  # somebody is about to
        tidy(copy)
    assert not copy.exists()
    copy.mkdir()
    (copy / "mine").touch()
    tidy(copy)
    assert (left / "was").exists()  # something else has come, and the index is kept
    (copy / "mine").unlink()
    tidy(copy)
    assert len(bovw.Engine.open(copy, verify="full")) and not left.exists()


def test_where_a_disk_is_mounted_nothing_is_replaced(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.path.ismount", lambda path: path == copy)
    with pytest.raises(ExistsError, match="a disk is mounted"):
        bovw.Engine.open(copy).save(copy, overwrite=True)


def test_not_a_folder(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="no such folder"):
        bovw.Engine.open(tmp_path / "nowhere")


def test_another_sift_is_refused(copy: Path) -> None:
    manifest = json.loads((copy / "manifest.json").read_text())
    golden = [255 - value for value in manifest["descriptor"]["golden"]]
    edit(copy / "manifest.json", descriptor={**manifest["descriptor"], "golden": golden})
    with pytest.raises(IncompatibleError, match="OpenCV"):
        bovw.Engine.open(copy)


def test_another_version_is_a_warning(copy: Path) -> None:
    manifest = json.loads((copy / "manifest.json").read_text())
    edit(
        copy / "manifest.json",
        versions={**manifest["versions"], "opencv-python-headless": "4.2.0"},
    )
    with pytest.warns(UserWarning, match=r"OpenCV 4\.2\.0"):
        bovw.Engine.open(copy)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("", {"generation": 7.0}, "generation 7.0"),
        ("", {"segments": [{"name": f"segments/{1 << 31}", "dead": []}]}, "names a segment"),
        ("", {"segments": [{"name": "segments/../x", "dead": []}]}, "names a segment"),
        ("", {"segments": 7}, "not iterable"),
        ("", {"settings": {"geometry": {"verify": "7"}}}, "verify"),
        ("", {"settings": {"geometry": {"verify": 7.0}}}, "expected int"),
        ("", {"settings": {"kernel": {"sigma": float("inf")}}}, "sigma=inf: expected float"),
        ("", {"settings": {"features": {"upright": 0}}}, "upright=0: expected bool"),
        ("", {"descriptor": {}}, "descriptor"),
        ("", {"descriptor": {"descriptor": "rootsift", "golden": [0] * 127}}, "upright"),
        ("", {"descriptor": {"descriptor": "orb", "dtype": "int3", "dimensions": 9}}, "int3"),
        ("", {"versions": {"opencv-python-headless": 4}}, "versions"),
        ("vocabulary", {"n_words": [[]] * 1000}, r"says \[\[\], .* \.\.\. words"),
        ("vocabulary", {"parameters": {"random_state": None}}, "random_state=None: expected int"),
        ("vocabulary", {"made_with": {"images": {}}}, "features"),
        ("vocabulary", {"facts": {"agreement": 10**400}}, "too large"),
    ],
)
def test_odd_values_are_refused(
    copy: Path, name: str, change: dict[str, object], message: str
) -> None:
    edit(copy / name / "manifest.json", **change)
    facts = json.loads((copy / "manifest.json").read_text())["files"]
    facts["vocabulary/manifest.json"]["size"] = (copy / "vocabulary/manifest.json").stat().st_size
    edit(copy / "manifest.json", files=facts)
    with pytest.raises(FormatError, match=message):
        bovw.Engine.open(copy)


def rehash(index: Path, name: str) -> None:
    """Let a manifest say what a file is now."""
    files = json.loads((index / "manifest.json").read_text())["files"]
    edit(index / "manifest.json", files={**files, name: file_facts(index / name)})


def test_words_out_of_order_are_refused(copy: Path) -> None:
    path = copy / "segments/0001/words.npy"
    words = np.load(path)
    words[:20] = words[:20][::-1]
    np.save(path, words)
    rehash(copy, "segments/0001/words.npy")
    with pytest.raises(FormatError, match="segment 1 holds words out of order"):
        bovw.Engine.open(copy, verify="full")
    assert "segment 1 holds words out of order" in " ".join(diagnose(copy).problems)


def test_a_picture_in_two_segments_is_refused(copy: Path) -> None:
    shutil.copytree(copy / "segments/0001", copy / "segments/0002")
    manifest = json.loads((copy / "manifest.json").read_text())
    files = manifest["files"]
    more = {n.replace("0001", "0002"): f for n, f in files.items() if n.startswith("segments/")}
    segments = [*manifest["segments"], {"name": "segments/0002", "dead": []}]
    edit(copy / "manifest.json", files={**files, **more}, segments=segments)
    with pytest.raises(FormatError, match=r"keys\.npy"):
        bovw.Engine.open(copy)
    edit(copy / "manifest.json", views=None)
    with pytest.raises(FormatError, match="two segments hold"):
        len(bovw.Engine.open(copy))
    assert "two segments hold" in " ".join(diagnose(copy).problems)


def test_nesting_beyond_measure_is_refused(copy: Path) -> None:
    for depth in (900, 100_000):
        (copy / "manifest.json").write_text(
            '{"format": "bovw-index", "version": 2, "x": ' + "[" * depth + "]" * depth + "}"
        )
        with pytest.raises(FormatError, match=r"manifest\.json"):
            bovw.Engine.open(copy)


def test_what_is_no_file_is_not_read(copy: Path) -> None:
    (copy / "manifest.json").unlink()
    (copy / "manifest.json").symlink_to("/dev/zero")
    with pytest.raises(FormatError, match="holds no manifest"):
        bovw.Engine.open(copy)


@pytest.mark.parametrize(
    "header",
    [
        b"\x93NUMPY\x02\x00\xff\xff\xff\x7f",  # two gigabytes of header
        b"\x93NUMPY\x01\x00\x76\x00{'descr': '|u1\xff" + b" " * 200,
        b"\x93NUMPY\x01\x00\x76\x00" + b"(" * 118,
    ],
)
def test_odd_headers_are_refused(copy: Path, header: bytes) -> None:
    path = copy / "segments/0001/keypoints.npy"
    path.write_bytes(header + path.read_bytes()[len(header) :])
    with pytest.raises(FormatError, match=r"keypoints\.npy cannot be read"):
        bovw.Engine.open(copy)


def test_the_bytes_of_another_machine_are_refused(copy: Path) -> None:
    keypoints = np.load(copy / "segments/0001/keypoints.npy")
    np.save(copy / "segments/0001/keypoints.npy", keypoints.astype(keypoints.dtype.newbyteorder()))
    with pytest.raises(FormatError, match=r"keypoints\.npy holds"):
        bovw.Engine.open(copy)


def test_words_beyond_the_vocabulary_are_refused(copy: Path, pictures: list[Path]) -> None:
    words = np.load(copy / "segments/0001/words.npy")
    words[7] = np.iinfo(words.dtype).max
    np.save(copy / "segments/0001/words.npy", words)
    opened = bovw.Engine.open(copy)
    with pytest.raises(FormatError, match=r"segment 1 holds word 65535 of a vocabulary of"):
        opened.search(pictures[0])


def test_a_journal_of_something_else_is_not_taken_up(tmp_path: Path) -> None:
    record = ["a.jpg", "/a.jpg", 7, 7, "", 1, 1]
    good = json.dumps({"picture": record, "n": 0}).encode(), b""
    odd = [
        ({"picture": record, "n": 2}, b"x"),
        ({"picture": record, "n": -1}, b""),
        ({"picture": [1, *record[1:]], "n": 0}, b""),
        ({"failure": ["a.jpg", "/a.jpg", 7]}, b""),
        ({"picture": record, "n": 1}, b"\xff" * (1 + 8 + 6)),  # a word beyond the vocabulary
        ([], b""),
    ]
    for content, arrays in odd:
        entries = [good, (json.dumps(content).encode(), arrays), good]
        with (tmp_path / "journal").open("wb") as file:
            for text, data in entries:
                crc = zlib.crc32(data, zlib.crc32(text))
                file.write(struct.pack("<4sIII", b"bvwj", len(text), len(data), crc) + text + data)
        assert len(list(read_journal(tmp_path, 100))) == 1
