"""Whoever reads Chinese reads all of it in Chinese, and each catalogue is compiled: a server has no gettext."""

import gettext
from pathlib import Path

import pytest
from django.test import Client

from tests.architecture.catalogues import (
    CONTEXT_END,
    Entry,
    catalogues,
    catalogues_of_games,
    game_of,
    placeholders,
    read_entries,
    texts_in_sources,
)
from tests.architecture.source_tree import ROOT

OWN = ROOT / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.po"


def each_catalogue() -> list[object]:
    return [pytest.param(path, id=str(path.relative_to(ROOT))) for path in catalogues()]


def test_there_are_catalogues():
    assert OWN in catalogues()
    assert len(read_entries(OWN)) > 400


@pytest.mark.parametrize("path", each_catalogue())
def test_every_text_is_translated_and_confirmed(path: Path):
    open_ones = [
        entry.key
        for entry in read_entries(path)
        if entry.is_fuzzy or not entry.translations or not all(text.strip() for text in entry.translations.values())
    ]
    assert not open_ones


@pytest.mark.parametrize("path", each_catalogue())
def test_a_translation_has_its_texts_placeholders(path: Path):
    wrong = [
        f"{entry.key} → {text}"
        for entry in read_entries(path)
        for text in entry.translations.values()
        if placeholders(text) != placeholders(entry.plural or entry.text)
    ]
    assert not wrong


@pytest.mark.parametrize("path", each_catalogue())
def test_a_compiled_catalogue_is_what_its_source_says(path: Path):
    with path.with_suffix(".mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    texts = {key: text for key, text in compiled._catalog.items() if key}  # type: ignore[attr-defined]
    expected: dict[object, str] = {}
    for entry in read_entries(path):
        for form, text in entry.translations.items():
            expected[entry.key if entry.plural is None else (entry.key, form)] = text
    assert texts == expected, "run `make messages` and commit the .mo file"


@pytest.mark.slow
def test_every_text_of_the_sources_is_in_the_catalogue():
    known = {entry.key for entry in read_entries(OWN)}
    sources = texts_in_sources()
    assert len(sources) > 400
    missing = sorted(f"{name}: {key.replace(CONTEXT_END, ' | ')}" for key, name in sources.items() if key not in known)
    assert not missing, "run `make messages`, translate what is new, and run it again"


@pytest.mark.slow
def test_a_game_has_exactly_its_own_texts():
    for path in catalogues_of_games():
        game = game_of(str(path.relative_to(ROOT)))
        assert {entry.key for entry in read_entries(path)} == set(texts_in_sources(game)), game


@pytest.mark.slow
def test_the_catalogue_keeps_no_text_that_is_gone():
    sources = texts_in_sources()
    assert not [entry.key for entry in read_entries(OWN) if entry.key not in sources]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("%(units)+d of %(a)s, %s; 100%%", ["%(a)s", "%(units)+d", "%s"]),
        ("%(seconds).1f s", ["%(seconds).1f"]),
        ("{min_value} and {repr:s}", ["{min_value}", "{repr:s}"]),
        ("50% off", []),
    ],
)
def test_placeholders_are_found(text: str, expected: list[str]):
    assert placeholders(text) == expected


def test_holes_are_seen(tmp_path: Path):
    path = tmp_path / "django.po"
    path.write_text(
        '#, fuzzy, python-format\nmsgctxt "trade"\nmsgid ""\n"a %(b)s\\n"\nmsgstr ""\n\n'
        'msgid "one"\nmsgid_plural "many"\nmsgstr[0] "几"\n',
        encoding="utf-8",
    )
    assert read_entries(path) == [
        Entry(context="trade", text="a %(b)s\n", translations={0: ""}, is_fuzzy=True),
        Entry(text="one", plural="many", translations={0: "几"}),
    ]
    path.write_text('#~ msgid "gone"\n#~ msgstr "没了"\n', encoding="utf-8")
    with pytest.raises(ValueError, match="obsolete"):
        read_entries(path)


@pytest.mark.parametrize(
    ("languages", "language", "detail"),
    [
        ("zh-hans", "zh-hans", "内容不存在，请检查地址和编号。"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh-hans", "内容不存在，请检查地址和编号。"),
        ("en-US,en;q=0.9", "en", "There is nothing here. Check the address and the id."),
        ("fr", "zh-hans", "内容不存在，请检查地址和编号。"),
    ],
)
def test_an_error_speaks_the_callers_language(client: Client, languages: str, language: str, detail: str):
    answer = client.get("/api/v1/nothing/", headers={"Accept-Language": languages})
    assert answer.status_code == 404
    assert answer["Content-Language"] == language
    assert answer.json()["detail"] == detail
