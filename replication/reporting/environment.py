"""The environment of a run: code, parameters, packages, device, data, weights. No clock, path or host name."""

import json
import os
import platform
import subprocess
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from replication import project
from replication.datasets import pin
from replication.files import atomic_write_text

_PACKAGES = [
    *("torch", "torchvision", "numpy", "scipy", "pandas", "scikit-image", "scikit-learn", "pillow"),
    *("matplotlib", "seaborn", "papermill", "nbconvert", "ipykernel", "latex2mathml", "dvc"),
]
# Written by a run or a switch of profiles, or recorded by another entry.
_OUTPUTS = ["reports", "results", "dvc.lock", "dvc.yaml", "params.yaml"]


def record(profile: str, *, weights: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Describe the present environment in reports/<profile>/environment.json and return its content.

    weights: name -> what it is (file digest, or 'random, seed 0') of every network that the suite did not train.
    """
    facts: dict[str, Any] = {
        "profile": profile,
        "parameters": parameters(profile),
        "code": code(),
        "data": data(profile),
        "weights": dict(weights or {}),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        **device(),
        "packages": packages(),
    }
    path = project.root() / "reports" / profile / "environment.json"
    atomic_write_text(path, json.dumps(facts, indent=2, ensure_ascii=False) + "\n")
    return facts


def summary(profile: str, *, weights: Mapping[str, str] | None = None) -> dict[str, str]:
    """The part of the environment that a page states: profile, data, weights. The page itself shows the parameters."""
    listed = "; ".join(f"{name}: {what}" for name, what in (weights or {}).items())
    return {
        "Profile": profile,
        "Data": data(profile),
        "Weights": listed or "as this page states; a network for which it states none was trained here",
    }


def weights_of_metrics(profile: str) -> dict[str, str]:
    """Weights that the profile's score tables were computed with: network (or metric) -> what they are."""
    found: dict[str, str] = {}
    for path in sorted((project.root() / "results" / profile).glob("*/*/facts.json")):
        for label, facts in json.loads(path.read_text(encoding="utf-8"))["metrics"].items():
            weights = facts["protocol"].get("weights")
            if isinstance(weights, str):  # of a network; MS-SSIM has an option of that name too
                found[facts["protocol"].get("backbone", label)] = weights
    return found


def parameters(profile: str) -> str:
    """'as in conf/sample.yaml', or the parameters of params.yaml that differ from it."""
    ours, conf = _flat(project.settings()), _flat(project.profile_values(profile))
    changed = [f"{name}={value!r}" for name, value in ours.items() if value != conf.get(name)]
    return f"as in conf/{profile}.yaml" + (f", except {', '.join(changed)}" if changed else "")


def data(profile: str) -> str:
    """A description of the images: the sets pinned by data.dvc and where those at hand differ, or two packages."""
    if profile == "sample":
        versions = packages()
        sources = [f"{name} {versions[name]}" for name in ("scikit-image", "scikit-learn") if name in versions]
        return f"photographs that come with {' and '.join(sources)}"
    pinned = pin.read()
    if not pinned:
        return "files of the data root, not pinned (no data.dvc)"
    described = [
        f"{name} ({f'{len(each.files)} images' if each.files else 'folder'}, md5 {each.md5[:8]}){_departure(name)}"
        for name, each in pinned.items()
    ]
    return f"as pinned by data.dvc: {', '.join(described)}"


def _departure(name: str) -> str:
    difference = pin.difference(name)
    return f" BUT HERE {difference}" if difference else ""


def code() -> str:
    """The last git commit of anything but outputs, and whether such files were changed after it.

    A commit of outputs alone does not count, so that a run after it gives the same pages.
    """
    files = (".", *(f":(exclude){name}" for name in _OUTPUTS))
    commit = _git("log", "-1", "--format=%H", "--", *files)
    if not commit:
        return "not under version control"
    changed = _git("status", "--porcelain", "--", *files)
    return f"commit {commit}" + (", with uncommitted changes" if changed else "")


def device() -> dict[str, Any]:
    """Processor or GPU, and the number of threads."""
    import torch  # seconds to import, and only this needs it

    name = _processor()
    if torch.cuda.is_available():
        name = f"{torch.cuda.get_device_name()} (CUDA {torch.version.cuda}), {name}"
    return {"device": name, "threads": torch.get_num_threads()}


def packages() -> dict[str, str]:
    """Versions of the packages that the numbers depend on."""
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _git(*arguments: str) -> str | None:
    quiet = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=project.root(), env=quiet, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            flat.update(_flat(value, f"{prefix}{name}."))
        else:
            flat[f"{prefix}{name}"] = value
    return flat
