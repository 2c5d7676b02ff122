"""In which words is the team told of an outage of ours? Number and link; no patient, so nothing to keep secret."""

from dataclasses import dataclass
from typing import Literal

from alerts.messages import Notice

OutageKind = Literal["outage_began", "outage_ended"]


@dataclass(frozen=True, kw_only=True)
class OutageNotice(Notice):
    """An outage's number, which every notice of it carries, and how many patients' weights cannot come."""

    kind: OutageKind
    outage: int
    patients: int

    @property
    def subject(self) -> str:
        if self.kind == "outage_began":
            fr, en = (
                f"Vigie : panne {self.outage}, les pesées n'arrivent pas",
                f"Vigie: outage {self.outage}, no weights come",
            )
        else:
            fr, en = f"Vigie : fin de la panne {self.outage}", f"Vigie: outage {self.outage} is over"
        return fr if self.language == "fr" else en

    @property
    def body(self) -> str:
        if self.language == "fr":
            said = {
                "outage_began": f"Panne {self.outage} : aucune pesée ne nous parvient ({self.patients} patients). "
                "Les alertes d'absence de pesée attendent ; les balances renverront ce qu'elles ont gardé.",
                "outage_ended": f"Panne {self.outage} terminée ({self.patients} patients) : les pesées arrivent. "
                "Qui reste silencieux sera signalé.",
            }[self.kind]
        else:
            said = {
                "outage_began": f"Outage {self.outage}: no weight reaches us ({self.patients} patients). "
                "Alerts of missing weights wait; the scales will send what they have kept.",
                "outage_ended": f"Outage {self.outage} is over ({self.patients} patients): weights arrive. "
                "Whoever stays silent will be reported.",
            }[self.kind]
        return f"{said}\n\n{self.link}\n"

    @property
    def sms(self) -> str:
        """One GSM-7 message."""
        count, link = self.patients, self.link
        fr = {
            "outage_began": f"Vigie: panne {self.outage}, les pesées de {count} patients n'arrivent pas. {link}",
            "outage_ended": f"Vigie: panne {self.outage} terminée, les pesées arrivent. {link}",
        }
        en = {
            "outage_began": f"Vigie: outage {self.outage}, weights of {count} patients do not come. {link}",
            "outage_ended": f"Vigie: outage {self.outage} is over, weights arrive. {link}",
        }
        return (fr if self.language == "fr" else en)[self.kind]
