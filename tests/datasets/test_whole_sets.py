"""Every official folder whole, as a laboratory has it: read, pinned, and through the whole of the papers' tables."""

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import whole_sets
import yaml
from scipy import stats

from replication import datasets, dependencies, pipeline, project
from replication.cli import main
from replication.datasets import pin
from replication.datasets.catalogue import JUDGED, RATED, known
from replication.datasets.iqa.listing import Row
from replication.datasets.official import read_official
from replication.metrics import registry
from replication.metrics.names import parse
from replication.reporting.notebook import run_notebook
from replication.reporting.parameters import select_parameters
from replication.scoring import score
from replication.scoring.channel_tables import ChannelDistances
from replication.scoring.rated_sets import labels_in, score_set
from replication.scoring.scored import MetricFacts, Scored

ROOT = Path(__file__).resolve().parents[2]
SIX = ("live", "csiq", "tid2013", "kadid-10k", "pipal", "qads")  # of Table I
PICTURES = whole_sets.pictures()
CHEAP = ("psnr", "psnr(colour=gray)", "psnr(colour=y)", "ssim(colour=gray)")


@pytest.fixture(scope="module")
def data(real_data: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path]]:
    """A data root with the six sets and LIVE-MD, and the folder of labels that they were made from."""
    root, labels = tmp_path_factory.mktemp("data"), real_data("labels")
    for name in (*SIX, "live-md"):
        whole_sets.write(name, root, labels, PICTURES)
    yield root, labels
    shutil.rmtree(root)  # pytest would leave its 40,000 files, or 215,000 with BAPPS


@pytest.fixture(scope="module")
def _bapps(data: tuple[Path, Path]) -> None:
    """Both parts of BAPPS under the data root."""
    whole_sets.write_bapps(data[0], PICTURES)


@pytest.fixture
def lab(data: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with the paper profile active, which is the working directory, and that data root."""
    for name in ("conf", "notebooks", "replication"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pipeline.yaml", "dvc.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REPLICATION_DATA", str(data[0]))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))  # for kernels
    write_parameters(paper())
    return tmp_path


def paper(*, data_sets: Iterable[str] = ()) -> dict[str, Any]:
    """The paper profile's parameters, with these sets in the one list that a laboratory edits."""
    settings: dict[str, Any] = project.profile_values("paper")
    settings["iqa"]["data_sets"] += data_sets
    return settings


def write_parameters(settings: Mapping[str, Any]) -> None:
    plain = yaml.safe_load(yaml.dump(settings, Dumper=_Plain))
    (project.root() / "params.yaml").write_text(yaml.safe_dump(plain, sort_keys=False))


class _Plain(yaml.SafeDumper):
    """Writes the marked mappings of conf/ as ordinary ones."""


_Plain.add_multi_representer(dict, lambda dumper, value: dumper.represent_dict(dict(value)))


def run(name: str, settings: Mapping[str, Any]) -> str:
    """Run the notebook of a stage with the parameters that the stage gives it; returns its page."""
    stage = next(stage for stage in pipeline.stages(settings) if stage.name == name)
    literals = [f"{key}={pipeline._literal(value)}" for key, value in stage.literals.items()]
    values = {"profile": settings["profile"], **select_parameters(settings, stage.given, literals)}
    page = project.root() / "reports" / f"{name}.html"
    run_notebook(project.root() / stage.notebook, values, page, profile=settings["profile"], record={})
    return page.read_text()


def save_scores(experiment: str, name: str, labels: Iterable[str]) -> None:
    """Score a set with a cheap metric in the place of each of `labels`, and save it as a stage does."""
    metrics = {label: stand_in(label) for label in labels}
    facts = {}
    for label, cheap in metrics.items():
        base, options = parse(cheap)
        metric = registry.create(base, **options)
        facts[label] = MetricFacts(metric.higher_is_better, dict(metric.protocol))
    rated = datasets.load(name)
    table = score(rated, metrics, workers=0, show_progress=False)
    about = (rated.title, rated.licence, rated.source, rated.opinion, rated.remarks, rated.digest)
    Scored(rated.name, *about, facts, table).save(project.results_folder("paper", experiment) / name)


def stand_in(label: str) -> str:
    return CHEAP[sum(label.encode()) % len(CHEAP)]


def expected_srcc(name: str, rows: list[Row]) -> float:
    """SRCC of PSNR with the opinions of a set, from the rows that its folder was made from and the pictures' pixels."""
    pixels = [np.asarray(picture, float) for picture in PICTURES]
    psnr = [10 * np.log10(255**2 / max(((each - pixels[0]) ** 2).mean(), 1e-9)) for each in pixels]
    steps = whole_sets.strengths(name, rows)
    rho = stats.spearmanr([psnr[steps[row.distorted]] for row in rows], [row.opinion for row in rows]).statistic
    return float(rho if RATED[name].opinion.higher_is_better else -rho)


def test_every_set_is_read_whole(lab: Path) -> None:
    counts = {"live": 779, "csiq": 866, "tid2013": 3000, "kadid-10k": 10125, "pipal": 23200, "qads": 980}
    for name, count in (counts | {"live-md": 450}).items():
        assert read_official(known()[name]) == f"complete ({count} images)"


@pytest.mark.slow
@pytest.mark.usefixtures("_bapps")
def test_bapps_is_read_whole_and_refused_without_a_patch(
    lab: Path, data: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    patches = datasets.load_judgements("bapps-2afc")
    assert len(patches) == 36344
    assert sorted(patches.table["fraction"].unique()) == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1])
    row = patches.table.iloc[-1]
    step = whole_sets.patch_strength(f"{row['subset']}/p1/{row['name']}")
    assert np.array_equal(patches.images[row["p1"]].read(), np.asarray(PICTURES[step]))
    assert len(datasets.load_judgements("bapps-jnd")) == 9600
    file = data[0] / "bapps" / "jnd" / "val" / "cnn" / "p1" / "000003.png"
    said = refused("bapps-jnd", file, capsys)
    assert "bapps-jnd: cnn/p1 has no file 000003" in said


