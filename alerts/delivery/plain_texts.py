"""In which words is somebody told what is no alert? Counts and links; nobody's name or weight."""

from collections.abc import Mapping
from typing import Any, Literal

from alerts.delivery import texts
from alerts.messages import Language

Kind = Literal[
    "outage_began",
    "outage_ended",
    "channel_test",
    "channel_code",
    "channel_disabled",
    "digest",
    "canary_late",
    "program_silent",
    "scales_silent",
    "reminder",
    "pause_ends",
]
NOW_OR_NEVER: frozenset[Kind] = frozenset({"channel_test", "channel_code"})
"""Somebody waits before the screen, and asks again."""

# subject, sentences, SMS, path of the link ("" none); {…} are the notice's facts.
WORDS: dict[Kind, dict[Language, tuple[str, tuple[str, ...], str]]] = {
    "outage_began": {
        "fr": (
            "Vigie : panne {outage}, les pesées n'arrivent pas",
            (
                "Panne {outage} : aucune pesée ne nous parvient ({patients} patients).",
                "Les alertes d'absence de pesée attendent ; les balances renverront ce qu'elles ont gardé.",
            ),
            "Vigie: panne {outage}, les pesées de {patients} patients n'arrivent pas.",
        ),
        "en": (
            "Vigie: outage {outage}, no weights come",
            (
                "Outage {outage}: no weight reaches us ({patients} patients).",
                "Alerts of missing weights wait; the scales will send what they have kept.",
            ),
            "Vigie: outage {outage}, weights of {patients} patients do not come.",
        ),
    },
    "outage_ended": {
        "fr": (
            "Vigie : fin de la panne {outage}",
            (
                "Panne {outage} terminée ({patients} patients) : les pesées arrivent.",
                "Qui reste silencieux sera signalé.",
            ),
            "Vigie: panne {outage} terminée, les pesées arrivent.",
        ),
        "en": (
            "Vigie: outage {outage} is over",
            (
                "Outage {outage} is over ({patients} patients): weights arrive.",
                "Whoever stays silent will be reported.",
            ),
            "Vigie: outage {outage} is over, weights arrive.",
        ),
    },
    "channel_test": {
        "fr": ("Vigie : essai", ("Ceci est un essai : ce canal fonctionne.",), "Vigie: essai, ce canal fonctionne."),
        "en": ("Vigie: test", ("This is a test: this channel works.",), "Vigie: test, this channel works."),
    },
    "channel_code": {
        "fr": (
            "Vigie : code {code}",
            (
                "Votre code pour ce canal : {code} (valable 15 minutes).",
                "Vous n'avez rien demandé ? Ignorez ce message.",
            ),
            "Vigie: votre code est {code} (15 minutes).",
        ),
        "en": (
            "Vigie: code {code}",
            ("Your code for this channel: {code} (valid for 15 minutes).", "Not asked for? Ignore this message."),
            "Vigie: your code is {code} (15 minutes).",
        ),
    },
    "channel_disabled": {
        "fr": (
            "Vigie : le canal {channel} n'est plus utilisé",
            (
                "Le canal {channel} ({scheme}) a refusé les messages ; Vigie ne l'utilise plus.",
                "À corriger sur la page du compte :",
            ),
            "Vigie: le canal {channel} ({scheme}) refuse les messages et n'est plus utilisé.",
        ),
        "en": (
            "Vigie: channel {channel} is no longer used",
            (
                "Channel {channel} ({scheme}) refused messages; Vigie uses it no longer.",
                "To be corrected on the account page:",
            ),
            "Vigie: channel {channel} ({scheme}) refuses messages and is no longer used.",
        ),
    },
    "digest": {
        "fr": (
            "Vigie : alertes ouvertes : {open}",
            (
                "Alertes ouvertes : {open} ; alarmes : {alarm} ; prises par personne : {new} ; depuis hier : {recent}.",
                "À surveiller : {watch}.",
            ),
            "Vigie: alertes ouvertes: {open}, alarmes: {alarm}, prises par personne: {new}.",
        ),
        "en": (
            "Vigie: open alerts: {open}",
            (
                "Open alerts: {open}; alarms: {alarm}; taken by nobody: {new}; since yesterday: {recent}.",
                "To be watched: {watch}.",
            ),
            "Vigie: open alerts: {open}, alarms: {alarm}, taken by nobody: {new}.",
        ),
    },
    "canary_late": {
        "fr": (
            "Vigie : l'alerte d'essai n'est pas arrivée",
            ("L'alerte de la patiente d'essai du {day} n'est pas arrivée dans le temps promis. Manque : {missing}.",),
            "Vigie: l'alerte d'essai du {day} n'est pas arrivée ({missing}).",
        ),
        "en": (
            "Vigie: the test alert did not arrive",
            ("The alert of the test patient of {day} did not arrive within the promised time. Missing: {missing}.",),
            "Vigie: the test alert of {day} did not arrive ({missing}).",
        ),
    },
    "program_silent": {
        "fr": (
            "Vigie : {program} ne répond plus",
            ("Le programme {program} n'a pas donné signe de vie depuis une minute.",),
            "Vigie: le programme {program} ne répond plus.",
        ),
        "en": (
            "Vigie: {program} is silent",
            ("Program {program} has not been heard for a minute.",),
            "Vigie: program {program} is silent.",
        ),
    },
    "scales_silent": {
        "fr": (
            "Vigie : balances muettes : {count}",
            ("Balances muettes depuis {days} jours : {count}.", "La liste du matériel :"),
            "Vigie: balances muettes depuis {days} jours: {count}.",
        ),
        "en": (
            "Vigie: silent scales: {count}",
            ("Scales not heard for {days} days: {count}.", "The stock of scales:"),
            "Vigie: scales silent for {days} days: {count}.",
        ),
    },
    "reminder": {
        "fr": (
            "Rappel",
            ("Bonjour, pensez à vous peser ce matin. En cas d'urgence appelez le 15.",),
            "Bonjour, pensez à vous peser ce matin. En cas d'urgence appelez le 15.",
        ),
        "en": (
            "Reminder",
            ("Good morning, please remember to weigh yourself. In an emergency call 15.",),
            "Good morning, please remember to weigh yourself. In an emergency call 15.",
        ),
    },
    "pause_ends": {
        "fr": (
            "Vigie : la pause {pause} se termine",
            ("Dernier jour de la pause {pause} : {day}. Ensuite, l'absence de pesée sera de nouveau signalée.",),
            "Vigie: la pause {pause} se termine le {day}.",
        ),
        "en": (
            "Vigie: pause {pause} ends",
            ("Last day of pause {pause}: {day}. After it, missing weights are alerted again.",),
            "Vigie: pause {pause} ends on {day}.",
        ),
    },
}
MISSING: dict[Language, dict[str, str]] = {
    "fr": {"reading": "la pesée", "alert": "l'alerte", "delivery": "la remise"},
    "en": {"reading": "the weight", "alert": "the alert", "delivery": "the delivery"},
}
PATHS: dict[Kind, str] = {
    "outage_began": "/",
    "outage_ended": "/",
    "channel_disabled": "/account",
    "digest": "/",
    "scales_silent": "/scales",
    "pause_ends": "/pauses/{pause}",
}


def message(kind: Kind, facts: Mapping[str, Any], *, notice_id: int, url: str, language: Language) -> texts.Message:
    """One notice; `url` is where the dashboard is."""
    subject, lines, sms = WORDS[kind][language]
    if "missing" in facts:
        facts = {**facts, "missing": MISSING[language][facts["missing"]]}
    link = url + PATHS[kind].format_map(facts) if kind in PATHS else ""
    return texts.plain(
        reference=f"vigie-notice-{notice_id}",
        subject=subject.format_map(facts),
        lines=[line.format_map(facts) for line in lines],
        url=link,
        sms=f"{sms.format_map(facts)} {link}".rstrip(),
    )
