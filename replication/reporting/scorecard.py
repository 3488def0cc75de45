"""The scorecard: every published value and claim, ours, and a verdict, on one page per profile."""

from collections.abc import Iterable
from html import escape
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd

from replication import project
from replication.files import atomic_write_text
from replication.reporting import adequacy, environment, gallery, published, site, tables, verdicts
from replication.reporting.overview import in_words, overview, proportions
from replication.reporting.page import page
from replication.reporting.published import CLAIM_KEY, KEY
from replication.reporting.site import Page
from replication.reporting.verdicts import ResultsError

_LONG = 30  # rows from which a table starts folded
_FEW = 12  # pages of one notebook up to which all links are shown
_MANY = 3  # values from which those that share a reason for not being run are folded


def build(profile: str) -> Path:
    """Write reports/<profile>/index.html, environment.json, site.js and pages.js; returns the page's path.

    Rows without results say 'not run' with the reason, 'not built' where no experiment has touched the table yet. A
    verdict links to the notebook that made it if that page exists.
    """
    folder = project.root() / "reports" / profile
    results = verdicts.read_results(profile)
    values, claims = _judged_values(results), _judged_claims(results)
    papers = [paper for paper in published.papers().to_dict("records") if _is_judged(paper, values, claims)]
    pages = site.pages(profile)
    body = "\n".join(
        [
            "<h1>Scorecard of the replication</h1>",
            overview(papers, values, claims),
            "<p>Every value and every claim that the papers publish, beside what this repository computes. "
            'At the end: <a href="#notebooks">all notebooks</a>, <a href="#rule">how verdicts are reached</a>.</p>',
            _pictures(profile, pages),
            *(_paper(paper, values, claims, pages) for paper in papers),
            _extensions(results, pages),
            _notebooks(pages),
            _rules(),
        ]
    )
    facts = environment.record(profile, weights=environment.weights_of_metrics(profile))
    html = page(f"Scorecard, {profile} profile", body, profile=profile, footer=_footer(facts), extra_css=_css())
    atomic_write_text(folder / "index.html", html)
    site.write(profile)
    return folder / "index.html"


def _judged_values(results: dict[str, dict[str, pd.DataFrame]]) -> pd.DataFrame:
    """All published values compared with ours; `experiment` names the experiment of each."""
    ours, owner = _gather(results, "values", KEY)
    judged = verdicts.compare(published.values(), ours)
    judged["experiment"] = [owner.get(key, "") for key in judged[KEY].itertuples(index=False, name=None)]
    return judged


def _judged_claims(results: dict[str, dict[str, pd.DataFrame]]) -> pd.DataFrame:
    ours, owner = _gather(results, "claims", CLAIM_KEY)
    judged = verdicts.compare_claims(published.claims(), ours)
    judged["experiment"] = [owner.get(key, "") for key in judged[CLAIM_KEY].itertuples(index=False, name=None)]
    return judged


def _gather(
    results: dict[str, dict[str, pd.DataFrame]], kind: str, key: list[str]
) -> tuple[pd.DataFrame, dict[tuple[Any, ...], str]]:
    owner: dict[tuple[Any, ...], str] = {}
    frames = []
    for experiment, found in results.items():
        if kind not in found:
            continue
        for row in found[kind][key].itertuples(index=False, name=None):
            if row in owner:
                raise ResultsError(f"{' / '.join(row)} is reported by two experiments: {owner[row]} and {experiment}")
            owner[row] = experiment
        frames.append(found[kind])
    empty = pd.DataFrame(columns=verdicts.VALUE_COLUMNS if kind == "values" else verdicts.CLAIM_COLUMNS)
    return pd.concat(frames, ignore_index=True) if frames else empty, owner


def _is_judged(paper: Any, values: pd.DataFrame, claims: pd.DataFrame) -> bool:
    """True if the paper has published values or claims; a folder of experiments of our own has none."""
    return paper["paper"] in {*values["paper"], *claims["paper"]}


def _pictures(profile: str, pages: dict[str, Page]) -> str:
    """A picture for each paper, leading to the page that it is from."""
    pictures = gallery.read(profile)
    if all(picture.absent for picture in pictures):
        reasons = "; ".join(dict.fromkeys(picture.absent for picture in pictures))
        return f'<p class="soft">No pictures: {escape(reasons)}.</p>'
    titles = dict(published.papers()[["paper", "title"]].itertuples(index=False, name=None))
    cards = []
    for picture in pictures:
        shown = f"No picture: {escape(picture.absent)}."
        if not picture.absent:
            shown = f'<img src="gallery/{escape(picture.paper)}.png" alt="{escape(picture.shows)}">'
            if picture.page in pages:
                shown = f'<a href="{quote(picture.page)}.html">{shown}</a>'
        title = f'<a href="#{escape(picture.paper)}">{escape(titles[picture.paper])}</a>'
        shows = "" if picture.absent else f" {escape(picture.shows)}"
        cards.append(f"<figure><div>{shown}</div><figcaption>{title}.{shows}</figcaption></figure>")
    return f'<div class="gallery">{"".join(cards)}</div>'


