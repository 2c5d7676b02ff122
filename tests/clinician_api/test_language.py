"""Two languages: nothing untranslated, nothing stale, numbers and dates as each reads them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from babel import dates
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from clinician_api import language
from clinician_api.language import Words

ROOM = Path(language.__file__).parent
FRENCH, ENGLISH = Words(language="fr"), Words(language="en")


def used() -> set[str]:
    found = extract_from_dir(
        ROOM,
        method_map=[("**.py", "python"), ("templates/**.html", "jinja2.ext:babel_extract")],
        keywords={"_": None, "message": None, "gettext": None, "ngettext": (1, 2)},
    )
    return {text[0] if isinstance(text, tuple) else text for _, _, text, _, _ in found}


def test_every_message_has_a_french_translation_and_none_is_stale() -> None:
    with language.CATALOGUE.open("rb") as file:
        catalogue = read_po(file)
    known = {m.id[0] if isinstance(m.id, (tuple, list)) else m.id for m in catalogue if m.id}
    assert len(used()) > 100
    assert used() - known == set()
    assert known - used() == set()
    assert [m.id for m in catalogue if m.id and (m.fuzzy or not all(m.string or [""]))] == []


@pytest.mark.parametrize(
    ("accept", "expected"),
    [("fr-FR,fr;q=0.9", "fr"), ("en-US,en;q=0.9", "en"), ("de", "fr"), ("", "fr"), ("de,en;q=0.5", "en"), ("*", "fr")],
)
def test_a_browser_gets_its_language_and_french_when_in_doubt(accept: str, expected: str) -> None:
    assert language.preferred(accept) == expected


def test_numbers_are_written_as_each_reads_them() -> None:
    assert (FRENCH.kg(82.44), ENGLISH.kg(82.44)) == ("82,4 kg", "82.4 kg")
    assert (FRENCH.change(-2.06), ENGLISH.change(2.06)) == ("−2,1 kg", "+2.1 kg")
    assert FRENCH.change(0.04) == "±0,0 kg"


def test_times_are_those_of_the_zone() -> None:
    at = datetime(2026, 11, 22, 6, 12, tzinfo=UTC)
    assert FRENCH.moment(at) == "dim. 22 nov. 2026, 07:12"
    assert "22 Nov 2026, 07:12" in ENGLISH.moment(at)
    assert Words(language="fr", zone="America/Cayenne").moment(at) == "dim. 22 nov. 2026, 03:12"
    assert FRENCH.ago(timedelta(minutes=2)) == "il y a 2\xa0min"


@pytest.mark.parametrize("words", [FRENCH, ENGLISH])
def test_days_and_times_are_written_as_babel_writes_them(words: Words) -> None:
    for day in range(0, 400, 3):
        at = datetime(2026, 1, 1, 4, 5, tzinfo=UTC) + timedelta(days=day, hours=day % 24)
        local = at.astimezone(ZoneInfo(words.zone))
        assert words.moment(at) == dates.format_datetime(local, format="EEE d MMM y, HH:mm", locale=words.locale)
        assert words.day(at) == dates.format_date(local, format="d MMM y", locale=words.locale)
        assert words.short_day(at) == dates.format_date(local, format="d MMM", locale=words.locale)
