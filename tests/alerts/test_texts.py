"""What goes out: every text in both languages as it was reviewed, an SMS of one part, and no patient in any."""

import re
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.delivery import gsm7, plain_texts, texts
from alerts.delivery.plain_texts import Kind
from alerts.delivery.texts import Alert, Message
from alerts.messages import Language
from schemas.alert import SEVERITIES, Severity

REVIEWED = Path(__file__).parent / "reviewed_texts.txt"
URL = "https://vigie.chu-exemple.fr"
PAGE = f"{URL}/b/9ix-9jb.4Fh7_kQ-2mZa0bCd"
LANGUAGES: tuple[Language, ...] = get_args(Language)
KINDS: tuple[Kind, ...] = get_args(Kind)
FACTS = {
    "outage": 7,
    "patients": 812,
    "code": "482913",
    "channel": 12,
    "scheme": "sfr",
    "open": 14,
    "alarm": 2,
    "new": 5,
    "recent": 6,
    "watch": 9,
    "day": "2026-11-26",
    "missing": "reading",
    "program": "ingest",
    "problem": "silent",
    "count": 3,
    "days": 3,
    "pause": 31,
}


def alert(number: int, severity: Severity = "alert", *, url: str = URL) -> Alert:
    return Alert(number=number, severity=severity, take=f"{url}/t/9ix.4Fh7_kQ-2mZa0bCd", show=f"{url}/episodes/123456")


def all_messages() -> dict[str, Message]:
    """One of each kind, in each language."""
    found: dict[str, Message] = {}
    for language in LANGUAGES:
        for severity in SEVERITIES:
            found[f"{language} {severity}"] = texts.alert(alert(4711, severity), language=language)
        found[f"{language} repeat"] = texts.alert(alert(4711), language=language, repeat=True)
        several = [alert(4711, "watch"), alert(4712, "alarm"), alert(4713)]
        found[f"{language} bundle"] = texts.bundle(several, page=PAGE, worklist=f"{URL}/", language=language)
        many = [alert(number) for number in range(10_001, 10_051)]
        found[f"{language} bundle of 50, repeat"] = texts.bundle(
            many, page=PAGE, worklist=f"{URL}/", language=language, repeat=True
        )
        for kind in KINDS:
            found[f"{language} {kind}"] = plain_texts.message(kind, FACTS, notice_id=3, url=URL, language=language)
        for missing in sorted(plain_texts.MISSING[language].keys() - {FACTS["missing"]}):
            found[f"{language} canary_late, {missing}"] = plain_texts.message(
                "canary_late", FACTS | {"missing": missing}, notice_id=3, url=URL, language=language
            )
    return found


def written(messages: dict[str, Message]) -> str:
    """As the reviewer reads them."""
    return "\n".join(
        f"== {name}\nSMS ({len(one.sms)}): {one.sms}\nE-mail: {one.subject}\n{_start(one.html)}\n"
        for name, one in messages.items()
    )


def _start(html: str) -> str:
    lines = html.splitlines()
    return "\n".join(lines if len(lines) <= 12 else [*lines[:4], f"… {len(lines) - 6} lines alike …", *lines[-2:]])


def test_every_text_is_as_it_was_reviewed() -> None:
    """After a change read the difference of the file that `python -m tests.alerts.test_texts` writes."""
    assert written(all_messages()) == REVIEWED.read_text()


@pytest.mark.parametrize(("name", "one"), all_messages().items())
def test_each_sms_is_one_part_of_gsm_7_and_says_no_more_than_it_may(name: str, one: Message) -> None:
    assert gsm7.septets(one.sms) <= gsm7.ONE_PART
    assert set(one.sms) <= gsm7.ALPHABET | gsm7.TWICE
    for form in (one.sms, one.subject, one.html):
        assert not re.search(r"\bkg\b|\bINS\b|\+33|\d[.,]\d|patient_id", re.sub(r"https?://\S+", "", form)), name


@pytest.mark.parametrize("language", LANGUAGES)
@given(
    number=st.integers(1, 10**9), severity=st.sampled_from(SEVERITIES), host=st.integers(1, 60), repeat=st.booleans()
)
def test_an_alert_is_one_sms_with_its_link_and_number_however_long_the_host(
    language: Language, number: int, severity: Severity, host: int, repeat: bool
) -> None:
    told = texts.alert(alert(number, severity, url=f"https://{'v' * host}"), language=language, repeat=repeat)
    assert set(told.sms) <= gsm7.ALPHABET
    assert len(told.sms) <= gsm7.ONE_PART
    assert "/t/9ix.4Fh7_kQ-2mZa0bCd" in told.sms
    assert str(number) in told.sms
    assert ("répétition" in told.sms or "repeat" in told.sms) is repeat
    assert str(number) in told.subject


@given(st.lists(st.integers(1, 10**7), min_size=2, max_size=50, unique=True), st.sampled_from(LANGUAGES))
def test_a_bundle_names_as_many_alerts_as_one_sms_holds_and_counts_the_rest(
    numbers: list[int], language: Language
) -> None:
    told = texts.bundle([alert(number) for number in numbers], page=PAGE, worklist=f"{URL}/", language=language)
    assert gsm7.septets(told.sms) <= gsm7.ONE_PART
    named = re.search(r": ([\d, ]+?)(?: \+(\d+))? https", told.sms)
    assert named
    assert len(named[1].split(",")) + int(named[2] or 0) == len(numbers)
    assert all(f" {number} " in told.html for number in numbers)


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("é è à ù Ç", "é è à ù Ç"),
        ("ê ç î ô â ë œ", "e c i o a e oe"),
        ("« l’été » – 3…", '" l\'été " - 3...'),
        ("e\u0301", "é"),
        ("10 €", "10 €"),
        ("日", "?"),
    ],
)
def test_letters_outside_the_alphabet_are_spelled_with_those_within(text: str, spelled: str) -> None:
    assert gsm7.spelled(text) == spelled


@given(st.text())
def test_whatever_is_spelled_can_be_sent(text: str) -> None:
    assert set(gsm7.spelled(text)) <= gsm7.ALPHABET | gsm7.TWICE


if __name__ == "__main__":
    REVIEWED.write_text(written(all_messages()))
