"""The card of Vigie's own detector says what the program does."""

from alerts.detectors import vigie
from alerts.judgement.day import WATCH_SHARE
from schemas import detector_card
from schemas.plan import Plan


def test_the_card_is_of_this_version_and_threshold() -> None:
    assert (vigie.VERSION, Plan().vigie_threshold) == (detector_card.VERSION, detector_card.DEFAULT_THRESHOLD)
    (watched,) = (row for row in detector_card.CARD if "three quarters of the threshold" in row.title_en)
    assert WATCH_SHARE == 0.75, watched


def test_every_row_speaks_both_languages() -> None:
    for row in detector_card.CARD:
        assert min(map(len, (row.title_fr, row.title_en, row.text_fr, row.text_en))) > 5
        assert row.text_fr != row.text_en
