"""In which words do we say it on the screen? The sentence of an episode's evidence, in French and English."""

from dataclasses import dataclass
from typing import Literal

from schemas.alert import Severity

Language = Literal["fr", "en"]
Sentence = dict[Language, str]

SEVERITY_WORDS: dict[Language, dict[Severity, str]] = {
    "fr": {"watch": "à surveiller", "alert": "alerte", "alarm": "alarme"},
    "en": {"watch": "watch", "alert": "alert", "alarm": "alarm"},
}


@dataclass(frozen=True, kw_only=True)
class Context:
    """What is said after any weight sentence, in kg: this person's usual day-to-day change, and the dry weight."""

    noise_kg: float
    dry_kg: float | None

    def sentence(self) -> Sentence:
        fr = f" ; habituellement ±{_fr(self.noise_kg)} kg d'un jour à l'autre"
        en = f"; usually ±{self.noise_kg:.1f} kg from day to day"
        if self.dry_kg is not None:
            fr += f" ; poids sec {_fr(self.dry_kg)} kg"
            en += f"; dry weight {self.dry_kg:.1f} kg"
        return {"fr": fr, "en": en}


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """More than `alert` is an alert, in the detector's unit; `watch`: what a watch is more than, None of an alert."""

    alert: float
    watch: float | None = None

    @property
    def exceeded(self) -> float:
        return self.alert if self.watch is None else self.watch

    def sentence(self, unit: str = "") -> Sentence:
        if self.watch is None:
            return {"fr": f"(seuil {_fr(self.alert)}{unit})", "en": f"(threshold {self.alert:.1f}{unit})"}
        fr = f"(à surveiller > {_fr(self.watch)}{unit}, alerte > {_fr(self.alert)}{unit})"
        return {"fr": fr, "en": f"(watch > {self.watch:.1f}{unit}, alert > {self.alert:.1f}{unit})"}


def change(kg: float, *, days: int, threshold: Threshold, context: Context) -> Sentence:
    """The guideline rule: `kg` gained (or, negative, lost) in `days`."""
    said, limit, tail = _said(kg, threshold_kg=threshold.exceeded), threshold.sentence(" kg"), context.sentence()
    plural = "s" if days > 1 else ""
    return {
        "fr": f"{said['fr']} en {days} jour{plural} {limit['fr']}{tail['fr']}",
        "en": f"{said['en']} in {days} day{plural} {limit['en']}{tail['en']}",
    }


def standing_in(kg: float, *, days: int, threshold: Threshold, first_days: int, context: Context) -> Sentence:
    """The guideline rule in place of Vigie's own detector, in a patient's first days."""
    said, limit, tail = _said(kg, threshold_kg=threshold.exceeded), threshold.sentence(" kg"), context.sentence()
    fr = f"règle des recommandations, pendant les {first_days} premiers jours"
    en = f"guideline rule, during the first {first_days} days"
    return {
        "fr": f"{said['fr']} en {days} jours au plus {limit['fr']} ; {fr}{tail['fr']}",
        "en": f"{said['en']} within {days} days {limit['en']}; {en}{tail['en']}",
    }


def nothing_to_compare(*, context: Context) -> Sentence:
    tail = context.sentence()
    return {"fr": f"aucune pesée récente à comparer{tail['fr']}", "en": f"no recent weight to compare with{tail['en']}"}


def trend(kg: float, *, threshold: Threshold, context: Context) -> Sentence:
    """MACD: the recent weight against that of the last weeks."""
    said, limit, tail = _said(kg, threshold_kg=threshold.exceeded), threshold.sentence(" kg"), context.sentence()
    return {
        "fr": f"tendance des derniers jours {said['fr']} par rapport aux dernières semaines {limit['fr']}{tail['fr']}",
        "en": f"trend of the last days {said['en']} against the last weeks {limit['en']}{tail['en']}",
    }


def risk(score: float, *, threshold: Threshold, above_kg: float | None, context: Context) -> Sentence:
    """Any other detector: the distance from the usual weight, which a nurse reads first, and its score."""
    limit, tail = threshold.sentence(), context.sentence()
    fr, en = f"risque {_fr(score)} {limit['fr']}", f"risk {score:.1f} {limit['en']}"
    if above_kg is not None:
        fr = f"{_said(above_kg)['fr']} par rapport au poids habituel ; {fr}"
        en = f"{_said(above_kg)['en']} against the usual weight; {en}"
    return {"fr": fr + tail["fr"], "en": en + tail["en"]}


def above(kg: float, *, reference: Literal["dry", "baseline"], threshold_kg: float, context: Context) -> Sentence:
    """Cardi'Auvergne: how far above the dry weight, or the baseline."""
    limit, tail = Threshold(alert=threshold_kg).sentence(" kg"), context.sentence()
    said = _said(kg, threshold_kg=threshold_kg)
    fr = "du poids sec" if reference == "dry" else "du poids habituel"
    en = "the dry weight" if reference == "dry" else "the usual weight"
    return {
        "fr": f"{said['fr']} au-dessus {fr} {limit['fr']}{tail['fr']}",
        "en": f"{said['en']} above {en} {limit['en']}{tail['en']}",
    }


def wasting(percent: float, *, from_kg: float, to_kg: float) -> Sentence:
    """Months of weight loss, from one month's median to another's."""
    return {
        "fr": f"perte de {_fr(percent)} % en un an au plus : médiane du mois {_fr(to_kg)} kg, "
        f"contre {_fr(from_kg)} kg ; fonte musculaire ? poids sec à revoir",
        "en": f"{percent:.1f} % lost within a year: the month's median is {to_kg:.1f} kg, it was {from_kg:.1f} kg; "
        "wasting? the dry weight may need a review",
    }


def silence(days: int, *, threshold_days: int) -> Sentence:
    """No weight on so many days of the patient's calendar, those of our own outages not counted."""
    fr, en = ("s" if abs(days) > 1 else "", "s" if days != 1 else "")
    return {
        "fr": f"aucune pesée reçue depuis {days} jour{fr} (seuil {threshold_days})",
        "en": f"no weight received for {days} day{en} (threshold {threshold_days})",
    }


def weighing_is_back() -> Sentence:
    return {"fr": "une pesée est de nouveau arrivée", "en": "a weight has arrived again"}


def weighing_is_paused() -> Sentence:
    return {"fr": "aucune pesée n'est attendue : suivi en pause", "en": "no weight is expected: the watch is paused"}


def _fr(kg: float) -> str:
    return f"{kg:.1f}".replace(".", ",")


def _said(kg: float, *, threshold_kg: float | None = None) -> Sentence:
    """Signed, to 100 g; or to 10 g where that would look like the threshold itself: +5.04 kg against 5.0."""
    digits = 2 if threshold_kg is not None and f"{abs(kg):.1f}" == f"{threshold_kg:.1f}" else 1
    said = f"{kg:+.{digits}f} kg".replace("-", "−")
    return {"fr": said.replace(".", ","), "en": said}
