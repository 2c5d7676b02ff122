"""In which words is a clinician told of alerts? Number, severity, link, as SMS and as e-mail, in French and English.

Providers of SMS and e-mail may not hold health data, so: no name, no weight, no phone number, no patient's id.
"""

import html
from collections.abc import Sequence
from dataclasses import dataclass

from alerts.delivery import gsm7
from alerts.messages import SEVERITY_WORDS, Language
from schemas.alert import SEVERITIES, Severity


@dataclass(frozen=True, kw_only=True)
class Message:
    """One message in both forms; `reference` is the same each time it is sent, `receipt` names it in a receipt."""

    reference: str
    receipt: str = ""
    subject: str
    html: str
    sms: str


@dataclass(frozen=True, kw_only=True)
class Alert:
    """What may be said of an alert. `take` is the link with one tap, `show` the one behind the sign-in."""

    number: int
    severity: Severity
    take: str
    show: str


FOOT: dict[Language, str] = {
    "fr": "Vigie aide à la décision et n'est pas un service d'urgence. "
    "Le même numéro reçu deux fois désigne la même alerte.",
    "en": "Vigie supports decisions and is not an emergency service. The same number received twice is the same alert.",
}
REPEAT: dict[Language, str] = {
    "fr": "Répétition : un envoi précédent est peut-être arrivé.",
    "en": "Repeat: an earlier sending may have arrived.",
}


def alert(one: Alert, *, language: Language, repeat: bool = False) -> Message:
    """One alert; `repeat` if it was sent before and may have arrived."""
    word = SEVERITY_WORDS[language][one.severity]
    if language == "fr":
        again = ", répétition" if repeat else ""
        subject, short = (
            f"Vigie : alerte n° {one.number} ({word}{again})",
            f"Vigie: alerte {one.number} ({word}{again})",
        )
        said = f"Alerte n° {one.number}, gravité : {word}."
        take, show, end = "Je m'en occupe (sans mot de passe) :", "Le dossier :", " Ne remplace pas le 15."
    else:
        again = ", repeat" if repeat else ""
        subject, short = f"Vigie: alert no. {one.number} ({word}{again})", f"Vigie: alert {one.number} ({word}{again})"
        said = f"Alert no. {one.number}, severity: {word}."
        take, show, end = "I take care of it (no password):", "The record:", " Not an emergency service."
    lines = [said, *([REPEAT[language]] if repeat else [])]
    return Message(
        reference=f"vigie-{one.number}",
        subject=subject,
        html=_paragraphs([*lines, f"{take} {link(one.take)}", f"{show} {link(one.show)}", FOOT[language]]),
        sms=_with_room_for(f"{short} {one.take}", end),
    )


def bundle(alerts: Sequence[Alert], *, page: str, worklist: str, language: Language, repeat: bool = False) -> Message:
    """Several alerts in one message, the gravest first; `page` lists them, each with its button, without a sign-in."""
    alerts = sorted(alerts, key=lambda one: (-SEVERITIES.index(one.severity), one.number))
    grave = sum(one.severity == "alarm" for one in alerts)
    words = SEVERITY_WORDS[language]
    count, numbers = len(alerts), [str(one.number) for one in alerts]
    if language == "fr":
        alarms = f", dont {grave} alarme{'s' if grave > 1 else ''}" if grave else ""
        again = ", répétition" if repeat else ""
        subject, short = f"Vigie : {count} alertes{alarms}{again}", f"Vigie: {count} alertes{alarms}{again}:"
        said, item, end = f"{count} alertes{alarms}.", "Alerte n° {} ({}) : je m'en occupe", " Ne remplace pas le 15."
        these, whole = "Toutes sur une page (sans mot de passe) :", "La liste de travail :"
    else:
        alarms = f", {grave} alarm{'s' if grave > 1 else ''} among them" if grave else ""
        again = ", repeat" if repeat else ""
        subject, short = f"Vigie: {count} alerts{alarms}{again}", f"Vigie: {count} alerts{alarms}{again}:"
        said, item, end = (
            f"{count} alerts{alarms}.",
            "Alert no. {} ({}): I take care of it",
            " Not an emergency service.",
        )
        these, whole = "All on one page (no password):", "The worklist:"
    lines = [f"{item.format(one.number, words[one.severity])} {link(one.take)}" for one in alerts]
    return Message(
        reference=f"vigie-{alerts[0].number}-{count}",
        subject=subject,
        html=_paragraphs(
            [
                said,
                *([REPEAT[language]] if repeat else []),
                *lines,
                f"{these} {link(page)}",
                f"{whole} {link(worklist)}",
                FOOT[language],
            ]
        ),
        sms=_with_room_for(_numbered(short, numbers, page), end),
    )


def link(url: str) -> str:
    """An address that is its own text, so that the text form of an e-mail shows it too."""
    quoted = html.escape(url)
    return f'<a href="{quoted}">{quoted}</a>'


def plain(*, reference: str, subject: str, lines: Sequence[str], url: str, sms: str) -> Message:
    """A message that is no alert's: some sentences and perhaps one link."""
    told = [*(html.escape(line, quote=False) for line in lines), *([link(url)] if url else [])]
    return Message(reference=reference, subject=subject, html=_paragraphs(told), sms=_with_room_for(sms, ""))


def _numbered(start: str, numbers: Sequence[str], url: str) -> str:
    """As many numbers as one SMS holds, and that there are more."""
    for shown in range(len(numbers), 0, -1):
        more = "" if shown == len(numbers) else f" +{len(numbers) - shown}"
        text = f"{start} {', '.join(numbers[:shown])}{more} {url}"
        if gsm7.septets(gsm7.spelled(text)) <= gsm7.ONE_PART:
            return text
    return f"{start} {url}"


def _with_room_for(text: str, end: str) -> str:
    """A very long link costs the last sentence, never the link."""
    start, whole = gsm7.spelled(text), gsm7.spelled(text + end)
    return whole if gsm7.septets(whole) <= gsm7.ONE_PART else start


def _paragraphs(lines: Sequence[str]) -> str:
    return "\n".join(f"<p>{line}</p>" for line in lines)
