"""Pages of listings, against the simple way to make them; and what a folder of many objects costs."""

from hypothesis import given
from hypothesis import strategies as st

from pileus.object_store.model.timestamp import iso
from pileus.object_store.storage.database.listing import Page, walk
from tests.object_store.test_sharding import page_of

NAMES = st.lists(st.text("ab/", min_size=1, max_size=5), unique=True, max_size=60)
TEXTS = st.sampled_from(["", "a", "a/", "ab", "b/a", "b"])


def fetching(names, asked):
    def fetch(bounds, values, reverse, limit):
        asked.append(limit)
        tests = {">": lambda a, b: a > b, ">=": lambda a, b: a >= b, "<": lambda a, b: a < b}
        conditions = [part.split()[1] for part in bounds.split(" AND ")] if bounds else []
        there = [n for n in sorted(names, reverse=reverse) if all(tests[c](n, v) for c, v in zip(conditions, values, strict=True))]
        return [(n,) for n in there[:limit]]

    return fetch


@given(NAMES, TEXTS, TEXTS, TEXTS, st.booleans(), st.booleans(), st.integers(1, 20))
def test_pages_are_what_they_should_be(names, marker, end_marker, prefix, folders, reverse, limit):
    page = {"limit": limit, "marker": marker, "end_marker": end_marker, "prefix": prefix, "delimiter": "/" if folders else "",
            "reverse": reverse}
    assert [row[0] for row in walk(fetching(names, []), Page(**page))] == page_of(names, **page)


def test_a_folder_costs_what_one_object_costs():
    asked = []
    names = [f"{folder:02}/{n:04}" for folder in range(20) for n in range(1000)]
    assert len(walk(fetching(names, asked), Page(limit=10_000, delimiter="/"))) == 20
    assert sum(asked) < 200


def test_moments_as_listings_show_them():
    assert iso("1700000000.12345") == "2023-11-14T22:13:20.123450"
    assert iso("1700000000.00000_0000000000000002") == "2023-11-14T22:13:20.000000"
    assert iso("0000000001.00000") == "1970-01-01T00:00:01.000000"
    assert iso("1709251199.99999") == "2024-02-29T23:59:59.999990" and iso("9999999999.00000") == "2286-11-20T17:46:39.000000"
