"""HTML and Markdown in which whatever comes from a file name, a table or a message is text."""

import re
from collections.abc import Callable

import bleach  # type: ignore[import-untyped]
from bleach.css_sanitizer import CSSSanitizer  # type: ignore[import-untyped]

_TAGS = {
    *("table", "caption", "colgroup", "col", "thead", "tbody", "tfoot", "tr", "th", "td"),
    *("h1", "h2", "h3", "h4", "h5", "h6", "p", "div", "span", "br", "hr", "pre", "code", "blockquote"),
    *("a", "b", "strong", "i", "em", "small", "sub", "sup", "ul", "ol", "li", "dl", "dt", "dd"),
    *("details", "summary", "figure", "figcaption", "img"),
}
_EVERYWHERE = {"class", "style", "title", "scope", "colspan", "rowspan", "span", "aria-hidden"}
_STYLES = {
    *("background", "background-color", "border-radius", "color", "display", "flex-wrap", "font-size", "font-weight"),
    *("gap", "grid-template-columns", "height", "image-rendering", "line-height", "margin", "max-width", "min-width"),
    "overflow-wrap",
    *("padding", "text-align", "vertical-align", "white-space", "width"),
}
_ADDRESS = re.compile(r"https?://|mailto:|#|[\w./-]+(#[\w-]*)?$")
_STYLE_BLOCK = re.compile(r"<style\b[^>]*>[^<]*</style>\s*", re.IGNORECASE)
_SPECIAL = re.compile(
    r"[\\`*_\[\]<>|~$&]|^[#+=-]|(?<=^\d)[.)]|(?<=^\d\d)[.)]"
)  # the rest matters at the start of a line


def clean_html(html: str) -> str:
    """The HTML with known elements, attributes and styles only; any other element is shown as text.

    Images must be part of the page (data:image/...), links must lead to a web or mail address or within the reports.
    Style blocks are dropped, as the page has its own.
    """
    return str(_cleaner().clean(_STYLE_BLOCK.sub("", html)))


def md_escape(text: object) -> str:
    """The text in one line such that Markdown shows it as it is: no emphasis, link, HTML or formula in it."""
    return _SPECIAL.sub(r"\\\g<0>", " ".join(str(text).split()))


def _attributes(tag: str, name: str, value: str) -> bool:
    if name in _EVERYWHERE:
        return True
    if (tag, name) == ("a", "href"):
        return _ADDRESS.match(value) is not None
    if tag == "img":
        return name in ("alt", "width", "height") or (name == "src" and value.startswith("data:image/"))
    return False


def _cleaner() -> bleach.Cleaner:
    attributes: Callable[[str, str, str], bool] = _attributes
    return bleach.Cleaner(
        tags=_TAGS,
        attributes=attributes,
        protocols={"http", "https", "mailto", "data"},
        strip=False,
        css_sanitizer=CSSSanitizer(allowed_css_properties=_STYLES),
    )
