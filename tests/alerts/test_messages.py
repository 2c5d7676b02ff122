"""The words: right numbers, two languages, one SMS, no patient."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts import messages
from alerts.messages import Notice
from schemas.alert import SEVERITIES, Severity

GSM_7 = set(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
CONTEXT = messages.Context(noise_kg=0.5, dry_kg=71.0)


def test_the_evidence_sentence_reads_as_a_clinician_would_say_it() -> None:
    assert messages.change(2.4, days=3, threshold_kg=2, context=CONTEXT) == {
        "fr": "+2,4 kg en 3 jours (seuil 2,0 kg) ; habituellement ±0,5 kg d'un jour à l'autre ; poids sec 71,0 kg",
        "en": "+2.4 kg in 3 days (threshold 2.0 kg); usually ±0.5 kg from day to day; dry weight 71.0 kg",
    }


def test_a_loss_has_a_minus_and_one_day_no_plural() -> None:
    sentence = messages.change(-2.4, days=1, threshold_kg=2, context=messages.Context(noise_kg=0.5, dry_kg=None))
    assert sentence["fr"] == "−2,4 kg en 1 jour (seuil 2,0 kg) ; habituellement ±0,5 kg d'un jour à l'autre"


def test_what_is_just_over_the_threshold_does_not_read_like_the_threshold() -> None:
    sentence = messages.above(5.04, reference="dry", threshold_kg=5, context=CONTEXT)
    assert sentence["en"].startswith("+5.04 kg above the dry weight (threshold 5.0 kg)")
    assert sentence["fr"].startswith("+5,04 kg au-dessus du poids sec (seuil 5,0 kg)")


def test_silence_is_counted_in_days() -> None:
    assert messages.silence(3, threshold_days=3)["fr"] == "aucune pesée reçue depuis 3 jours (seuil 3)"


@pytest.mark.parametrize("language", ["fr", "en"])
@given(number=st.integers(1, 10**9), severity=st.sampled_from(SEVERITIES), host=st.integers(1, 70))
def test_an_sms_is_one_gsm_7_message_with_its_link(
    language: messages.Language, number: int, severity: Severity, host: int
) -> None:
    link = f"https://{'v' * host}/episodes/123456"
    notice = Notice(number=number, severity=severity, link=link, language=language)
    assert set(notice.sms) <= GSM_7
    assert len(notice.sms) <= messages.SMS_LENGTH
    assert link in notice.sms
    assert str(number) in notice.sms


def test_the_mail_says_that_it_is_no_emergency_service() -> None:
    notice = Notice(number=12, severity="alarm", link="https://v.example/episodes/3", language="fr")
    assert notice.subject == "Vigie : alerte n° 12 (alarme)"
    assert "n'est pas un service d'urgence" in notice.body
    assert notice.link in notice.body
