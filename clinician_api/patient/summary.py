"""What goes into the hospital's record? One patient as plain text to paste, and as one page to file; pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from fpdf import FPDF
from fpdf.enums import XPos, YPos

from clinician_api import typeface, vocabulary
from clinician_api.language import Words, message
from clinician_api.patient.chart import Chart
from clinician_api.patient.journal_record import Entry
from clinician_api.patient.patient_record import Patient
from clinician_api.patient.scene import Known

TITLE = message("Telemonitoring of weight")
LAST = message("Last weight: %(kg)s, %(when)s")
DRY = message("Dry weight: %(kg)s since %(day)s%(by)s")
AGAINST = message("Against the dry weight: %(change)s")
CHANGE = message("Over %(days)s days: %(change)s")
NO_WEIGHT = message("No weight yet.")
DAYS = message("Weighed on %(weighed)s of the last %(days)s days")
OPEN = message("Open episodes")
CLOSED = message("Closed in the last 90 days")
NONE = message("nothing")
SINCE = message("since %(when)s")
JOURNAL = message("Journal")
SAID = message("Vigie, %(when)s. Decision support, not a certified medical device.")
NEWEST = 6
SHORT = 300


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What is told, and to whom."""

    who: Patient
    known: Known
    words: Words
    now: datetime

    def lines(self) -> list[tuple[str, list[str]]]:
        """Paragraphs with their heads; the first has none."""
        return [("", self._numbers()), *self._episodes(), (self.words.text(JOURNAL), self._journal())]

    def _say(self, text: str, **values: object) -> str:
        return self.words.text(text) % values

    def _numbers(self) -> list[str]:
        if self.who.last_kg is None or self.who.last_at is None:
            return [self._say(NO_WEIGHT)]
        words = self.words
        said = [self._say(LAST, kg=words.kg(self.who.last_kg), when=words.moment(self.who.last_at))]
        if dry := next((dry for dry in self.known.dry_weights if dry.valid_from <= self.now), None):
            by = f" ({dry.author})" if dry.author else ""
            said.append(self._say(DRY, kg=words.kg(dry.weight_kg), day=words.day(dry.valid_from), by=by))
            said.append(self._say(AGAINST, change=words.change(self.who.last_kg - dry.weight_kg)))
        for days in (3, 7, 30):
            before = self._before(days)
            if before is not None:
                said.append(self._say(CHANGE, days=days, change=words.change(self.who.last_kg - before)))
        month = [day for day in self.known.days if day > (self.now - timedelta(days=31)).date()]
        if month:
            weighed = sum(self.known.days[day] == "weighed" for day in month)
            said.append(self._say(DAYS, weighed=weighed, days=len(month)))
        return said

    def _before(self, days: int) -> float | None:
        """The newest weight (kg) that counts and is at least so many days older than the last one, if it is near."""
        assert self.who.last_at
        until = self.who.last_at - timedelta(days=days - 0.5)
        older = [r for r in self.known.readings if r.quarantine_reason is None and r.measured_at <= until]
        newest = max(older, key=lambda reading: reading.measured_at, default=None)
        return newest.weight_kg if newest and until - newest.measured_at < timedelta(days=2) else None

    def _episodes(self) -> list[tuple[str, list[str]]]:
        words = self.words
        recent = [e for e in self.known.episodes if e.closed_at and e.closed_at > self.now - timedelta(days=90)]
        opened = [
            f"{words.text(vocabulary.SEVERITIES[e.severity])}, {words.text(vocabulary.CAUSES[e.cause])}, "
            f"{self._say(SINCE, when=words.moment(e.opened_at))}: {e.evidence.sentence[words.language]}"
            for e in self.known.episodes
            if e.closed_at is None
        ]
        closed = [
            f"{words.day(e.opened_at)}, {words.text(vocabulary.CAUSES[e.cause])}: "
            f"{words.text(vocabulary.OUTCOMES.get(e.outcome, e.outcome or ''))}"  # type: ignore[call-overload]
            f" ({e.closed_by})"
            for e in recent
        ]
        none = [words.text(NONE)]
        return [(words.text(OPEN), opened or none), (words.text(CLOSED), closed[:NEWEST] or none)]

    def _journal(self) -> list[str]:
        return [self._entry(entry) for entry in self.known.journal[:NEWEST]] or [self.words.text(NONE)]

    def _entry(self, entry: Entry) -> str:
        words = self.words
        said = [f"{words.moment(entry.happened_at)}, {entry.author}"]
        if entry.result:
            said.append(words.text(vocabulary.RESULTS[entry.result]))
        if entry.drug_class and entry.direction:
            drug = words.text(vocabulary.DRUG_CLASSES[entry.drug_class])
            said.append(f"{drug}, {words.text(vocabulary.DIRECTIONS[entry.direction])} {entry.dose}".strip())
        said += [" ".join(entry.note.split())[:SHORT]] if entry.note else []
        return ": ".join(said)

    def head(self) -> list[str]:
        """Who it is: the name where there is one, and what tells namesakes apart."""
        who = self.who
        if who.birth_date is None:
            return [who.patient_id]
        born = self.words.day(who.birth_date)
        return [f"{who.family_name} {who.given_name}", f"{born}, {who.sex}, INS {who.ins} ({who.patient_id})"]

    def foot(self) -> str:
        return self._say(SAID, when=self.words.moment(self.now))


