"""`vigie bench api` and `vigie bench tryout`: small, but through the same code; no time is asserted."""

from concurrent.futures import ThreadPoolExecutor

from deploy.bench import pages, tryout


def test_the_pages_are_timed_by_client_and_server_with_weights_and_the_worst_step_of_each_plan() -> None:
    with ThreadPoolExecutor(1) as apart:  # Playwright: one browser a thread; others may have theirs in this
        [size] = apart.submit(pages.run, patients=(40,), seconds=0.05).result()["sizes"]
    for who in ("1_reader", "8_people", "8_readers"):
        for page in ("worklist", "drawer", "patient", "search"):
            timed = size[who][page]
            assert 0 < timed["server_p50_ms"] <= timed["server_p99_ms"]
            assert timed["server_p50_ms"] <= timed["p50_ms"] <= timed["p99_ms"]
        assert size[who]["plain_endpoint"]["answers"] > 0
    for name in ("entries", "counts", "weights_to_check", "search"):
        assert size["plans"][name].keys() == {"ms", "worst_step", "worst_step_ms", "rows", "blocks"}
    assert 0 < size["page_weight_kb"]["patient"]["page"] < size["page_weight_kb"]["patient"]["all"] < 250


def test_a_trial_is_answered_and_timed_from_the_asking() -> None:
    measured = tryout.run(patients=12, days=90, every=tryout.ASKED[:1])
    assert measured["aim_s"] == 10
    [trial] = measured["trials"]
    assert trial["detector"] == "guideline"
    assert 0 < trial["computed_s"] <= trial["waited_s"]
    assert trial["patient_years"] > 1
