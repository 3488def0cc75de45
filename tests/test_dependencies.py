"""What a stage depends on: the modules and pins behind the names in its parameters, and nothing else."""

import shutil
from pathlib import Path

import pytest

from replication import dependencies, pipeline, project
from replication.metrics import registry
from replication.training.losses import LOSSES

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def paper() -> dict[str, pipeline.Stage]:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        return {stage.name: stage for stage in pipeline.stages(project.profile_values("paper"))}


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project's source in a folder of its own, which is the working directory."""
    for name in ("conf", "notebooks", "pins", "replication"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pipeline.yaml", "dvc.yaml", "params.yaml", "data.dvc"):
        shutil.copy(ROOT / name, tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def code(stage: pipeline.Stage) -> list[str]:
    return dependencies.code(project.root() / stage.notebook, stage.values, costly=stage.costly)


@pytest.mark.parametrize("name", registry.names())
def test_every_metric_is_traced_to_the_module_that_registers_it(name: str) -> None:
    own = f"{registry.module_of(name).replace('.', '/')}.py"
    assert own in dependencies.code(ROOT / "notebooks" / "iqa_scores.ipynb", [name])


def test_a_loss_is_traced_to_its_own_module_and_to_no_other() -> None:
    notebook = ROOT / "notebooks" / "msssim_super_resolution_training.ipynb"
    found = {name: dependencies.code(notebook, [name]) for name in LOSSES}
    assert "replication/metrics/lwssim.py" in found["lwssim"]
    assert "replication/metrics/lwssim.py" not in found["mse"]
    assert "replication/metrics/losses.py" in found["ms_ssim"]
    assert all("replication/training/losses.py" not in paths for paths in found.values())


def test_a_figure_scored_with_lpips_depends_on_lpips_and_its_network(paper: dict[str, pipeline.Stage]) -> None:
    found = code(paper["pe_super_resolution"])
    for module in ("metrics/lpips.py", "metrics/deep.py", "features/backbones.py"):
        assert f"replication/{module}" in found


def test_a_stage_depends_on_the_sets_and_weights_that_it_names_and_on_no_others(
    paper: dict[str, pipeline.Stage],
) -> None:
    def pins(name: str) -> set[str]:
        return set(dependencies.pins(paper[name].values))

    training = {"pins/t91.md5", "pins/bsds500-train.md5", "pins/bsds500-val.md5"}
    assert pins("msssim_super_resolution_training-mse-0") == training
    tested_on = {"pins/set5.md5", "pins/set14.md5", "pins/bsds500-test.md5"}
    assert pins("msssim_super_resolution") == training | tested_on
    assert pins("lwssim_training-ae-mse-0") == {"pins/celeba.md5"}
    assert "pins/weights/vgg16.sha256" in pins("pe_channel_distances-vgg16")
    assert "pins/weights/alexnet.sha256" not in pins("pe_channel_distances-vgg16")
    assert "pins/weights/vgg16.sha256" in pins("iqa_scores-live-part")  # by the names of metrics


def test_random_weights_need_no_pin() -> None:
    assert dependencies.pins(["lpips-vgg(weights=random)", "dists(weights=random)"]) == []
    assert dependencies.pins([["squeezenet1_1"], "random"]) == []
    assert dependencies.pins([["squeezenet1_1"], "imagenet"]) == ["pins/weights/squeezenet1_1.sha256"]


def test_restyling_a_page_runs_no_costly_stage_again(paper: dict[str, pipeline.Stage]) -> None:
    assert not [path for path in code(paper["lwssim_training-ae-mse-0"]) if path.startswith("replication/reporting/")]
    assert "replication/reporting/tables.py" in code(paper["lwssim_celeba"])


def test_a_new_metric_is_one_file_and_makes_no_other_stage_stale(copy: Path) -> None:
    before = pipeline.text(project.profile_values("sample"))
    (copy / "replication" / "metrics" / "toy.py").write_text(
        "from replication.metrics.registry import metric\n\n\n"
        '@metric("toy", higher_is_better=True)\n'
        "def toy(reference, distorted):\n    return reference.mean(dim=(1, 2, 3))\n"
    )
    dependencies._metrics.cache_clear()
    assert pipeline.text(project.profile_values("sample")) == before
    settings = project.profile_values("sample")
    settings["iqa"]["metrics"] = [*settings["iqa"]["metrics"], "toy"]
    (own,) = (stage for stage in pipeline.stages(settings) if stage.family == "iqa_scores")
    assert "replication/metrics/toy.py" in code(own)
    dependencies._metrics.cache_clear()


def test_a_metric_and_a_set_that_code_names_are_dependencies(copy: Path) -> None:
    stages = pipeline.stages(project.profile_values("sample"))
    own = next(stage for stage in stages if stage.name == "msssim_super_resolution")
    module = copy / "replication" / "papers" / "msssim" / "super_resolution.py"
    named = {"replication/metrics/vif.py", "replication/datasets/catalogue/kodak.py", "pins/bsds500-test.md5"}
    assert not named & set(pipeline._entry(own, "sample", stages)["deps"])
    source = module.read_text()
    module.write_text(f'{source}\n\n_VIF = metrics.create("vif-pixel")\n_TEST = datasets.images("bsds500-test")\n')
    notebook = copy / own.notebook
    notebook.write_text(notebook.read_text().replace("datasets.images(images)", "datasets.images('kodak')"))
    assert named <= set(pipeline._entry(own, "sample", stages)["deps"])


def test_a_stage_that_no_longer_follows_from_its_parameters_is_refused(copy: Path) -> None:
    pipeline.check("msds_levels-squeezenet1_1")
    text = (copy / "params.yaml").read_text()
    (copy / "params.yaml").write_text(text.replace("  - gmsd\n", "  - gmsd\n  - lpips-squeeze(weights=random)\n", 1))
    with pytest.raises(pipeline.PipelineError, match="run `python -m replication pipeline`"):
        pipeline.check("iqa_scores-photos-distorted")
    pipeline.check("msds_levels-squeezenet1_1")
    assert pipeline.write()
    pipeline.check("iqa_scores-photos-distorted")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("  reads: [iqa_scores]\n", "  reads: [iqa_score]\n", "iqa_benchmark reads 'iqa_score', which is no stage"),
        ("  costly: true\n", "  slow: true\n", "unknown entry 'slow'; known: cached, command, costly"),
        ("each: {data_set: iqa.data_sets}", "each: {data_set: iqa.sets}", "names 'iqa.sets', which the parameters do"),
    ],
)
def test_a_mistake_in_pipeline_yaml_is_named(copy: Path, old: str, new: str, message: str) -> None:
    text = (copy / "pipeline.yaml").read_text()
    assert old in text
    (copy / "pipeline.yaml").write_text(text.replace(old, new, 1))
    with pytest.raises(pipeline.PipelineError, match=message):
        pipeline.text()
