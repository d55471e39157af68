"""Fails when a compiled catalogue of texts isn't what its source compiles to, or when the source has holes."""

import gettext
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def catalogue(path: Path) -> dict[object, str]:
    """Text → translation of a compiled file; the header, which carries dates, is left out."""
    with path.open("rb") as file:
        texts = gettext.GNUTranslations(file)._catalog  # type: ignore[attr-defined]
    return {text: translation for text, translation in texts.items() if text}


def faults_of(source: Path, msgfmt: str) -> list[str]:
    """What is wrong with one language's texts."""
    compiled = source.with_suffix(".mo")
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder) / "django.mo"
        answer = subprocess.run(
            [msgfmt, "--check", "--statistics", "--output-file", fresh, source],
            capture_output=True,
            text=True,
            check=False,
            env={"LC_ALL": "C"},
        )
        if answer.returncode != 0:
            return [answer.stderr.strip()]
        faults = [
            f"{source}: {answer.stderr.strip()}; translate or confirm the rest"
            for word in ("fuzzy", "untranslated")
            if word in answer.stderr
        ][:1]
        if not compiled.exists() or catalogue(compiled) != catalogue(fresh):
            faults.append(f"{compiled} is older than its source: run `make messages` and commit it")
    return faults


def main() -> None:
    msgfmt = shutil.which("msgfmt")
    if msgfmt is None:
        sys.exit("msgfmt is missing: apt-get install gettext")
    sources = sorted(ROOT.glob("locale*/*/LC_MESSAGES/*.po"))
    faults = [fault for source in sources for fault in faults_of(source, msgfmt)]
    if faults:
        sys.exit("\n".join(faults))


if __name__ == "__main__":
    main()
