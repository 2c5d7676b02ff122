"""What does a month's activity look like as a file? A CSV for machines, a PDF to sign."""

import csv
import io
from collections.abc import Sequence
from datetime import datetime

from fpdf import FPDF
from fpdf.enums import XPos, YPos

from clinician_api.language import Words, message
from clinician_api.programme import activity
from clinician_api.programme.activity import Activity, Month

TITLE = message("Monthly activity report")
HEADS = {
    "patient_id": message("Pseudonym"),
    "days": message("Days"),
    "transmitted": message("With a weight"),
    "waiting": message("Of them doubted"),
    "not_weighed": message("Not weighed"),
    "scale_silent": message("Scale silent"),
    "our_outage": message("Our outage"),
    "paused": message("Paused"),
    "decompensation": message("Decomp."),
    "weight_loss": message("Loss"),
    "no_transmission": message("No weight"),
    "device": message("Scale"),
    "acts": message("Acts"),
    "looked": message("Days looked"),
}
PURPOSE = message(
    "The arrêté of 22 June 2023 asks that data can be extracted to control the actual use: weight collected and "
    "transmitted daily, alerts of suspected decompensation, alerts of non-transmission that nobody can switch off."
)
GLOSSARY = message(
    "Days: of the watch, in the patient's calendar. Decomp., Loss, No weight, Scale: alerts raised. Acts: alerts taken "
    "or closed, patients and weights reviewed. "
    "Days looked: a clinician opened the record or acted. Patients by pseudonym only."
)
NOT_OVER = message("The month is not over: counted until %(when)s.")
TOO_MANY = message("%(count)s patients: the table by patient is in the CSV.")
MOST = 2000
WIDE, ROW = 18.0, 5.0
FIRST = 277.0 - 13 * WIDE


def as_csv(rows: Sequence[Activity]) -> str:
    """One line a patient, the columns named as in `Activity`."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(activity.COLUMNS)
    writer.writerows([getattr(row, column) for column in activity.COLUMNS] for row in rows)
    return text.getvalue()


def as_pdf(rows: Sequence[Activity], month: Month, *, words: Words, now: datetime) -> bytes:
    """A4 landscape: what it is, the totals, and the patients if they are not more than 2,000."""
    pdf = _Report(words, month, now)
    pdf.add_page()
    pdf.say(words.text(TITLE) + f" {month}", size=16)
    if now < month.ends_at:
        pdf.say(words.text(NOT_OVER) % {"when": words.moment(now)})
    pdf.say(words.text(PURPOSE))
    pdf.say(words.text(GLOSSARY))
    pdf.heads()
    everyone = [f"{len(rows)}", *(str(activity.total(list(rows), column)) for column in activity.COLUMNS[1:])]
    pdf.table_row(everyone, style="B")
    if len(rows) <= MOST:
        for row in rows:
            pdf.table_row([str(getattr(row, column)) for column in activity.COLUMNS])
    else:
        pdf.say(words.text(TOO_MANY) % {"count": len(rows)})
    return bytes(pdf.output())


class _Report(FPDF):
    """Pages with the table's heads again on each, and the page's number."""

    def __init__(self, words: Words, month: Month, now: datetime) -> None:
        super().__init__(orientation="landscape", format="A4")
        self.words = words
        self.month = month
        self.set_creation_date(now)
        self.set_title(f"Vigie {month}")
        self.set_auto_page_break(auto=True, margin=14)

    def say(self, text: str, *, size: int = 9) -> None:
        self.set_font("helvetica", size=size)
        self.multi_cell(0, size * 0.55, _plain(text), new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.ln(1.5)

    def heads(self) -> None:
        self.table_row([self.words.text(HEADS[column]) for column in activity.COLUMNS], style="B", size=6.5)

    def table_row(self, cells: Sequence[str], *, style: str = "", size: float = 8) -> None:
        if self.will_page_break(ROW):
            self.add_page()
            self.heads()
        self.set_font("helvetica", style=style, size=size)
        for index, cell in enumerate(cells):
            width = WIDE if index else FIRST
            self.cell(width, ROW, _plain(cell), border="B", align="R" if index else "L")
        self.ln(ROW)

    def footer(self) -> None:
        self.set_y(-10)
        self.set_font("helvetica", size=7)
        self.cell(0, 5, f"Vigie {self.month} - {self.page_no()}", align="C")


def _plain(text: str) -> str:
    """Within the PDF's own fonts (Latin-1): narrow spaces and typographic dashes as plain ones."""
    spaced = text.translate(_PLAINER)
    return spaced.encode("latin-1", "replace").decode("latin-1")


_PLAINER = {0x202F: " ", 0x2019: "'", 0x2013: "-", 0x2212: "-", 0x2026: "..."}
