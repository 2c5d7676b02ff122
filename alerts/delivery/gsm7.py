"""Does it fit into one SMS? The alphabet of 3GPP TS 23.038, in which 160 letters are one part.

One letter outside it (ê, ç, œ, ’) makes the whole message UCS-2: 70 letters a part, and the price of two or three.
"""

import unicodedata

ALPHABET = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
TWICE = frozenset("^{}\\[~]|€")
"""Letters that cost two places."""
ONE_PART = 160
SPELLED = {"’": "'", "‘": "'", "“": '"', "”": '"', "«": '"', "»": '"', "–": "-", "—": "-", "−": "-", "…": "...",
           "œ": "oe", "Œ": "OE", "°": "o", "\u00a0": " ", "\u202f": " "}  # fmt: skip


def spelled(text: str) -> str:
    """The text in this alphabet: é, è, à and ù stay; ê, ç, ’ become e, c, '; what has no such letter becomes ?."""
    return "".join(_spelled(letter) for letter in unicodedata.normalize("NFC", text))


def septets(text: str) -> int:
    """How many of the 160 places a spelled text takes."""
    return len(text) + sum(letter in TWICE for letter in text)


def _spelled(letter: str) -> str:
    if letter in ALPHABET or letter in TWICE:
        return letter
    if letter in SPELLED:
        return SPELLED[letter]
    return "".join(part for part in unicodedata.normalize("NFKD", letter) if part in ALPHABET) or "?"
