"""What did somebody type into a field? A weight, a moment, a day, a note, a number; None where it cannot be read."""

import re
from datetime import date, datetime
from zoneinfo import ZoneInfo

LONGEST_NOTE = 10_000


def kg(text: str) -> float | None:
    """A weight in kg, with a comma or a point, of a person: 20 to 400."""
    try:
        weight_kg = round(float(text.strip().replace(",", ".").removesuffix("kg")), 1)
    except ValueError:
        return None
    return weight_kg if 20 <= weight_kg <= 400 else None


def moment(text: str, *, zone: ZoneInfo) -> datetime | None:
    """A day and a time as a browser's field gives it, on the clock of `zone`."""
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=zone)
    return at if 1900 < at.year < 9000 else None


def day(text: str) -> date | None:
    """A day as a browser's field gives it."""
    try:
        found = date.fromisoformat(text.strip())
    except ValueError:
        return None
    return found if 1900 < found.year < 9000 else None


def note(text: str) -> str:
    r"""A text as it is kept: browsers send \r\n and count \n, and no text in the database holds a NUL."""
    return text.replace("\r\n", "\n").replace("\0", "").strip()


def phone(text: str) -> str | None:
    """A telephone number's digits."""
    digits = re.sub(r"[\s.()/-]", "", text)
    return digits if re.fullmatch(r"\+?[0-9]{6,15}", digits) else None
