"""In which letters does a PDF print names? DejaVu Sans: all Latin, Greek, Cyrillic, Arabic, Hebrew and more."""

import unicodedata
from pathlib import Path
from typing import Literal

from fpdf import FPDF

import schemas

FONTS = Path(schemas.__file__).parent / "fonts"
NAME = "dejavu"
JOINERS = "\u200c\u200d"
"""Persian is not spelt right without them."""


def load(pdf: FPDF) -> None:
    """Regular and bold; a PDF then holds only the letters that it uses."""
    pdf.add_font(NAME, fname=FONTS / "DejaVuSans.ttf")
    pdf.add_font(NAME, style="B", fname=FONTS / "DejaVuSans-Bold.ttf")


def shape(pdf: FPDF, *, direction: Literal["ltr"] | None) -> None:
    """Join Arabic letters and order what runs from right to left; None: a line runs as its first letter does."""
    pdf.set_text_shaping(use_shaping_engine=True, direction=direction)


def printable(pdf: FPDF, text: str) -> str:
    """A letter that the font lacks shows as a question mark; what would turn the order of others is left out."""
    known = pdf.current_font.cmap  # type: ignore[union-attr] # a font was set
    return "".join(
        letter if ord(letter) in known or letter.isspace() else "?"
        for letter in unicodedata.normalize("NFC", text)
        if letter in JOINERS or unicodedata.category(letter) != "Cf"
    )
