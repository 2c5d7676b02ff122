"""What came over the wire, from whom? A message as the broker or a web server gave it, before anyone reads it."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple


@dataclass(kw_only=True, slots=True)
class Message:
    """`may_have_waited`: perhaps it lay in the broker before `received_at`; `retained`: it is a copy of an old one."""

    topic: str
    payload: bytes
    received_at: datetime
    may_have_waited: bool = False
    retained: bool = False


class Scale(NamedTuple):
    """A scale, as `device_loan` names it.

    Of the native protocol the two levels of the topic, for which the broker answers, not the payload; of others the
    name of the dialect and what it calls the scale (docs/scales.md).
    """

    site: str
    device_id: str
