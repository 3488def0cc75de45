"""The command `dag`: the graph of experiments, against the dependencies that dvc.yaml has."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from replication.cli import main

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def edges_of_dvc() -> Iterator[tuple[str, str]]:
    """Which entry of pipeline.yaml reads a folder that which other one writes, by the paths in dvc.yaml alone."""
    stages = yaml.load((ROOT / "dvc.yaml").read_text(), yaml.CSafeLoader)["stages"]
    entry = {name: name.partition("-")[0] for name in stages}
    outs = {
        path: entry[name]
        for name, stage in stages.items()
        for out in stage["outs"]
        for path in out
        if "reports/" not in path
    }
    for name, stage in stages.items():
        if "notebooks/" in stage["cmd"]:
            for dep in stage["deps"]:
                written = {by for path, by in outs.items() if path == dep or path.startswith(f"{dep}/")}
                yield from ((by, entry[name]) for by in written)


def test_the_diagram_has_the_edges_of_dvc(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dag", "--mermaid"]) == 0
    first, *lines = capsys.readouterr().out.splitlines()
    assert first == "flowchart LR"
    edges = {tuple(line.split(" --> ")) for line in map(str.strip, lines) if " --> " in line}
    assert edges == set(edges_of_dvc()) - {("pe_super_resolution_start", "pe_super_resolution")}  # by way of trainings
    assert len(edges) < 50


def test_a_paper_is_shown_with_what_it_reads_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dag", "pe"]) == 0
    shown = capsys.readouterr().out
    tree = re.sub(r" \(\d+ runs\)", "", shown)
    assert "pe_super_resolution\n└─ pe_super_resolution_training\n   └─ pe_super_resolution_start\n" in tree
    assert "pe_quality\n├─ iqa_scores\n└─ pe_channel_distances\n" in tree
    assert "smic" not in tree
    assert len(tree.splitlines()) < 15


def test_an_unknown_paper_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dag", "pea"]) == 2
    assert "error: unknown paper 'pea'; known: msssim, lwssim, smic, pe, msds" in capsys.readouterr().err