def as_text(summary: Summary) -> str:
    """Lines that any record takes, without markup."""
    paragraphs = [[summary.words.text(TITLE), ", ".join(summary.head())]]
    paragraphs += [
        [*([f"{head} :"] if head else []), *(f"- {line}" for line in said)] for head, said in summary.lines()
    ]
    return "\n\n".join("\n".join(lines) for lines in [*paragraphs, [summary.foot()]]) + "\n"


MILLIMETRES = 186.0
LEFT_MM = 12.0


def as_pdf(summary: Summary, picture: Chart) -> bytes:
    """One A4 page: who, the weights drawn, the same paragraphs; what finds no room is left out and the text has it."""
    pdf = FPDF(format="A4")
    pdf.set_creation_date(summary.now)
    pdf.set_title("Vigie")  # no name where a viewer shows it
    pdf.set_margins(LEFT_MM, 10)
    pdf.set_auto_page_break(auto=False)
    pdf.add_page()
    typeface.load(pdf)
    typeface.shape(pdf, direction="ltr")
    _say(pdf, summary.words.text(TITLE), size=8)
    name, *rest = summary.head()
    typeface.shape(pdf, direction=None)  # a name alone on its line runs its own way
    _say(pdf, name, size=12, style="B")
    typeface.shape(pdf, direction="ltr")
    for line in rest:
        _say(pdf, line, size=8.5)
    _draw(pdf, picture, summary.words)
    for head, said in summary.lines():
        if head:
            _say(pdf, head, size=9, style="B")
        for line in said:
            _say(pdf, f"– {line}", size=8)
    pdf.set_y(-11)
    _say(pdf, summary.foot(), size=7, last=True)
    return bytes(pdf.output())


def _say(pdf: FPDF, text: str, *, size: float, style: str = "", last: bool = False) -> None:
    if not last and pdf.get_y() > 297 - 20:
        return
    pdf.set_font(typeface.NAME, style=style, size=size)
    pdf.multi_cell(0, size * 0.5, typeface.printable(pdf, text), align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    pdf.ln(0.8)


def _draw(pdf: FPDF, picture: Chart, words: Words) -> None:
    """The chart's own pixels, in millimetres."""
    scale, top = MILLIMETRES / picture.width, pdf.get_y()

    def at(x: float, y: float) -> tuple[float, float]:
        return LEFT_MM + x * scale, top + y * scale

    pdf.set_font(typeface.NAME, size=6.5)
    for gap, _ in picture.gaps:
        pdf.set_fill_color(225, 229, 231)
        pdf.rect(*at(gap.x, gap.y), gap.width * scale, gap.height * scale, style="F")
    pdf.set_fill_color(225, 239, 234)
    for band in picture.band:
        pdf.polygon([at(*map(float, corner.split(","))) for corner in band.split()], style="F")
    pdf.set_draw_color(200)
    pdf.set_line_width(0.1)
    for y, kg in picture.ticks_kg:
        pdf.line(*at(picture.left, y), *at(picture.width - picture.right, y))
        pdf.text(*at(picture.left - 34, y + 4), f"{kg:.0f} kg")
    for x, day in picture.ticks_at:
        pdf.text(*at(x - 18, picture.height - 8), words.short_day(day))
    pdf.set_draw_color(47, 125, 107)
    pdf.set_line_width(0.4)
    for (x, y), end in _corners(picture.dry):
        pdf.line(*at(x, y), *at(*end))
    pdf.set_draw_color(61, 90, 99)
    pdf.set_line_width(0.3)
    for line in picture.lines:
        pdf.polyline([at(*map(float, corner.split(","))) for corner in line.split()])
    pdf.set_fill_color(34, 65, 74)
    for dot in picture.dots:
        x, y = at(*map(float, dot.split(",")))
        pdf.ellipse(x - 0.5, y - 0.5, 1, 1, style="F")
    for x, _, _span in picture.spans:
        pdf.set_fill_color(163, 18, 58)
        pdf.polygon([at(x - 5, picture.floor + 16), at(x, picture.floor + 5), at(x + 5, picture.floor + 16)], style="F")
    pdf.set_y(top + picture.height * scale + 2)


def _corners(path: str) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    """The lines of a path of M, H and V."""
    words, found = path.split(), []
    x = y = 0.0
    index = 0
    while index < len(words):
        if words[index] == "M":
            x, y, index = float(words[index + 1]), float(words[index + 2]), index + 3
            continue
        new = (float(words[index + 1]), y) if words[index] == "H" else (x, float(words[index + 1]))
        found.append(((x, y), new))
        (x, y), index = new, index + 2
    return found
