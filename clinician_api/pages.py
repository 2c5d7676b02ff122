"""How does a template become an answer? Two Jinja environments, one for each language; everything is escaped."""

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse

from clinician_api import vocabulary
from clinician_api.language import Language, Words, translations

TEMPLATES = Path(__file__).parent / "templates"


@cache
def environment(language: Language) -> Environment:
    found = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    found.install_gettext_translations(translations(language), newstyle=True)  # type: ignore[attr-defined] # extension
    found.globals["vocabulary"] = vocabulary
    return found


def part(template: str, *, words: Words, content: dict[str, object]) -> Markup:
    """A rendered piece of a page."""
    return Markup(environment(words.language).get_template(template).render({"words": words} | content))  # noqa: S704


def answer(template: str, *, words: Words, content: dict[str, object], status: int = 200) -> HTMLResponse:
    """The rendered template."""
    text = environment(words.language).get_template(template).render({"words": words} | content)
    return HTMLResponse(text, status_code=status)
