"""The record of the environment: what changed it shows, and nothing of the machine's name, folders or clock."""

import json
import socket
import subprocess

import pytest

from replication.reporting import environment


def git(clone, *arguments) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    done = subprocess.run(["git", *identity, *arguments], cwd=clone, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_code_is_the_commit_and_tells_changes_apart_from_outputs(clone):
    assert environment.code() == "not under version control"
    git(clone, "init", "--quiet")
    git(clone, "add", "--all")
    git(clone, "commit", "--quiet", "--message", "first")
    commit = f"commit {git(clone, 'rev-parse', 'HEAD')}"
    assert environment.code() == commit
    (clone / "reports").mkdir()
    (clone / "reports" / "index.html").write_text("new")
    (clone / "params.yaml").write_text("profile: sample\n")
    assert environment.code() == commit
    (clone / "dvc.yaml").write_text("stages: {a: {}}\n")
    assert environment.code() == f"{commit}, with uncommitted changes"


def test_changed_parameters_are_named(clone):
    assert environment.parameters("sample") == "as in conf/sample.yaml"
    text = (clone / "params.yaml").read_text()
    (clone / "params.yaml").write_text(text.replace("0.25", "0.75"))
    assert environment.parameters("sample") == "as in conf/sample.yaml, except demo.mse.rate=0.75"


def test_data_are_packages_or_pinned(clone):
    assert environment.data("sample").startswith("photographs that come with scikit-image ")
    assert environment.data("paper") == "files of the data root, not pinned (no data.dvc)"
    (clone / "data.dvc").write_text("outs:\n- md5: 0a1b.dir\n  size: 5\n  nfiles: 3\n  path: data\n")
    assert environment.data("paper") == "pinned by data.dvc (data: 3 files, md5 0a1b.dir)"


def test_record_is_written_without_place_or_time(clone):
    facts = environment.record("sample", weights={"vgg16": "random, seed 0"})
    text = (clone / "reports" / "sample" / "environment.json").read_text()
    assert json.loads(text) == facts
    assert facts["weights"] == {"vgg16": "random, seed 0"}
    assert facts["packages"]["numpy"] == pytest.importorskip("numpy").__version__
    assert facts["threads"] >= 1
    assert str(clone) not in text
    assert f'"{socket.gethostname()}"' not in text
    environment.record("sample", weights={"vgg16": "random, seed 0"})
    assert (clone / "reports" / "sample" / "environment.json").read_text() == text
    assert environment.summary("sample")["Weights"] == "none from elsewhere: every network was trained here"
