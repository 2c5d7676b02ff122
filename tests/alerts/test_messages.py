"""The words on the screen: right numbers, as a clinician says them."""

from alerts import messages

CONTEXT = messages.Context(noise_kg=0.5, dry_kg=71.0)
TWO = messages.Threshold(alert=2)


def test_the_evidence_sentence_reads_as_a_clinician_would_say_it() -> None:
    assert messages.change(2.4, days=3, threshold=TWO, context=CONTEXT) == {
        "fr": "+2,4 kg en 3 jours (seuil 2,0 kg) ; habituellement ±0,5 kg d'un jour à l'autre ; poids sec 71,0 kg",
        "en": "+2.4 kg in 3 days (threshold 2.0 kg); usually ±0.5 kg from day to day; dry weight 71.0 kg",
    }


def test_a_loss_has_a_minus_and_one_day_no_plural() -> None:
    sentence = messages.change(-2.4, days=1, threshold=TWO, context=messages.Context(noise_kg=0.5, dry_kg=None))
    assert sentence["fr"] == "−2,4 kg en 1 jour (seuil 2,0 kg) ; habituellement ±0,5 kg d'un jour à l'autre"


def test_what_is_just_over_the_threshold_does_not_read_like_the_threshold() -> None:
    sentence = messages.above(5.04, reference="dry", threshold_kg=5, context=CONTEXT)
    assert sentence["en"].startswith("+5.04 kg above the dry weight (threshold 5.0 kg)")
    assert sentence["fr"].startswith("+5,04 kg au-dessus du poids sec (seuil 5,0 kg)")


def test_a_watch_names_its_own_threshold_and_the_alerts() -> None:
    lower = messages.Threshold(alert=2, watch=1.5)
    sentence = messages.change(1.52, days=2, threshold=lower, context=CONTEXT)
    assert sentence["en"].startswith("+1.52 kg in 2 days (watch > 1.5 kg, alert > 2.0 kg); usually")
    assert sentence["fr"].startswith("+1,52 kg en 2 jours (à surveiller > 1,5 kg, alerte > 2,0 kg) ;")
    risk = messages.risk(26.1, threshold=messages.Threshold(alert=33, watch=24.75), above_kg=0.9, context=CONTEXT)
    assert risk["en"].startswith("+0.9 kg against the usual weight; risk 26.1 (watch > 24.8, alert > 33.0);")
    assert risk["fr"].startswith(
        "+0,9 kg par rapport au poids habituel ; risque 26,1 (à surveiller > 24,8, alerte > 33,0) ;"
    )


def test_silence_is_counted_in_days() -> None:
    assert messages.silence(3, threshold_days=3)["fr"] == "aucune pesée reçue depuis 3 jours (seuil 3)"
