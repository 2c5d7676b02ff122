"""How are rows of weights written: the chart's table twin, an episode's evidence? By hand: a page has some hundred."""

from collections.abc import Iterable

from markupsafe import Markup, escape

from clinician_api import vocabulary
from clinician_api.language import Words, message, translations
from clinician_api.patient.patient_record import Reading
from clinician_api.patient.scene import Row
from schemas.alert import UsedReading

CHECK, CHECK_OF = message("Check…"), message("Check the weight of %(when)s")
NO_WEIGHT = message("no weight")
USED, IGNORED = message("used"), message("ignored")


def rows_html(rows: Iterable[Row], *, home: str, words: Words) -> Markup:
    """The body of the table; `home` is the address of the patient's page, as it stands in an attribute."""
    accepted, check = (escape(words.text(text)) for text in (vocabulary.STATES["accepted"], CHECK))
    before, after = escape(words.text(CHECK_OF)).split("%(when)s")
    sources: dict[str, Markup] = {}
    written = []
    for row in rows:
        if (one := row.reading) is None:
            written.append(_without(row, words))
            continue
        when = words.moment(one.measured_at)  # by us, as kg and numbers are: nothing in it to escape
        mark = ' class="doubted"' if one.quarantine_reason else ""
        state = _state(one, words) if one.quarantine_reason or one.reviewed else accepted
        if (source := sources.get(one.source)) is None:
            source = sources[one.source] = _source(one, words)
        written.append(
            f'<tr{mark}><td>{when}</td><td class="right">{words.kg(one.weight_kg)}</td><td>{state} '
            f'<a href="{home}/readings/{one.reading_id}?at={one.moment}" aria-label="{before}{when}{after}">{check}</a>'
            f'</td><td class="muted">{source}</td></tr>\n'
        )
    return Markup("".join(written))  # noqa: S704 each piece that others wrote is escaped


def used_html(readings: Iterable[UsedReading], *, words: Words) -> Markup:
    """The body of the table of what an episode rests on; each closed one has its sixty days too."""
    used, ignored = (escape(words.text(text)) for text in (USED, IGNORED))
    written = []
    for one in readings:
        mark = ' class="doubted"' if one.ignored else ""
        said = f"{ignored}: {escape(words.text(vocabulary.reason(one.ignored)))}" if one.ignored else used
        written.append(
            f'<tr{mark}><td>{words.moment(one.measured_at)}</td><td class="right">{words.kg(one.weight_kg)}</td>'
            f"<td>{said}</td></tr>\n"
        )
    return Markup("".join(written))  # noqa: S704 each piece that others wrote is escaped


def _state(one: Reading, words: Words) -> Markup:
    said = words.text(vocabulary.STATES[one.state])
    if one.quarantine_reason:
        said += f": {words.text(vocabulary.reason(one.quarantine_reason))}"
    return escape(f"{said} ({one.reviewer})" if one.reviewed else said)


def _source(one: Reading, words: Words) -> Markup:
    return escape(words.text(vocabulary.SOURCES[one.source]) if one.source in vocabulary.SOURCES else one.source)


def _without(row: Row, words: Words) -> str:
    assert row.gap
    said, days = words.text(vocabulary.DAYS[row.gap.state] if row.gap.state else NO_WEIGHT), row.gap.days
    if days > 1:
        said += ", " + translations(words.language).ngettext("%(count)s day", "%(count)s days", days) % {"count": days}
    since = words.day(row.gap.since)
    return f'<tr class="gap-row"><td>{since}</td><td class="right">–</td><td colspan="2">{escape(said)}</td></tr>\n'
