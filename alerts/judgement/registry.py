"""Which detectors of decompensation are there? By name; each can be back-tested, alert, or run in the shadow."""

from alerts.detectors import (
    control_chart,
    cusum,
    engage_hf,
    fast,
    guideline,
    heartphone,
    macd,
    scale_hf,
    vigie,
)
from alerts.detectors.detector import Detector

KNOWN: tuple[Detector, ...] = (vigie, guideline, macd, fast, scale_hf, engage_hf, cusum, heartphone, control_chart)
DETECTORS: dict[str, Detector] = {module.NAME: module for module in KNOWN}


class UnknownDetectorError(Exception):
    """There is no detector of this name; the message names those there are."""


def named(name: str) -> Detector:
    """The detector of this name.

    Raises:
        UnknownDetectorError: one line.
    """
    if name not in DETECTORS:
        raise UnknownDetectorError(f"no detector {name!r}; there are: {', '.join(DETECTORS)}")
    return DETECTORS[name]
