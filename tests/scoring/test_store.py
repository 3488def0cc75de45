"""The store of unfinished work: only whole entries of the same key are found, and only its own files are removed."""

import os
from pathlib import Path

import numpy as np
import pytest

from replication.scoring.store import Store, code_version

KEY = ["image", 3, {"option": None}]


def test_an_entry_is_found_by_its_key_alone(tmp_path: Path) -> None:
    store = Store(tmp_path / "new")
    assert not store
    assert store.get(KEY) is None
    assert not (tmp_path / "new").exists()
    arrays = {"a": np.array([[0.1, np.nan]], np.float32), "b/c": np.arange(3)}
    store.put(KEY, {"score": 0.1 + 0.2, "none": None}, arrays)
    store.put("other", [])
    assert store
    found = Store(tmp_path / "new").get(KEY)
    assert found is not None
    assert found.value == {"score": 0.1 + 0.2, "none": None}
    assert list(found.arrays) == list(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(found.arrays[name], array)
        assert found.arrays[name].dtype == array.dtype
    assert store.get([*KEY, 1]) is None
    store.put(KEY, "later")
    found = store.get(KEY)
    assert found is not None
    assert (found.value, dict(found.arrays)) == ("later", {})


def test_damaged_cut_off_and_renamed_entries_count_as_absent(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put(KEY, [1.25] * 20, {"a": np.arange(50)})
    (file,) = tmp_path.iterdir()
    whole = file.read_bytes()
    rng = np.random.default_rng(0)
    for place in rng.integers(0, len(whole), 100):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ (1 << rng.integers(8))]) + whole[place + 1 :])
        assert store.get(KEY) is None
        file.write_bytes(whole[:place])
        assert store.get(KEY) is None
    file.write_bytes(whole)
    assert store.get(KEY) is not None
    store.put("other", 1)
    (other,) = set(tmp_path.iterdir()) - {file}
    os.replace(file, other)
    assert store.get("other") is None


def test_only_its_own_files_are_removed(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    store.clear()
    store.put(KEY, 1)
    (entry,) = store.folder.iterdir()
    (store.folder / f".{entry.name}.abcd1234.part").write_bytes(b"half of an entry, left by a kill")
    own = [store.folder / "notes.txt", store.folder / "model.done", store.folder / ("0" * 63 + ".done")]
    for path in own:
        path.write_text("mine")
    (store.folder / ("f" * 64 + ".done")).mkdir()
    store.clear()
    assert sorted(store.folder.iterdir()) == sorted([*own, store.folder / ("f" * 64 + ".done")])
    for path in own:
        path.unlink()
    (store.folder / ("f" * 64 + ".done")).rmdir()
    store.put(KEY, 1)
    store.clear()
    assert not store.folder.exists()


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with pytest.raises(ValueError, match="allow_pickle"):
        store.put(KEY, 1, {"a": np.array([{}], dtype=object)})


def test_the_version_of_code_is_that_of_the_modules_it_depends_on(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[set[str]] = []
    monkeypatch.setattr("replication.imports.digest", lambda files: str(seen.append(set(files))))
    code_version.__wrapped__("replication.scoring.tasks", "replication.metrics.gmsd")
    assert {"replication/scoring/tasks.py", "replication/metrics/gmsd.py"} <= seen[0]
    assert not {name for name in seen[0] if "/papers/" in name or "/training/" in name or name.endswith("/vif.py")}
    assert code_version.__wrapped__("tests.scoring.pictures") != code_version.__wrapped__("numpy")