def _notebooks(pages: dict[str, Page]) -> str:
    """All pages: an entry for each notebook, under the paper that the pages' names begin with."""
    if not pages:
        return '<h2 id="notebooks">Notebooks</h2><p>None has been run yet.</p>'
    parts = ['<h2 id="notebooks">Notebooks</h2>']
    for paper, notebooks in site.by_paper(pages).items():
        items = "".join(f"<li>{_notebook({name: pages[name] for name in of})}</li>" for of in notebooks.values())
        parts.append(f"<h3>{escape(paper)}</h3><ul>{items}</ul>")
    return "".join(parts)


def _notebook(pages: dict[str, Page]) -> str:
    """The title as a link, or the title and a link for each of its pages, folded where they are many."""
    links = []
    for name, its in pages.items():
        own = its.variant.removeprefix(name.partition("_")[0] + "_")
        links.append(f'<a href="{quote(name)}.html">{escape(own or its.title)}</a>')
    first = next(iter(pages.values()))
    if len(links) == 1 and not first.variant:
        return links[0]
    title, listed = escape(first.title), ", ".join(links)
    if len(links) <= _FEW:
        return f"{title}: {listed}"
    return f"<details><summary>{title}: {len(links)} pages</summary>{listed}</details>"


def _paper(paper: Any, values: pd.DataFrame, claims: pd.DataFrame, pages: dict[str, Page]) -> str:
    parts = [
        f'<section><h2 id="{escape(paper["paper"])}">{escape(paper["title"])}</h2>',
        f'<p class="soft">{_imprint(paper)}</p>',
    ]
    own_claims = claims[claims["paper"] == paper["paper"]]
    own_values = values[values["paper"] == paper["paper"]]
    parts.append(
        _outcome(own_claims, own_values) + _links([*own_claims["experiment"], *own_values["experiment"]], pages)
    )
    folded = []
    if len(own_claims):
        run = own_claims["verdict"] != verdicts.NOT_RUN
        ordered = pd.concat([own_claims[run], own_claims[~run]])
        folded.append(f"<h3>Claims</h3>{tables.claims_table(ordered)}")
    for table in published.tables().to_dict("records"):
        own = own_values[own_values["table"] == table["table"]]
        if table["paper"] == paper["paper"] and len(own):
            links = _links(own["experiment"], pages)
            folded.append(f"<h3>{escape(table['title'])}</h3><p>{escape(table['note'])}</p>{links}{_values(own)}")
    summary = "<summary>Claims and values one by one</summary>"
    return f'{"".join(parts)}<details class="verdicts">{summary}{"".join(folded)}</details></section>'


def _outcome(claims: pd.DataFrame, values: pd.DataFrame) -> str:
    """What came out, in short: the verdict on the first claim, for which the paper stands, and counts of all."""
    parts = []
    if len(claims):
        first = claims.iloc[0].to_dict()
        reason = "" if first["verdict"] == verdicts.NOT_RUN else f" {escape(first['reason'])}"
        parts.append(
            f"The claim that {escape(first['statement'])}: {tables.pills(first['verdict'], first['says'])}{reason}"
        )
    counts = [
        f"{len(judged)} {kind}: {in_words(judged)}"
        for kind, judged in (("claims", claims), ("values", values))
        if len(judged)
    ]
    parts.append(f"Of {'; of '.join(counts)}.")
    return f'<div class="outcome"><h3>What came out</h3>{"".join(f"<p>{part}</p>" for part in parts)}</div>'


