"""What does a worker subscribe to? Everything, its share of everything, or its own sites."""

from dataclasses import dataclass, replace

from ingest.adapters.dialects import FILTERS
from schemas.topics import READINGS, STATUSES, TOO_DEEP

NATIVE = 2  # the first filters of every worker; the rest are the other dialects'
GROUP, GROUP_OF_THE_PRESENT = "vigie", "vigie-now"


@dataclass(frozen=True, kw_only=True)
class Share:
    """Which part of the load is this worker's; without a number all of it.

    `sites` divide the load where the broker cannot: each site of the native topics belongs to one worker. The other
    dialects, whose topics have no site, then belong to worker 1.
    """

    worker: int | None = None
    sites: tuple[str, ...] = ()
    group: str = GROUP

    @property
    def is_one_of_several(self) -> bool:
        """Whether others take this part when we end in order; the first stays, or all together would leave nobody."""
        return self.worker not in (None, 1) and not self.sites

    def of_the_present(self) -> "Share":
        """The same part of what comes now; a group of its own, or each would wait for the other's backlog."""
        return replace(self, group=GROUP_OF_THE_PRESENT)


def filters(share: Share, *, shared: bool) -> tuple[list[str], list[str]]:
    """The topic filters to subscribe to, and those to give up; `shared`: the broker knows shared subscriptions.

    A session outlives its worker, so one that was the only worker before must stop taking everything, and the other
    way round. Where a broker cannot share and no sites are given, every worker takes everything: twice is harmless.
    """
    siteless = [TOO_DEEP, *FILTERS]
    everything = [READINGS, STATUSES, *siteless]
    parts = [f"$share/{share.group}/{name}" for name in everything]
    if share.sites:
        others = siteless if share.worker in (None, 1) else ()
        own = [f"vigie/1/{site}/+/{kind}" for site in share.sites for kind in ("reading", "status")]
        return [*own, *others], [name for name in [*everything, *(parts if shared else [])] if name not in others]
    if share.worker is not None and shared:
        return parts, everything
    return everything, parts if shared else []