def test_one_list_and_a_pin_bring_a_set_into_every_table(lab: Path) -> None:
    added = ("live", "csiq", "qads", "live-md")
    assert pin.write(added) == list(added)
    write_parameters(paper(data_sets=added))
    found = {stage.name: stage for stage in pipeline.stages()}
    for name in added:
        for family in ("iqa_scores", "smic_scores"):
            assert f"pins/{name}.md5" in dependencies.pins(found[f"{family}-{name}"].values)
        assert f"smic_variants-{name}" not in found  # sixty more metrics, which no table of the paper needs
    for table in ("smic_six_datasets", "smic_against_mic", "iqa_benchmark"):
        assert {f"pins/{name}.md5" for name in added} <= set(dependencies.pins(found[table].values))
    for table in ("pe_quality", "pe_channel_distances-vgg16"):  # whose sets are in the profile as it is
        assert {"pins/live.md5", "pins/live-md.md5"} <= set(dependencies.pins(found[table].values))


def test_a_set_that_lacks_an_image_is_refused_in_one_sentence(
    lab: Path, data: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    said = refused("qads", data[0] / "qads" / "super-resolved_images" / "img07_3_5.bmp", capsys)
    assert "qads is incomplete, 1 of 1000 images missing, img07_3_5.bmp" in said


def refused(name: str, file: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """The one line that `data pin` prints where a file of a set is missing."""
    beside = file.with_suffix(".moved")
    file.rename(beside)
    try:
        assert main(["data", "pin", name]) == 1
    finally:
        beside.rename(file)
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    return said


@pytest.mark.slow
def test_the_six_sets_fill_both_tables_of_smic(lab: Path, data: tuple[Path, Path]) -> None:
    settings = paper(data_sets=SIX)
    settings["iqa"]["published_sets"] = []  # so that no cell can come from scores of others
    settings["smic"]["pictures"]["network"] = "none"  # maps of attention need the weights of a network
    methods, beside = settings["smic"]["methods"], settings["smic"]["mic"]
    settings["smic"]["scores"]["channels"] = list(beside.values())  # for Table II; the profile leaves them out, as slow
    scored = {
        "iqa_scores": labels_in(settings["iqa"]["metrics"], settings["iqa"]["protocols"]),
        "smic_scores": labels_in(settings["smic"]["scores"]),
    }
    wanted = [*methods.values(), *beside.values()]
    first = [label for label in wanted if label in scored["smic_scores"]]
    second = [label for label in wanted if label not in first]
    assert set(second) <= set(scored["iqa_scores"])
    for name in SIX:
        save_scores("smic_scores", name, first)
        save_scores("iqa_scores", name, second)
    for name in paper()["iqa"]["data_sets"]:  # not available, as in a laboratory that has the originals only
        for experiment in ("smic_scores", "iqa_scores"):
            score_set(name, []).save(project.results_folder("paper", experiment) / name)
    for name in settings["smic"]["variants_on"]:
        score_set(name, []).save(project.results_folder("paper", "smic_variants") / name)

    page = run("smic_six_datasets", settings)
    assert "live-part: not run" in page
    table = pd.read_csv("results/paper/smic_six_datasets/table1.csv")
    assert len(table) == 192
    assert np.isfinite(table[["ours", "low", "high"]]).all(axis=None)
    assert not (table["verdict"] == "not run").any()
    assert dict(table.groupby("column")["n"].first()) == {
        title: RATED[name].images for title, name in settings["smic"]["columns"].items()
    }
    ours = table[table["statistic"] == "SRCC"].set_index(["row", "column"])["ours"]
    rows = [row for row, label in methods.items() if stand_in(label) == "psnr"]
    assert rows
    for title, name in settings["smic"]["columns"].items():
        truth = expected_srcc(name, whole_sets.rows_of(name, data[1]))
        assert [ours[row, title] for row in rows] == pytest.approx([truth] * len(rows), abs=1e-5)

    run("smic_against_mic", settings)
    table = pd.read_csv("results/paper/smic_against_mic/table2.csv")
    assert len(table) == 80
    assert np.isfinite(table["ours"]).all()


@pytest.mark.slow
@pytest.mark.usefixtures("_bapps")
def test_live_md_and_bapps_go_through_the_study_of_channels_and_the_benchmark(lab: Path) -> None:
    settings = paper(data_sets=["live", "live-md", "qads"])
    settings["iqa"] |= {"published_sets": [], "protocols": {}, "metrics": list(CHEAP[:3])}
    settings["iqa"]["data_sets"] = ["live-md", "qads"]
    study = settings["pe_quality"]
    study["backbones"] = ["squeezenet1_1"]
    study["measuring"] |= {"weights": "random", "taps": {"squeezenet1_1": ["relu1"]}, "data_sets": ["live-md"]}
    study["analysis"] |= {"draws": 10, "resamples": 100, "metrics": ["psnr"], "variants": {}}
    study["analysis"]["efficacy"] = {"frequencies": 4, "phases": 2, "orientations": 2}
    for name in settings["iqa"]["data_sets"]:
        save_scores("iqa_scores", name, settings["iqa"]["metrics"])

    run("pe_channel_distances-squeezenet1_1", settings)
    folder = project.results_folder("paper", "pe_channel_distances") / "squeezenet1_1"
    pairs = {name: ChannelDistances.load(folder / name) for name in ("live-md", *JUDGED)}
    assert {name: len(each.table) for name, each in pairs.items()} == {
        "live-md": 450,
        "bapps-jnd": 4800,  # the subset cnn
        "bapps-2afc": 2 * (4720 + 1888),  # cnn and frameinterp, two patches each
    }
    assert all((each.table["problem"] == "").all() for each in pairs.values())
    run("pe_quality", settings)
    judged = pd.read_csv("results/paper/pe_quality/judgements.csv")
    assert set(judged["data_set"]) == {JUDGED[name].title for name in JUDGED}
    assert np.isfinite(judged["score"]).all()
    run("iqa_benchmark", settings)
    found = pd.read_csv("results/paper/iqa_benchmark/correlations.csv")
    assert set(found["data_set"]) == {"LIVE multiply distorted", "QADS"}
    assert np.isfinite(found["srcc"]).all()
