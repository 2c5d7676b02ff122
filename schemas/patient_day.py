"""What may have become of a patient's day? Six states, and no day has two."""

from typing import Literal

DayState = Literal["weighed", "waiting", "not_weighed", "scale_silent", "our_outage", "paused"]
"""A weight counts; came but waits in quarantine; the scale lives and nobody weighed; the scale is silent; we could not
have heard it; watching is paused."""
DAY_STATES: tuple[DayState, ...] = ("weighed", "waiting", "not_weighed", "scale_silent", "our_outage", "paused")
EXPECTED: tuple[DayState, ...] = ("weighed", "waiting", "not_weighed", "scale_silent")
"""Days on which a weight could have come: what adherence is a share of."""
