"""When is a failed message tried again? Later each time, never all at once, and never given up."""

import random

FIRST_SECONDS = 5.0
LONGEST_SECONDS = 15 * 60.0
NEVER_SECONDS = 20 * 60.0
"""Nothing that failed waits so long, whatever the jitter: what does was written by a clock that ran ahead."""


def retry_seconds(tried_seconds: float) -> float:
    """As long again as it has been tried, between 5 s and 15 minutes: the distance doubles.

    Jittered, so that 800 do not knock at once.
    """
    return min(LONGEST_SECONDS, max(FIRST_SECONDS, tried_seconds)) * random.uniform(0.75, 1.25)  # noqa: S311 no secret
