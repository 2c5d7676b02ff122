"""The words on the screen: right numbers, as a clinician says them."""

from alerts import messages

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
