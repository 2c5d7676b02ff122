"""What do our MQTT topics look like? `vigie/1/{site}/{device}/{kind}`, interface.md."""

import re
from dataclasses import dataclass
from typing import Literal, Self, cast

Kind = Literal["reading", "receipt", "status"]
PART = r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}"
TOPIC = re.compile(rf"vigie/1/(?P<site>{PART})/(?P<device_id>{PART})/(?P<kind>reading|receipt|status)")
READINGS = "vigie/1/+/+/reading"
STATUSES = "vigie/1/+/+/status"
TOO_DEEP = "vigie/1/+/+/+/+/#"
"""Topics with too many levels, to be refused with a word rather than never heard."""


@dataclass(frozen=True, kw_only=True)
class Topic:
    """A scale's topic. `site` and `device_id`: 1-64 letters, digits, `.`, `_`, `:`, `-`; no patient's name."""

    site: str
    device_id: str
    kind: Kind

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """The topic's parts, or None if it is not one of ours."""
        found = TOPIC.fullmatch(text)
        if found is None:
            return None
        return cls(site=found["site"], device_id=found["device_id"], kind=cast("Kind", found["kind"]))

    def __str__(self) -> str:
        return f"vigie/1/{self.site}/{self.device_id}/{self.kind}"
