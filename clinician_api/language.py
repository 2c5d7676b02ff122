"""How is it said in French and in English? Message catalogues, and numbers and dates as each reads them."""

import io
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache, lru_cache
from gettext import GNUTranslations
from pathlib import Path
from typing import Literal, LiteralString, cast
from zoneinfo import ZoneInfo

from babel import Locale, dates, negotiate_locale, numbers
from babel.messages import mofile, pofile

Language = Literal["fr", "en"]
LANGUAGES: tuple[Language, ...] = ("fr", "en")
LOCALES = {"fr": "fr_FR", "en": "en_GB"}
CATALOGUE = Path(__file__).parent / "locale" / "fr.po"
CLINIC_ZONE = "Europe/Paris"


def message(text: LiteralString) -> LiteralString:
    """Mark a text that is translated later; the catalogue's test looks for these."""
    return text


@cache
def translations(language: Language) -> GNUTranslations:
    """The catalogue; the message ids are English already."""
    if language == "en":
        return cast("GNUTranslations", _English())
    with CATALOGUE.open("rb") as file:
        catalogue = pofile.read_po(file, locale="fr")
    compiled = io.BytesIO()
    mofile.write_mo(compiled, catalogue)
    compiled.seek(0)
    return GNUTranslations(compiled)


class _English(GNUTranslations):
    def __init__(self) -> None:
        self._catalog: dict[str, str] = {}
        super().__init__()

    def gettext(self, message: str) -> str:
        return message

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return msgid1 if n == 1 else msgid2


def preferred(accept_language: str) -> Language:
    """The language of a browser nobody has signed in with yet; French when in doubt."""
    wanted = [part.split(";")[0].strip().replace("-", "_") for part in accept_language.split(",")]
    found = negotiate_locale(wanted, list(LANGUAGES))
    return "en" if found == "en" else "fr"


@dataclass(frozen=True, kw_only=True)
class Words:
    """One reader's language and zone."""

    language: Language
    zone: str = CLINIC_ZONE

    @property
    def locale(self) -> str:
        return LOCALES[self.language]

    def text(self, message: str) -> str:
        return translations(self.language).gettext(message)

    def number(self, value: float, *, digits: int = 1) -> str:
        return _decimal(round(value, digits) + 0.0, digits, self.locale)

    def kg(self, value: float) -> str:
        """A weight in kg, to 100 g."""
        return f"{self.number(value)} kg"

    def change(self, value: float) -> str:
        """A difference in kg, with its sign."""
        rounded = round(value, 1)
        sign = "+" if rounded > 0 else "−" if rounded < 0 else "±"
        return f"{sign}{self.number(abs(rounded))} kg"

    def day(self, at: datetime | date) -> str:
        local, (_, months) = self._local(at), _names(self.locale)
        return f"{local.day} {months[local.month - 1]} {local.year}"

    def short_day(self, at: datetime) -> str:
        """A day under the axis of a chart."""
        local, (_, months) = self._local(at), _names(self.locale)
        return f"{local.day} {months[local.month - 1]}"

    def weekday(self, day: int) -> str:
        """The name of a day of the week; Monday is 0."""
        return str(dates.get_day_names(locale=self.locale)[day])

    def iso_day(self, at: datetime, *, days: int = 0) -> str:
        """So many days later, as a form's date field wants it."""
        return (at.astimezone(ZoneInfo(self.zone)).date() + timedelta(days=days)).isoformat()

    def moment(self, at: datetime) -> str:
        """A day and a time, for a list."""
        local, (days, months) = at.astimezone(ZoneInfo(self.zone)), _names(self.locale)
        day = f"{days[local.weekday()]} {local.day} {months[local.month - 1]} {local.year}"
        return f"{day}, {local.hour:02}:{local.minute:02}"

    def span(self, span: timedelta) -> str:
        """A length of time, roughly."""
        return _span(_roughly(max(span, timedelta(0))), self.locale)

    def ago(self, span: timedelta) -> str:
        return _ago(_roughly(max(span, timedelta(seconds=1))), self.locale)

    def _local(self, at: datetime | date) -> datetime | date:
        return at.astimezone(ZoneInfo(self.zone)) if isinstance(at, datetime) else at


# A page says hundreds of numbers and times, most of them again and again; Babel parses locale and pattern for each.
@cache
def _names(locale: str) -> tuple[list[str], list[str]]:
    """The short names of the days from Monday, and of the months."""
    known = Locale.parse(locale)
    days, months = known.days["format"]["abbreviated"], known.months["format"]["abbreviated"]
    return [days[day] for day in range(7)], [months[month] for month in range(1, 13)]


@lru_cache(20_000)
def _decimal(value: float, digits: int, locale: str) -> str:
    return numbers.format_decimal(value, format="#,##0." + "0" * digits, locale=locale)


def _roughly(span: timedelta) -> int:
    """Seconds; whole minutes from 2 on, whole hours from 2 days on."""
    seconds = int(span.total_seconds())
    unit = 1 if seconds < 120 else 60 if seconds < 2 * 86400 else 3600
    return seconds - seconds % unit


@lru_cache(20_000)
def _span(seconds: int, locale: str) -> str:
    return dates.format_timedelta(timedelta(seconds=seconds), locale=locale, threshold=1.5, format="short")


@lru_cache(20_000)
def _ago(seconds: int, locale: str) -> str:
    return dates.format_timedelta(
        timedelta(seconds=-seconds), add_direction=True, locale=locale, threshold=1.5, format="short"
    )
