"""What is said of Vigie's own detector wherever it is chosen? Its card; docs/detectors.md has more."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class CardRow:
    """A line of the card."""

    title_fr: str
    title_en: str
    text_fr: str
    text_en: str


VERSION = "5"
DEFAULT_THRESHOLD = 33
CARD: tuple[CardRow, ...] = (
    CardRow(
        title_fr="Ce qu'il regarde",
        title_en="What it looks at",
        text_fr="Les tendances du poids sur 1 à 80 jours, chacune à la mesure de ce patient ; les dernières pesées ; "
        "l'heure ; les jours sans pesée au-delà de l'habitude.",
        text_en="Trends of the weight over 1 to 80 days, each in this patient's own measure; the latest weights; "
        "the hour; days without a weight beyond the usual.",
    ),
    CardRow(
        title_fr="Réglé sur",
        title_en="Fitted on",
        text_fr="48 000 patients-années simulées, 480 mondes tirés au sort. Aucun patient réel : aucun chiffre n'est "
        "un résultat clinique.",
        text_en="48,000 simulated patient-years, 480 worlds drawn at random. No real patient: no figure is a "
        "clinical result.",
    ),
    CardRow(
        title_fr="À 1 fausse alerte par patient et par an",
        title_en="At 1 false alert per patient-year",
        text_fr="Trouve 49 à 82 % des décompensations avec prise de poids, 29 à 52 % de toutes "
        "(MACD : 26 à 76 % et 14 à 42 %) ; alertes vraies : 18 à 34 % ; avance médiane 3 à 6 jours.",
        text_en="Finds 49 to 82 % of decompensations with a gain, 29 to 52 % of all "
        "(MACD: 26 to 76 % and 14 to 42 %); true alerts: 18 to 34 %; median lead 3 to 6 days.",
    ),
    CardRow(
        title_fr="À 0,5 fausse alerte",
        title_en="At 0.5 false alerts",
        text_fr="Trouve 36 à 80 % des décompensations avec prise de poids.",
        text_en="Finds 36 to 80 % of decompensations with a gain.",
    ),
    CardRow(
        title_fr="À surveiller, dès trois quarts du seuil",
        title_en="Watched, from three quarters of the threshold",
        text_fr="N'appelle personne. À 1 fausse alerte par an, 0,8 à 1,6 surveillance inutile par patient et par an ; "
        "avec elles, 38 à 60 % de toutes les décompensations sont vues (alertes seules : 27 à 50 %), et un quart de "
        "celles qui alertent 2 à 4 jours plus tôt.",
        text_en="Calls nobody. At 1 false alert a year, 0.8 to 1.6 watches in vain per patient-year; with them 38 to "
        "60 % of all decompensations are seen (alerts alone: 27 to 50 %), and a quarter of those alerted 2 to 4 days "
        "sooner.",
    ),
    CardRow(
        title_fr="Ce qu'il ne voit pas",
        title_en="Blind spots",
        text_fr="Une décompensation sans prise de poids chez qui continue de se peser ; une prise lente chez qui le "
        "poids varie beaucoup ; une prise d'eau sous une fonte musculaire ; une autre personne "
        "de même poids ; une balance changée sans le dire.",
        text_en="A decompensation without a gain in somebody who goes on weighing; a slow gain where the weight "
        "wanders; fluid gained while muscle is lost; another person of the same weight; a new "
        "scale nobody told of.",
    ),
    CardRow(
        title_fr="Ce qu'il faut lui dire",
        title_en="What it must be told",
        text_fr="Un séjour à l'hôpital, un traitement, un nouveau poids sec, une autre balance.",
        text_en="A hospital stay, a treatment, a new dry weight, another scale.",
    ),
)
