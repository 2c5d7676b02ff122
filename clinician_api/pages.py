"""How does a template become an answer? Two Jinja environments, one for each language; everything is escaped."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from jinja2.ext import Extension
from jinja2.lexer import Token, TokenStream
from markupsafe import Markup
from starlette.responses import HTMLResponse

from clinician_api import vocabulary
from clinician_api.language import Language, Words, translations

TEMPLATES = Path(__file__).parent / "templates"


class SaidOnce(Extension):
    """`{{ _("text") }}` becomes the text itself when the template is compiled: an environment knows one language.

    A patient's page says a hundred of them; asked each time they cost as much as its queries.
    """

    ASKED = ("variable_begin", "name", "lparen", "string", "rparen", "variable_end")

    def filter_stream(self, stream: TokenStream) -> Iterator[Token]:
        tokens = list(stream)
        at = 0
        while at < len(tokens):
            some = tokens[at : at + len(self.ASKED)]
            if tuple(token.type for token in some) == self.ASKED and some[1].value == "_":
                text = self.environment.words.text(some[3].value)  # type: ignore[attr-defined] # by `extend`
                yield Token(some[0].lineno, "data", text % {})
                at += len(some)
            else:
                yield tokens[at]
                at += 1


@cache
def environment(language: Language) -> Environment:
    found = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,  # else each page asks the disk of each of its templates whether it has changed
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n", SaidOnce],
    )
    found.extend(words=Words(language=language))
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
