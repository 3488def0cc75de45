"""The frame of every report: one light page, readable without scripts or network, on a phone and in print."""

from collections.abc import Mapping
from html import escape
from importlib import resources
from pathlib import Path

PROFILE_MEANING = {
    "sample": "Sample profile: stand-in photographs, small networks and few training steps. These numbers replicate "
    "nothing; they show every table, figure and verdict in its real form.",
    "paper": "Paper profile: the papers' protocol on real images. Where it departs from a paper, the report says so.",
}


def meaning(profile: str) -> str:
    """The meaning of a profile's numbers, in a sentence."""
    return PROFILE_MEANING.get(profile, f"Profile {profile}: parameters as in conf/{profile}.yaml.")


def variant_of(name: str, notebook: str) -> str:
    """The part of a page's name beyond that of its notebook: 'training_mse' of 'training.ipynb' -> 'mse'.

    Empty where the two names are equal; the whole name where it does not begin with the notebook's.
    """
    stem = notebook.removesuffix(".ipynb")
    return "" if name == stem else name.removeprefix(f"{stem}_")


def page(
    title: str,
    body: str,
    *,
    profile: str = "",
    footer: Mapping[str, str],
    back: tuple[str, str] | None = None,
    extra_css: str = "",
) -> str:
    """A complete HTML document around `body` (HTML), with the profile's meaning on top and `footer` facts below.

    The page is complete without scripts; those beside it, `site.js` and what it knows of the other pages, add comforts.
    `title`, `profile` and `footer` are plain text and are escaped; `back` is (address, text) of the top bar's link.
    A page without a profile is about images of the user's own, and stands alone.
    """
    of_profile = meant = scripts = ""
    if profile:
        scripts = '<script src="pages.js" defer></script>\n<script src="site.js" defer></script>\n'
        of_profile = f'<span class="profile">profile: {escape(profile)}</span>'
        meant = f'<p class="meaning {escape(profile)}">{escape(meaning(profile))}</p>\n'
    link = f'<a href="{escape(back[0])}">&larr; {escape(back[1])}</a>' if back else "<span>Replication suite</span>"
    facts = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(fact)}</dd></div>" for name, fact in footer.items())
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(title)}</title>
<style>
{stylesheet()}{extra_css}</style>
{scripts}</head>
<body>
<header class="bar"><nav>{link}</nav>{of_profile}</header>
<main>
{meant}{body}
</main>
<footer><dl>{facts}</dl></footer>
</body>
</html>
"""


def stylesheet() -> str:
    """The style of all pages."""
    return Path(str(resources.files(__package__) / "style.css")).read_text(encoding="utf-8")
