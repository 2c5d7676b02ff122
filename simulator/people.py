"""Who could they be? Invented people with French names and INS test identifiers: nobody's data."""

from datetime import date, timedelta

import numpy as np

from schemas.patient import Identity

TEST_OID = "1.2.250.1.213.1.4.10"
YOUNGEST_YEARS, OLDEST_YEARS = 55, 92
DEPARTMENTS = ("03", "15", "43", "63")  # Allier, Cantal, Haute-Loire, Puy-de-Dôme
NO_COMMUNE = "999"  # no commune of the four has it, so that no living person has such a number

FAMILY_NAMES = tuple(
    "Arnaud Aubert Barthélemy Besson Blanchard Bonnet Bourdier Brunel Chabrol Chastang Chevalier Colin Delmas "  # noqa: SIM905 a list takes a line a name
    "Dumas Fabre Faure Fournier Gauthier Giraud Imbert Jacquet Lacroix Laurent Lemaître Marchand Mathieu Mercier "
    "Meunier Monier Morel Noël Pélissier Perrin Picard Renard Reynaud Rivière Roche Roussel Salvat Tixier Vacher "
    "Vallet Vidal Vigier".split()
)
WOMEN = tuple(
    "Andrée Annie Bernadette Brigitte Chantal Colette Denise Élise Françoise Geneviève Ginette Hélène Huguette "  # noqa: SIM905 a list takes a line a name
    "Jacqueline Jeannine Josette Lucienne Madeleine Marcelle Marie Michèle Monique Nicole Odette Paulette "
    "Raymonde Renée Simone Solange Suzanne Thérèse Yvette Yvonne".split()
)
MEN = tuple(
    "Alain Albert André Bernard Christian Claude Daniel Émile Fernand François Georges Gérard Gilbert Guy Henri "  # noqa: SIM905 a list takes a line a name
    "Jacques Jean Joseph Julien Louis Lucien Marcel Maurice Michel Paul Philippe Pierre Raymond René Robert Roger "
    "Serge Yves".split()
)


def invent(rng: np.random.Generator, *, today: date) -> Identity:
    """Somebody of an age at which the heart fails (median about 78 years), with an INS test identifier."""
    woman = bool(rng.random() < 0.45)
    years = YOUNGEST_YEARS + (OLDEST_YEARS - YOUNGEST_YEARS) * rng.beta(3.0, 2.0)
    born = today - timedelta(days=int(years * 365.25))
    return Identity(
        family_name=str(rng.choice(FAMILY_NAMES)),
        given_name=str(rng.choice(WOMEN if woman else MEN)),
        birth_date=born,
        sex="F" if woman else "M",
        ins=_test_nir(rng, born=born, woman=woman),
        ins_oid=TEST_OID,
    )


def _test_nir(rng: np.random.Generator, *, born: date, woman: bool) -> str:
    """13 digits in the shape of a NIR, and its key: 97 less the remainder by 97."""
    department = str(rng.choice(DEPARTMENTS))
    number = f"{2 if woman else 1}{born:%y%m}{department}{NO_COMMUNE}{rng.integers(1, 1000):03d}"
    return f"{number}{97 - int(number) % 97:02d}"