def _values(judged: pd.DataFrame) -> str:
    """Counts of verdicts, then the values that were computed, then the others, folded by a reason that many share."""
    others = int((judged["origin"] == verdicts.OF_OTHERS).sum())
    of_others = f"; {others} of them correlated from per-image scores that others published" if others else ""
    absent = judged["verdict"] == verdicts.NOT_RUN
    folded = absent & (judged.groupby(["verdict", "reason"])["row"].transform("size") >= _MANY)
    parts = [f"<p>{len(judged)} values: {in_words(judged)}{of_others} {proportions(judged['verdict'])}</p>"]
    shown = judged[~folded]
    if len(shown) > _LONG:
        parts.append(f"<details><summary>{len(shown)} of them</summary>{tables.values_table(shown)}</details>")
    elif len(shown):
        parts.append(tables.values_table(shown))
    for reason, group in judged[folded].groupby("reason", sort=False):
        table = tables.values_table(group.assign(reason=""))
        parts.append(f"<details><summary>{len(group)} not run: {escape(str(reason))}</summary>{table}</details>")
    return "".join(parts)


def _imprint(paper: Any) -> str:
    kind, _, number = paper["identifier"].partition(":")
    address = {"arXiv": f"https://arxiv.org/abs/{number}", "doi": f"https://doi.org/{number}"}.get(kind)
    identifier = (
        f'<a href="{escape(address)}">{escape(paper["identifier"])}</a>' if address else escape(paper["identifier"])
    )
    return (
        ". ".join(part for part in (escape(paper["authors"]), escape(paper["venue"]), identifier) if part)
        + f". {escape(paper['note'])}"
    )


def _links(experiments: Iterable[str], pages: dict[str, Page]) -> str:
    """Links to the notebooks that gave verdicts."""
    names = dict.fromkeys(name for name in experiments if name in pages)
    links = ", ".join(f'<a href="{quote(name)}.html">{escape(pages[name].full_title)}</a>' for name in names)
    return f"<p>From the notebook{'s' if len(names) > 1 else ''} {links}.</p>" if links else ""


def _extensions(results: dict[str, dict[str, pd.DataFrame]], pages: dict[str, Page]) -> str:
    parts = []
    for experiment, found in results.items():
        if "extensions" in found and len(found["extensions"]):
            extensions = found["extensions"].assign(
                **{name: pd.to_numeric(found["extensions"][name]) for name in ("value", "low", "high")}
            )
            title = escape(pages[experiment].full_title) if experiment in pages else escape(experiment)
            link = f'<a href="{quote(experiment)}.html">{title}</a>' if experiment in pages else title
            table = tables.extensions_table(extensions)
            parts.append(f"<h3>{link}</h3><details><summary>{len(extensions)} numbers</summary>{table}</details>")
    if not parts:
        return ""
    return f"<h2>Extensions</h2><p>Numbers that no paper has published.</p>{''.join(parts)}"


def _rules() -> str:
    rows = "".join(
        f"<tr><td>{escape(row['paper'])}</td><td>{escape(row['table'])}</td><td>{escape(row['statistic'])}</td>"
        f"<td class='number'>{_limit(row['reproduced'], row['scale'])}</td>"
        f"<td class='number'>{_limit(row['close'], row['scale'])}</td>"
        f"<td>{escape(row['reason'])}</td></tr>"
        for row in published.tolerances().to_dict("records")
    )
    head = "".join(
        f"<th scope='col'>{name}</th>" for name in ("paper", "table", "statistic", "reproduced", "close", "why")
    )
    return (
        f'<h2 id="rule">How verdicts are reached</h2><p>{escape(verdicts.RULE)}</p>'
        f"<p>{escape(adequacy.RULE)}</p>"
        "<p>A value or claim is <em>not run</em> where data, weights or the experiment itself are absent; the reason "
        "stands beside it. Verdicts on claims are reached in the notebooks, from the numbers and tests shown there, by "
        "rules that were fixed on the date given; fed a paper's own printed numbers, they give its own claims.</p>"
        "<details><summary>Tolerances</summary>"
        f'<div class="scroll"><table class="sides"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
        "</details>"
    )


def _limit(value: float, scale: str) -> str:
    return f"{value:.0%}" if scale == "relative" else f"{value:g}"


def _footer(facts: dict[str, Any]) -> dict[str, str]:
    weights = "; ".join(f"{name}: {what}" for name, what in facts["weights"].items())
    return {
        "Profile": facts["profile"],
        "Parameters": facts["parameters"],
        "Code": facts["code"],
        "Data": facts["data"],
        "Weights": weights or "none from elsewhere: every network was trained here",
        "Device": f"{facts['device']}, {facts['threads']} threads",
        "Python": f"{facts['python']}, {facts['system']}",
        "Packages": ", ".join(f"{name} {version}" for name, version in facts["packages"].items()),
    }


def _css() -> str:
    return f"{tables.VERDICT_CSS}\n{(resources.files(__package__) / 'scorecard.css').read_text(encoding='utf-8')}"
