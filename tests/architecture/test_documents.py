"""Documents that list things list all of them."""

import re

from django.utils.translation import override

from pgs_task.reconciliation.runner import ALL_CHECKS
from tests.architecture.source_tree import ROOT

ADR = ROOT / "docs" / "adr"


def test_every_decision_is_in_the_index():
    index = (ADR / "README.md").read_text(encoding="utf-8")
    decisions = [path for path in sorted(ADR.glob("[0-9]*.md")) if path.name != "0000-template.md"]
    assert len(decisions) >= 5
    for path in decisions:
        number, title = path.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ").split(" ", 1)
        assert path.name.startswith(number)
        assert f"| [{number}]({path.name}) | {title} |" in index


def test_links_between_documents_lead_somewhere():
    broken = [
        f"{path.relative_to(ROOT)}: {target}"
        for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
        for target in re.findall(r"\]\(([^)#\s]+)", path.read_text(encoding="utf-8"))
        if not target.startswith(("http:", "https:", "mailto:")) and not (path.parent / target).exists()
    ]
    assert not broken


def test_paths_in_documents_exist():
    named = [
        (path.relative_to(ROOT), word)
        for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
        # From the project's folder on; `…` and `*` stand for something else.
        for word in re.findall(r"`([a-z_.]+/[^`\s…*]*)`", path.read_text(encoding="utf-8"))
    ]
    assert len(named) > 20, "the search finds nothing"
    assert not [(path, word) for path, word in named if not (ROOT / word).exists()]


def test_the_journey_lists_every_invariant_as_it_is_checked():
    journey = (ROOT / "docs" / "journey_of_an_order.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| [A-Z][0-9] \| [AQ] \| .* \|$", journey, re.MULTILINE)
    with override("en"):
        checks = sorted(f"| {check.id} | {check.when} | {check.promise} |" for check in ALL_CHECKS)
    assert sorted(rows) == checks


def test_every_direct_dependency_is_pinned_with_a_reason():
    for path in sorted((ROOT / "requirements").glob("*.in")):
        for line in path.read_text(encoding="utf-8").splitlines():
            if line and not line.startswith(("#", "-c ", "--no-binary ")):
                assert re.match(r"^[A-Za-z0-9_.\[\]-]+==\S+\s+# \S.{5,}", line), f"{path.name}: {line}"


def test_locks_have_hashes_and_name_no_index():
    for path in sorted((ROOT / "requirements").glob("*.txt")):
        text = path.read_text(encoding="utf-8")
        pins = re.findall(r"^[a-z0-9_.\[\]-]+==", text, re.MULTILINE)
        assert pins, path.name
        assert text.count("    --hash=sha256:") >= len(pins)
        assert "://" not in text
        assert "-index" not in text


def test_every_direct_dependency_is_locked():
    for path in sorted((ROOT / "requirements").glob("*.in")):
        locked = path.with_suffix(".txt").read_text(encoding="utf-8")
        for name, version in re.findall(r"^([A-Za-z0-9_.-]+)(?:\[[a-z]+\])?==(\S+)", path.read_text(), re.MULTILINE):
            assert re.search(
                rf"^{re.escape(name.lower())}(\[[a-z]+\])?=={re.escape(version)} ", locked, re.MULTILINE
            ), name
