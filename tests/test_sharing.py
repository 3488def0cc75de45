"""Trained networks go through a remote of DVC from one clone to another, as the README says."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
NETWORK = "results/paper/lwssim_training/ae-mse-0/network.safetensors"
STAGE = f"stages:\n  train:\n    cmd: 'true'\n    outs:\n    - {NETWORK}:\n        persist: true\n"


def test_a_colleague_gets_a_network_that_was_pushed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"):
        monkeypatch.setenv(name, "test@example.org")
    monkeypatch.setenv("DVC_GLOBAL_CONFIG_DIR", str(tmp_path / "dvc"))
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(tmp_path / "site"))
    own, other = tmp_path / "own", tmp_path / "other"

    def run(folder: Path, *command: str) -> None:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    (own / NETWORK).parent.mkdir(parents=True)
    run(own, "git", "init", "--quiet")
    (own / ".dvc").mkdir()
    shutil.copyfile(ROOT / ".dvc" / "config", own / ".dvc" / "config")
    shutil.copyfile(ROOT / ".gitignore", own / ".gitignore")
    (own / "dvc.yaml").write_text(STAGE)
    (own / NETWORK).write_bytes(b"weights")
    run(own, "dvc", "commit", "--force")
    (tmp_path / "shared").mkdir()
    command, push = re.search(
        r"^(dvc remote add .*?) +#.*\n(dvc push) ", (ROOT / "README.md").read_text(), re.M
    ).groups()
    run(own, *command.replace("/path/to/shared/folder", str(tmp_path / "shared")).split())
    run(own, *push.split())
    run(own, "git", "add", "--all")
    run(own, "git", "commit", "--quiet", "-m", "a network")
    run(tmp_path, "git", "clone", "--quiet", str(own), "other")
    assert not (other / NETWORK).exists()
    run(other, "dvc", "pull")
    assert (other / NETWORK).read_bytes() == b"weights"
