"""Queries: their parameters, one by one, and which events they match."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from c8ybin.domain import queries
from c8ybin.domain.errors import Invalid
from c8ybin.domain.queries import Facts, Paging, Query, parse_filters, parse_list, parse_query

NOON = 1_795_521_600_000  # 2026-11-24T12:00:00Z
TIMES = ["dateFrom", "dateTo", "createdFrom", "createdTo", "lastUpdatedFrom", "lastUpdatedTo"]
FLAGS = ["revert", "withTotalPages", "withTotalElements", "withSourceAssets", "withSourceDevices"]


def listed(query_string):
    return parse_list(parse_query(query_string))


def deleted(query_string):
    return parse_filters(parse_query(query_string))


def event(**values):
    facts = {"id": 1, "time": 0, "created": 0, "updated": 0, "source": "s", "type": "t", "fragments": {}}
    return Facts(**facts | values)


class TestParameters:
    @pytest.mark.parametrize(
        ("query_string", "query"),
        [
            ("", Query()),
            ("source=42", Query(source="42")),
            ("source=", Query(source="")),
            ("type=c8y_Logfile", Query(type="c8y_Logfile")),
            ("type=a+b%20%C3%BC%26", Query(type="a b ü&")),
            ("fragmentType=c8y_IsBinary", Query(fragment_type="c8y_IsBinary")),
            ("fragmentType=f&fragmentValue=v", Query(fragment_type="f", fragment_value="v")),
            ("fragmentValue=v&fragmentType=f", Query(fragment_type="f", fragment_value="v")),
            ("dateFrom=2026-11-24T12:00:00Z", Query(date_from=NOON)),
            ("dateTo=2026-11-24T12:00:00Z", Query(date_to=NOON)),
            ("createdFrom=2026-11-24T12:00:00Z", Query(created_from=NOON)),
            ("createdTo=2026-11-24T12:00:00Z", Query(created_to=NOON)),
            ("lastUpdatedFrom=2026-11-24T12:00:00Z", Query(updated_from=NOON)),
            ("lastUpdatedTo=2026-11-24T12:00:00Z", Query(updated_to=NOON)),
            ("dateFrom=2026-11-24T13:00:00%2B01:00", Query(date_from=NOON)),
            ("dateFrom=2026-11-24T13:00:00+01:00", Query(date_from=NOON)),
            ("dateFrom=2026-11-24", Query(date_from=NOON - 12 * 3_600_000)),
        ],
    )
    def test_that_filter_are_read_by_lists_and_deletions_alike(self, query_string, query):
        assert deleted(query_string) == query
        assert listed(query_string) == (query, Paging())

    @pytest.mark.parametrize(
        ("query_string", "paging"),
        [
            ("", Paging(5, 1, False, False, False)),
            ("revert=true", Paging(oldest_first=True)),
            ("revert=TRUE", Paging(oldest_first=True)),
            ("revert=false", Paging()),
            ("pageSize=1", Paging(page_size=1)),
            ("pageSize=0010", Paging(page_size=10)),
            ("pageSize=2000", Paging(page_size=2000)),
            ("pageSize=2001", Paging(page_size=2000)),
            ("pageSize=2147483647", Paging(page_size=2000)),
            ("currentPage=7", Paging(current_page=7)),
            ("withTotalPages=true", Paging(with_total_pages=True)),
            ("withTotalElements=true", Paging(with_total_elements=True)),
        ],
    )
    def test_that_page_are_read_by_lists(self, query_string, paging):
        assert listed(query_string) == (Query(), paging)

    def test_page_size_of_a_java_long_is_trimmed_too(self):
        assert listed(f"pageSize={2**63 - 1}")[1].page_size == 2000

    @pytest.mark.parametrize("name", TIMES)
    @pytest.mark.parametrize("value", ["", "yesterday", "2026-02-30", "1795521600000"])
    def test_that_are_no_time_are_refused_by_name(self, name, value):
        for read in (listed, deleted):
            with pytest.raises(Invalid, match=f"^{name} cannot be read.*ISO 8601"):
                read(f"{name}={value}")

    @pytest.mark.parametrize("name", FLAGS)
    @pytest.mark.parametrize("value", ["", "1", "yes", "truetrue"])
    def test_that_are_neither_true_nor_false_are_refused_by_name(self, name, value):
        with pytest.raises(Invalid, match=f"^{name} cannot be read.*true or false"):
            listed(f"source=42&{name}={value}")

    @pytest.mark.parametrize("name", ["pageSize", "currentPage"])
    @pytest.mark.parametrize("value", ["", "0", "00", "-1", "+1", "1.5", "x", " 1", "1e3", "%D9%A3", "1%0A"])
    def test_that_are_below_1_or_no_number_are_refused_by_name(self, name, value):
        with pytest.raises(Invalid, match=f"^{name} cannot be read.*whole number"):
            listed(f"{name}={value}")

    def test_fragment_value_needs_fragment_type(self):
        for read in (listed, deleted):
            with pytest.raises(Invalid, match="fragmentValue needs fragmentType"):
                read("fragmentValue=v")

    @pytest.mark.parametrize("name", ["withSourceAssets", "withSourceDevices"])
    def test_with_source_parameters_need_a_source_and_change_nothing(self, name):
        with pytest.raises(Invalid, match=f"{name} needs source"):
            listed(f"{name}=true")
        assert listed(f"{name}=true&source=42") == (Query(source="42"), Paging())
        assert listed(f"{name}=false") == (Query(), Paging())

    @pytest.mark.parametrize("name", [p.name for p in queries.FILTERS])
    def test_given_twice_must_agree(self, name):
        value, other = ("2026-11-24", "2026-11-25") if name in TIMES else ("a", "b")
        more = "&fragmentType=f" if name == "fragmentValue" else ""
        for read in (listed, deleted):
            assert read(f"{name}={value}&{name}={value}{more}") == read(f"{name}={value}{more}")
            with pytest.raises(Invalid, match=f"{name} is given twice"):
                read(f"{name}={value}&{name}={other}{more}")

    @pytest.mark.parametrize("query_string", ["x=1", "SOURCE=42", "fragmenttype=f", "x", "dryRun=true", "=1"])
    def test_that_are_unknown_are_passed_over_in_a_list_and_refused_in_a_deletion(self, query_string):
        assert listed(query_string) == (Query(), Paging())
        with pytest.raises(Invalid, match="nothing was deleted"):
            deleted(f"source=42&{query_string}")

    @pytest.mark.parametrize("name", ["pageSize", "currentPage", "revert", "withTotalPages"])
    def test_that_page_are_no_filter_of_a_deletion(self, name):
        with pytest.raises(Invalid, match=f"^{name} is not a filter"):
            deleted(f"{name}=1")

    @pytest.mark.parametrize("query_string", ["source=%FF", "%FF=1", "x=%C3"])
    def test_that_are_not_utf_8_are_refused(self, query_string):
        with pytest.raises(Invalid, match="UTF-8"):
            parse_query(query_string)

    def test_of_the_description_are_those_of_the_contract(self):
        names = [p.name for p in (*queries.FILTERS, *queries.PAGES, *queries.RELATED)]
        filters = ["source", "type", "fragmentType", "fragmentValue", *TIMES]
        assert names == [*filters, "revert", "pageSize", "currentPage", *FLAGS[1:]]
        assert all(p.meaning and p.kind.hint for p in (*queries.FILTERS, *queries.PAGES, *queries.RELATED))

    @given(
        st.text(max_size=60)
        | st.lists(
            st.tuples(
                st.sampled_from(
                    [p.name for p in (*queries.FILTERS, *queries.PAGES, *queries.RELATED)] + ["x"]
                ),
                st.sampled_from(["", "1", "0", "true", "2026-11-24", "%FF", "%C3%BC", "a+b", "\ud800"])
                | st.text(),
            ).map("=".join),
            max_size=6,
        ).map("&".join)
    )
    def test_any_query_string_is_read_or_invalid(self, query_string):
        for read in (listed, deleted):
            try:
                read(query_string)
            except Invalid as refusal:
                assert refusal.message


class TestPaging:
    def test_offset_is_what_stands_before_the_page(self):
        assert Paging(page_size=7, current_page=1).offset == 0
        assert Paging(page_size=7, current_page=3).offset == 14

    def test_totals_are_counted_when_either_is_asked_for(self):
        assert Paging(with_total_pages=True).with_total
        assert Paging(with_total_elements=True).with_total
        assert not Paging().with_total

    def test_order_is_by_time_and_then_by_id(self):
        events = [event(id=i, time=t) for i, t in [(3, 1), (1, 2), (2, 1)]]
        assert [e.id for e in sorted(events, key=lambda e: e.order)] == [2, 3, 1]


TINY = st.integers(0, 4)
STRINGS = st.sampled_from(["a", "b", ""])
VALUES = STRINGS | st.sampled_from([1, None, True, {"a": "a"}, ["a"]])
EVENTS = st.builds(
    Facts, TINY, TINY, TINY, TINY, STRINGS, STRINGS, st.dictionaries(STRINGS, VALUES, max_size=2)
)
BOUNDS = [f.name for f in dataclasses.fields(Query) if f.name.endswith(("_from", "_to"))]
QUERIES = st.builds(
    Query,
    **dict.fromkeys(BOUNDS, st.none() | TINY),
    **dict.fromkeys(["source", "type", "fragment_type", "fragment_value"], st.none() | STRINGS),
).filter(lambda q: q.fragment_value is None or q.fragment_type is not None)


class TestMatches:
    @given(QUERIES, EVENTS)
    def test_are_those_of_a_list_of_reasons(self, query, facts):
        reasons = []
        for name, value in dataclasses.asdict(query).items():
            if value is None:
                continue
            if name in ("source", "type"):
                reasons.append(getattr(facts, name) == value)
            elif name == "fragment_type":
                reasons.append(value in facts.fragments)
            elif name == "fragment_value":
                reasons.append((query.fragment_type, value) in [(k, v) for k, v in facts.fragments.items()])
            else:
                of, bound = name.split("_")
                moment = getattr(facts, "time" if of == "date" else of)
                if bound == "from":
                    reasons.append(moment >= value)
                else:
                    reasons.append(moment < value if of == "updated" else moment <= value)
        assert query.matches(facts) == all(reasons)

    @pytest.mark.parametrize("field", ["time", "created"])
    def test_bounds_on_time_and_creation_are_both_inclusive(self, field):
        of = "date" if field == "time" else field
        matched = [
            Query(**{f"{of}_from": 3, f"{of}_to": 5}).matches(event(**{field: t})) for t in range(2, 7)
        ]
        assert matched == [False, True, True, True, False]

    def test_upper_bound_on_the_update_is_exclusive(self):
        matched = [Query(updated_from=3, updated_to=5).matches(event(updated=t)) for t in range(2, 7)]
        assert matched == [False, True, True, False, False]

    def test_source_and_type_match_exactly(self):
        assert Query(source="s", type="t").matches(event())
        assert not Query(source="S").matches(event())
        assert not Query(type="").matches(event())

    def test_fragment_type_asks_whether_the_fragment_is_there_whatever_it_holds(self):
        assert Query(fragment_type="f").matches(event(fragments={"f": None}))
        assert Query(fragment_type="f").matches(event(fragments={"f": {}}))
        assert not Query(fragment_type="f").matches(event(fragments={"g": "f"}))

    @pytest.mark.parametrize("value", [1, "2", True, None, {"v": "1"}, ["1"]])
    def test_fragment_value_matches_an_equal_string_only(self, value):
        assert Query(fragment_type="f", fragment_value="1").matches(event(fragments={"f": "1"}))
        assert not Query(fragment_type="f", fragment_value="1").matches(event(fragments={"f": value}))
