"""The record of the environment: what changed it shows, and nothing of the machine's name, folders or clock."""

import json
import socket
import subprocess

import pytest
import yaml

from replication.datasets import pin
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
    git(clone, "add", "--all")
    git(clone, "commit", "--quiet", "--message", "outputs")
    assert environment.code() == commit
    (clone / "conf" / "base.yaml").write_text("profile: sample\n")
    assert environment.code() == f"{commit}, with uncommitted changes"


def test_changed_parameters_are_named(clone):
    assert environment.parameters("sample") == "as in conf/sample.yaml"
    text = (clone / "params.yaml").read_text()
    (clone / "params.yaml").write_text(text.replace("0.25", "0.75"))
    assert environment.parameters("sample") == "as in conf/sample.yaml, except demo.mse.rate=0.75"


def test_data_are_packages_or_pinned_and_departures_are_said(clone, monkeypatch):
    assert environment.data("sample").startswith("photographs that come with scikit-image ")
    assert environment.data("paper") == "files of the data root, not pinned (no data.dvc)"
    monkeypatch.setenv("REPLICATION_DATA", str(clone / "data"))
    (clone / "data" / "set5").mkdir(parents=True)
    for name in ("baby", "bird", "butterfly", "head", "woman"):
        (clone / "data" / "set5" / f"{name}.png").write_bytes(name.encode())
    pin.write(["set5"])
    (described,) = yaml.safe_load((clone / "data.dvc").read_text())["outs"]
    assert environment.data("paper") == f"as pinned by data.dvc: set5 (5 images, md5 {described['md5'][:8]})"
    (clone / "data" / "set5" / "head.png").write_bytes(b"another head")
    assert environment.data("paper").endswith(") BUT HERE other content in head.png")


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
    assert environment.summary("sample")["Weights"].endswith("was trained here")


def test_weights_of_metrics_are_those_of_the_score_tables(clone):
    folder = clone / "results" / "sample" / "scores" / "set"
    folder.mkdir(parents=True)
    protocols = {"deep": {"protocol": {"weights": "random, seed 0"}}, "plain": {"protocol": {"colour": "gray"}}}
    protocols["lpips"] = {"protocol": {"weights": "a file", "backbone": "alexnet"}}
    (folder / "facts.json").write_text(json.dumps({"metrics": protocols}))
    assert environment.weights_of_metrics("sample") == {"deep": "random, seed 0", "alexnet": "a file"}
