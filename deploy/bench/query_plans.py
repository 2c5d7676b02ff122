"""Which step of a query costs most? From PostgreSQL's own EXPLAIN ANALYZE."""

from collections.abc import Iterator, Mapping
from typing import Any, LiteralString

from schemas.database import Connection


def worst_step(conn: Connection, query: LiteralString, values: Mapping[str, object]) -> dict[str, object]:
    """The whole query's time, and the step with the most time of its own; ms."""
    for _ in range(2):  # the second time with what the first has read
        row = conn.execute(b"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + query.encode(), values).fetchone()
    conn.rollback()
    assert row
    plan: dict[str, Any] = row[0][0]  # type: ignore[index]
    own, step = max(_steps(plan["Plan"]), key=lambda found: found[0])
    where = step.get("Relation Name") or step.get("CTE Name") or step.get("Subplan Name")
    return {
        "ms": round(plan["Execution Time"], 2),
        "worst_step": " ".join(filter(None, (step["Node Type"], step.get("Index Name"), where and f"on {where}"))),
        "worst_step_ms": round(own, 2),
        "rows": round(step["Actual Rows"] * step["Actual Loops"]),
        "blocks": plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"],
    }


def _steps(plan: dict[str, Any]) -> Iterator[tuple[float, dict[str, Any]]]:
    """Each step with the time that is not its children's."""
    children = plan.get("Plans", [])
    whole = plan["Actual Total Time"] * plan["Actual Loops"]
    yield whole - sum(child["Actual Total Time"] * child["Actual Loops"] for child in children), plan
    for child in children:
        yield from _steps(child)
