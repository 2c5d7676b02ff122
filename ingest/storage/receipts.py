"""Which receipts do these answers make? One message for each scale, interface.md's."""

import json
from collections.abc import Iterable
from datetime import datetime

from ingest.storage.store import Answer


def receipts(answers: Iterable[Answer], *, at: datetime) -> list[tuple[str, bytes]]:
    """Topic and payload of a receipt for each scale; every seq in exactly one of the three lists."""
    by_topic: dict[str, dict[int, Answer]] = {}
    for answer in answers:
        by_topic.setdefault(answer.topic, {}).setdefault(answer.seq, answer)
    now = at.isoformat()
    return [(_receipt_topic(topic), _payload(list(given.values()), now)) for topic, given in by_topic.items()]


def _receipt_topic(topic: str) -> str:
    return topic.removesuffix("reading") + "receipt"


def _payload(answers: list[Answer], at: str) -> bytes:
    """Written by hand but for the reasons: a list of integers is JSON as it is, and nearly all receipts are one."""
    stored = [answer.seq for answer in answers if answer.word == "stored"]
    quarantined, rejected = (
        ("[]", "[]")
        if len(stored) == len(answers)
        else (_with_reasons(answers, "quarantined"), _with_reasons(answers, "rejected"))
    )
    return f'{{"stored": {stored}, "quarantined": {quarantined}, "rejected": {rejected}, "at": "{at}"}}'.encode()


def _with_reasons(answers: list[Answer], word: str) -> str:
    return json.dumps([{"seq": answer.seq, "reason": answer.reason} for answer in answers if answer.word == word])
