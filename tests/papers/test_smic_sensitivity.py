"""How far choices move SRCC, and which scores slices and channels are compared in."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from scipy import stats

from replication.datasets.catalogue import Opinion
from replication.papers.smic import gains, sensitivity
from replication.scoring.scored import MetricFacts, Scored

NAMED = {
    "usual": ["psnr+smic", "ssim+smic"],
    "attention": ["psnr", "ssim+smic(weighting=level)"],
    "projections K": ["psnr+smic(projections=32)", "psnr+smic(projections=1)"],
    "law and seed": ["psnr+smic(law=paper, projection_seed=1)", "dists+smic(projection_seed=1)"],
    "taps": ["ssim+smic(taps=[relu2_2, relu3_3])"],
}
NOISE = {"psnr+smic": 0.5, "psnr": 2.0, "psnr+smic(projections=1)": 0.2}


def made(extra: tuple[str, ...] = (), name: str = "made") -> Scored:
    """Scores of 40 images of 8 references, which differ from the opinions by noise; SSIM falls with quality."""
    opinion = np.random.default_rng(0).normal(size=40)
    base = pd.DataFrame(
        {
            "data_set": name,
            "reference": np.repeat([f"r{i}" for i in range(8)], 5),
            "distorted": [f"d{i}" for i in range(40)],
            "distortion": "blur",
            "level": pd.array([1] * 40, dtype="Int64"),
            "opinion": opinion,
            "problem": "",
        }
    )
    tables, metrics = [], {}
    for number, label in enumerate(dict.fromkeys([*(label for labels in NAMED.values() for label in labels), *extra])):
        seed = 1 if label == "psnr+smic(projections=32)" else number + 1  # the same scores as of "psnr+smic"
        score = opinion + NOISE.get(label, 0.5) * np.random.default_rng(seed).normal(size=40)
        rises = label.startswith("psnr")
        tables.append(base.assign(metric=label, score=score if rises else -score))
        metrics[label] = MetricFacts(rises)
    kind = Opinion("MOS", 0, 1, higher_is_better=True)
    return Scored(name, "Made", "", "", kind, (), "digest", metrics, pd.concat(tables, ignore_index=True))


def test_changes_are_differences_of_srcc_from_the_usual_setting() -> None:
    scored = made()
    found = sensitivity.changes(scored, NAMED).set_index(["choice", "setting", "measure"])
    rho = {
        label: abs(stats.spearmanr(part["score"], part["opinion"])[0]) for label, part in scored.table.groupby("metric")
    }
    expected = {
        ("attention", "without attention", "PSNR"): ("psnr", "psnr+smic"),
        ("attention", "attention's mean", "SSIM"): ("ssim+smic(weighting=level)", "ssim+smic"),
        ("projections K", "32", "PSNR"): ("psnr+smic(projections=32)", "psnr+smic"),
        ("projections K", "1", "PSNR"): ("psnr+smic(projections=1)", "psnr+smic"),
        ("law and seed", "paper, 1", "PSNR"): ("psnr+smic(law=paper, projection_seed=1)", "psnr+smic"),
        ("taps", "relu2_2 + relu3_3", "SSIM"): ("ssim+smic(taps=[relu2_2, relu3_3])", "ssim+smic"),
    }
    assert list(found.index) == list(expected)  # DISTS has no usual setting
    for line, (label, base) in expected.items():
        assert found.loc[line, "change"] == pytest.approx(rho[label] - rho[base])
        assert found.loc[line, "srcc"] == pytest.approx(rho[label])
    assert found["usual"].tolist() == [False, False, True, False, False, False]
    assert (found["low"] <= found["change"]).all()
    assert (found["high"] >= found["change"]).all()
    assert set(found["references"]) == {8}


def test_all_choices_stand_on_one_axis_with_the_usual_value_named() -> None:
    table = sensitivity.changes(made(), NAMED)
    only_usual = table[table["usual"]].assign(choice="nothing else")
    table = pd.concat([table, only_usual], ignore_index=True)
    shown = sensitivity.lines(table)
    assert shown == [
        ("attention", ""),
        ("attention", "without attention"),
        ("attention", "attention's mean"),
        ("projections K (usual: 32)", ""),
        ("projections K", "1"),
        ("law and seed", ""),
        ("law and seed", "paper, 1"),
        ("taps", ""),
        ("taps", "relu2_2 + relu3_3"),
    ]
    figure = sensitivity.draw_changes(table)
    (axis,) = figure.axes
    drawn = {text.get_text(): place for place, text in zip(axis.get_yticks(), axis.get_yticklabels(), strict=True)}
    points = {line.get_label(): line for line in axis.lines} | {each.get_label(): each[0] for each in axis.containers}
    change = table[(table["setting"] == "1") & (table["measure"] == "PSNR")]["change"].item()
    xy = points["PSNR"].get_xydata()
    assert xy[np.rint(xy[:, 1]) == drawn["1"], 0].tolist() == [change]
    assert len(xy) == 3
    plt.close(figure)
    assert "3 settings" not in sensitivity.show_changes(table).html
    assert "5 settings as a table" in sensitivity.show_changes(table).html


def test_the_sentence_names_the_largest_changes() -> None:
    table = sensitivity.changes(made(), NAMED)
    psnr, ssim = sensitivity.sentences(table)
    own = table[(table["measure"] == "PSNR") & ~table["usual"]].set_index("setting")["change"]
    assert own.idxmin() == "without attention"
    assert f"from \N{MINUS SIGN}{-own.min():.3f} (attention: without attention) to " in psnr
    assert "40 images of 8 references" in psnr
    assert "Of 3 other settings" in psnr
    assert "Of 2 other settings" in ssim


def test_a_setting_that_failed_has_no_change() -> None:
    scored = made()
    failed = scored.table["metric"] == "psnr+smic(projections=1)"
    table = sensitivity.changes(
        replace(scored, table=scored.table.assign(score=scored.table["score"].mask(failed))), NAMED
    )
    row = table[table["setting"] == "1"].iloc[0]
    assert np.isnan(row["change"])
    assert not row["usual"]
    assert "too few scores" in sensitivity.show_changes(table).html


def test_slices_and_channels_are_compared_in_variants_where_only_they_have_both() -> None:
    plain = {"PSNR": "psnr"}
    whole, variants = made(), made(("psnr+mic",))
    assert gains.with_channels({"made": whole}, {"made": variants}, plain) == {"made": variants}
    assert gains.with_channels({"made": variants}, {"made": whole}, plain) == {"made": variants}
    assert gains.with_channels({"made": whole}, {"made": whole}, plain) == {"made": whole}
    both = gains.with_channels({"made": whole}, {"other": variants}, plain)
    assert list(both) == ["made", "other"]
