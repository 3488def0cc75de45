"""The stages' graph as DVC resolves it, in both profiles: what a parameter's change runs again, and nothing else."""

import itertools
import shlex
from dataclasses import dataclass
from pathlib import Path

import networkx
import pytest
import yaml
from dvc.repo import Repo

from replication import pipeline, profiles, project
from replication.reporting.parameters import select_parameters
from replication.training.schedule import Schedule

ROOT = Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of DVC's own


@dataclass(frozen=True)
class Stage:
    """name: with its profile, "msds_levels-vgg16@sample". params: tracked. given: named in its command. below: every
    stage that depends on it, directly or not."""

    name: str
    command: str
    deps: frozenset[str]
    outs: frozenset[str]
    params: frozenset[str]
    below: frozenset[str]

    @property
    def given(self) -> set[str]:
        words = shlex.split(self.command)
        return {word.split("=")[-1] for option, word in itertools.pairwise(words) if option == "--params"}


@pytest.fixture(scope="module", params=["sample", "paper"])
def stages(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Stage]:
    folder = tmp_path_factory.mktemp(request.param)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        (folder / "dvc.yaml").write_text(pipeline.text(project.profile_values(request.param)))
        (folder / "params.yaml").write_text(profiles.text(request.param))
    with Repo.init(str(folder), no_scm=True) as repo:
        graph = repo.index.graph  # from a stage to those that it depends on
        return {
            stage.name: Stage(
                stage.name,
                stage.cmd,
                frozenset(dep.def_path for dep in stage.deps if not hasattr(dep, "params")),
                frozenset(out.def_path for out in stage.outs),
                frozenset(name for dep in stage.deps if hasattr(dep, "params") for name in dep.params),
                frozenset(each.name for each in networkx.ancestors(graph, stage)),
            )
            for stage in graph
        }


def within(inner: str, outer: str, separator: str) -> bool:
    return inner == outer or inner.startswith(outer + separator)


def either(one: str, other: str, separator: str = ".") -> bool:
    return within(one, other, separator) or within(other, one, separator)


def rerun(stages: dict[str, Stage], parameter: str) -> set[str]:
    """What runs again where the parameter changes, without the profile: "msds_levels-vgg16"."""
    own = [stage for stage in stages.values() if any(either(parameter, name) for name in stage.params)]
    assert own, parameter
    return {short(name) for stage in own for name in (stage.name, *stage.below)}


def short(name: str) -> str:
    return name.replace("@sample", "").replace("@paper", "")


def branch(stages: dict[str, Stage], *names: str) -> set[str]:
    """The stages of these names, whatever their matrix; "name-value" for one of it."""
    own = {short(name) for name in stages}
    chosen = {each for each in own for name in names if within(each, name, "-")}
    assert chosen, names
    return chosen


BRANCHES = {
    "msssim_super_resolution.learning_rates.mae": [
        "msssim_super_resolution_training-mae",
        "msssim_super_resolution",
        "gallery",
        "scorecard",
    ],
    "msssim_super_resolution.rates": [
        "msssim_super_resolution_rates",
        "msssim_super_resolution",
        "gallery",
        "scorecard",
    ],
    "msssim_super_resolution.order": ["msssim_super_resolution_order", "scorecard"],
    "smic.variants": ["smic_variants", "smic_against_mic", "scorecard"],
    "smic.pictures": ["smic_six_datasets", "gallery", "scorecard"],
    "pe_super_resolution.evaluation": ["pe_super_resolution", "scorecard"],
    "pe_super_resolution.tuning": ["pe_super_resolution_training", "pe_super_resolution", "scorecard"],
    "pe_quality.analysis": ["pe_quality", "scorecard"],
    "pe_quality.measuring": ["pe_channel_distances", "pe_quality", "scorecard"],
    "msds.analysis.objective": ["msds_significance", "gallery", "scorecard"],
    "msds.readings.levels": ["msds_levels", "msds_significance", "gallery", "scorecard"],
    "lwssim.prior_weights.vae.ssim": ["lwssim_training-vae-ssim", "lwssim_celeba", "gallery", "scorecard"],
    "lwssim.variants.one-window": ["lwssim_variants-one-window", "lwssim_celeba", "gallery", "scorecard"],
    "msssim_representations.losses.mae": [
        "msssim_representations_rates",
        "msssim_representations_training-ae-mae",
        "msssim_representations_longer-mae",
        "msssim_representations_sizes-32-mae",
        "msssim_representations_sizes-128-mae",
        "msssim_representations",
        "scorecard",
    ],
    "msssim_autoencoders.analysis": ["msssim_autoencoders", "scorecard"],
}


@pytest.mark.parametrize("parameter", BRANCHES)
def test_a_parameter_runs_its_own_branch_again_and_no_other(stages: dict[str, Stage], parameter: str) -> None:
    assert rerun(stages, parameter) == branch(stages, *BRANCHES[parameter])


def test_where_to_compute_runs_nothing_again(stages: dict[str, Stage]) -> None:
    tracked = {name for stage in stages.values() for name in stage.params}
    for parameter in (
        "iqa.scoring.device",
        "msds.scoring.scheduler",
        "smic.scoring.device",
        "pe_quality.scoring.device",
    ):
        assert not any(either(parameter, name) for name in tracked), parameter


def test_a_stage_is_given_the_parameters_that_it_tracks_and_tracks_those_it_is_given(stages: dict[str, Stage]) -> None:
    for stage in stages.values():
        for name in stage.params:
            assert any(within(name, given, ".") for given in stage.given), f"{stage.name} tracks {name} in vain"
        for given in stage.given:
            known = given.endswith(".scoring") or any(either(given, name) for name in stage.params)
            assert known, f"{stage.name} is given {given} and does not run again where it changes"


def test_a_result_that_a_stage_reads_is_made_by_another(stages: dict[str, Stage]) -> None:
    made = {out: stage.name for stage in stages.values() for out in stage.outs}
    for stage in stages.values():
        for dep in stage.deps:
            if dep.startswith(("results/", "reports/")):
                makers = {maker for out, maker in made.items() if either(dep, out, "/")}
                assert makers, f"{stage.name} reads {dep}, which nothing makes"
                assert stage.name not in makers, stage.name


def options(command: str, *names: str) -> list[str]:
    """What follows the named options in the command, in its order."""
    return [word for option, word in itertools.pairwise(shlex.split(command)) if option in names]


@pytest.mark.parametrize("profile", ["sample", "paper"])
def test_a_training_is_a_whole_number_of_rounds(profile: str) -> None:
    settings = project.profile_values(profile)
    checked = set()
    for name, stage in yaml.load(pipeline.text(settings), yaml.CSafeLoader)["stages"].items():
        given = select_parameters(settings, options(stage["cmd"], "--params"), options(stage["cmd"], "--set"))
        if {"steps", "round_steps", "warmup"} <= set(given):
            decay = given.get("decay", "cosine")
            Schedule(0.001, given["steps"], given["warmup"], decay).check_rounds(given["round_steps"])
            checked.add(name.split("-")[0])
    assert {"msssim_super_resolution_training", "lwssim_training", "lwssim_longer"} <= checked


def test_every_result_reaches_the_scorecard(stages: dict[str, Stage]) -> None:
    (scorecard,) = (name for name in stages if name.startswith("scorecard"))
    assert [stage.name for stage in stages.values() if scorecard not in stage.below] == [scorecard]
