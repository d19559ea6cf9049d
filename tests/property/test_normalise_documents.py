"""A registry survives its document and its directory, whatever stands in it."""

import tempfile
from datetime import timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from field_registry import Binding, CodeList, Item, Registry, Source, SubjectKind, Tier
from field_registry.bindings import Transform
from field_registry.diff import diff
from field_registry.document import digest, from_document, to_document
from field_registry.dump import dump_registry
from field_registry.items import Datatype, Sensitivity, ShareAttribute
from field_registry.load import load_registry

AWKWARD = st.sampled_from(
    [
        "no",
        "01",
        "1e5",
        "1.5e+3",
        "null",
        "~",
        "12:30",
        "2026-01-01",
        "- a",
        "a: b",
        "#x",
        "男\n女",
        "'",
        '"',
        "<<",
    ]
)
WORDS = st.one_of(
    AWKWARD, st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8)
)
CELLS = st.text("男女性1aM(), \"'", min_size=1, max_size=5).map(str.strip).filter(bool)
IDS = st.from_regex(r"[a-z][a-z0-9_]{0,4}(\.[a-z0-9_]{1,4})?", fullmatch=True)
SPANS = st.integers(1, 10**6).map(lambda seconds: timedelta(seconds=seconds))
JSON = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**53), 2**53),
        st.floats(allow_nan=False, allow_infinity=False),
        WORDS,
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2), st.dictionaries(WORDS.filter(lambda key: key != "<<"), inner, max_size=2)
    ),
    max_leaves=4,
)
ITEMS = st.builds(
    Item,
    id=IDS,
    name=WORDS,
    kind=st.sampled_from(SubjectKind),
    datatype=st.sampled_from(Datatype),
    department=WORDS,
    name_en=WORDS,
    code_list=st.none() | WORDS,
    sensitivity=st.sampled_from(Sensitivity),
    share=st.sampled_from(ShareAttribute),
    share_citation=st.none() | WORDS,
    freshness=st.none() | SPANS,
    unit=st.none() | WORDS,
    scale=st.integers(0, 6),
    max_length=st.integers(0, 500),
    mask=WORDS,
    compare=st.booleans(),
    within=st.none() | IDS,
    synonyms=st.lists(WORDS, max_size=3).map(tuple),
)
SOURCES = st.builds(
    Source,
    id=IDS,
    name=WORDS,
    department=WORDS,
    connector=WORDS,
    tier=st.sampled_from(Tier),
    kinds=st.frozensets(st.sampled_from(SubjectKind), min_size=1),
    id_types=st.frozensets(WORDS, max_size=2),
    by_issuer=st.booleans(),
    config=st.dictionaries(WORDS.filter(lambda key: key != "<<"), JSON, max_size=3),
    timeout=SPANS,
    open_for=SPANS,
    contact=WORDS,
)
TRANSFORMS = st.builds(
    Transform,
    codes=st.dictionaries(WORDS.filter(lambda key: key != "<<"), WORDS, max_size=2),
    separator=WORDS,
    part=st.integers(-2, 2),
)
BINDINGS = st.builds(
    Binding,
    item=IDS,
    source=IDS,
    attribute=WORDS,
    rank=st.integers(1, 5),
    transform=st.none() | TRANSFORMS,
    effective_from=st.none() | st.dates(),
    effective_to=st.none() | st.dates(),
)
CODES = st.lists(CELLS, min_size=1, max_size=4, unique=True)


@st.composite
def code_lists(draw: st.DrawFn) -> CodeList:
    codes = draw(CODES)
    pick = st.sampled_from(codes)
    return CodeList(
        draw(st.from_regex(r"[a-z]{1,5}", fullmatch=True)),
        draw(WORDS),
        {code: draw(CELLS) for code in codes},
        draw(st.dictionaries(CELLS, pick, max_size=3)),
        draw(st.dictionaries(pick, pick, max_size=2)),
        draw(WORDS),
        draw(st.dictionaries(pick, CELLS, max_size=2)),
    )


REGISTRIES = st.builds(
    lambda items, sources, bindings, lists: Registry.of(
        1, items=items, sources=sources, bindings=bindings, code_lists=lists
    ),
    st.lists(ITEMS, max_size=3, unique_by=lambda item: item.id),
    st.lists(SOURCES, max_size=2, unique_by=lambda source: source.id),
    st.lists(BINDINGS, max_size=3, unique_by=lambda binding: binding.key),
    st.lists(code_lists(), max_size=1),
)


@given(registry=REGISTRIES)
@settings(max_examples=50)
def test_a_document_loses_nothing(registry: Registry) -> None:
    """Reading what was written gives the same content, digest and no difference."""
    again = from_document(2, to_document(registry))

    assert to_document(again) == to_document(registry)
    assert digest(to_document(again)) == digest(to_document(registry))
    assert diff(registry, again) == ()


@given(registry=REGISTRIES)
@settings(max_examples=50)
def test_a_directory_loses_nothing(registry: Registry) -> None:
    """Importing what was exported gives the same content, however awkward its words look in YAML and CSV."""
    with tempfile.TemporaryDirectory() as name:
        dump_registry(registry, Path(name))

        assert to_document(load_registry(Path(name)).registry) == to_document(registry)


@given(old=REGISTRIES, new=REGISTRIES)
@settings(max_examples=30)
def test_only_equal_registries_do_not_differ(old: Registry, new: Registry) -> None:
    """No change is overlooked: an empty difference means the same parts."""
    if diff(old, new):
        return
    first, second = to_document(old), to_document(new)

    for section in first:
        assert sorted(map(repr, first[section])) == sorted(map(repr, second[section]))
