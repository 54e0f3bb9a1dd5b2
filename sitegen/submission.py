"""What a change does to what was published: read from git, without running anything of the change.

Nothing that was published is removed or changed silently. What may be compared is a *value*: a published number, a
run, a speed, the numbers of a gallery entry, a protocol, or that a record is there at all. A value of the base that is
another one now, or none, needs an entry in ``results/corrections.yaml`` that says what it was, what it is and why.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from sitegen.checks import number_name
from sitegen.findings import Finding
from sitegen.history import GitError, common_ancestor, git, read_revision, resolve
from sitegen.records import Correction, GalleryIndex, PublishedNumber, Speed, sha256_of
from sitegen.store import Store
from sitegen.tree import JOURNALS, name_faults

__all__ = ["GitError", "Place", "published_values", "submission_findings", "value_findings"]

CORRECTIONS = "corrections.yaml"
GUARDED = ("verified.yaml", "disputes.yaml", "protocols/")
"""Places that only maintainers change."""
MAX_FILES = 2_000
MAX_TOTAL_BYTES = 32 * 2**20
_PLAIN_FILE = "100644"
_MODES = {"120000": "a link", "100755": "a file that may be executed", "160000": "another repository"}


@dataclass(frozen=True, order=True)
class Place:
    """Where a value stands: its file below the results folder, and which of the file's values it is (empty: all)."""

    path: str
    row: str = ""

    def __str__(self) -> str:
        """Return how a message names the place."""
        return f"{self.row} in {self.path}" if self.row else self.path


@dataclass(frozen=True)
class _Change:
    """What git says of one file: its mode now (empty if it is gone), and its path below the results folder."""

    path: str
    mode: str


def submission_findings(results: Path, reference: str, store: Store) -> list[Finding]:
    """Return what a reviewer should know of a change: the findings that it brings, and what it changes of the base.

    Args:
        results: The results folder, in a git work tree; what is not committed yet counts as well.
        reference: What the change is compared with: the last common commit with it.
        store: The records as they are now.

    Raises:
        GitError: If git does not know the reference.
    """
    base = common_ancestor(results, resolve(results, reference), "")
    changes = _changes(results, base)
    before = read_revision(results, base).store
    changed = {change.path for change in changes}
    brought = [f for f in store.findings if f.path in changed or f not in before.findings]
    found = [*_file_findings(changes, results), *value_findings(before, store)]
    found += [*_guarded(changed), *_elsewhere(results, base, changed)]
    return list(dict.fromkeys([*brought, *found]))


def value_findings(before: Store, after: Store) -> list[Finding]:
    """Return what changed silently from one set of records to another, and corrections that say what did not happen."""
    return [*_silent_changes(before, after), *_correction_faults(before, after)]


# ---------------------------------------------------------------------------------------------------------------------
# Values


def published_values(store: Store) -> dict[Place, str]:
    """Return every value of a store that must not change silently, as text."""
    values = {
        Place(f"sources/{number.source}.csv", number_name(number.row)): _number_value(number.row)
        for number in store.numbers
    }
    for speed in store.speeds:
        values |= _speed_values(speed)
    for gallery in store.galleries:
        values |= _gallery_values(gallery)
    return values | _disagreement_values(store) | dict(_digests(store)) | _cards(store)


def _digests(store: Store) -> Iterator[tuple[Place, str]]:
    """Yield the digest of each record that has one over all that it says."""
    for folder, runs in (("runs", store.runs), ("sensitivity", store.sensitivity)):
        for run in runs:
            yield Place(f"{folder}/{run.place}"), f"sha256 {run.sha256}"
    for lesson in store.lessons.values():
        yield Place(f"lessons/{lesson.id}.json"), f"sha256 {lesson.sha256}"
    for protocol in store.protocols.values():
        yield Place(f"protocols/{protocol.dataset}/{protocol.id}.yaml"), f"sha256 {protocol.digest()}"


def _gallery_values(gallery: GalleryIndex) -> dict[Place, str]:
    path = f"gallery/{gallery.dataset}/{gallery.sample}/index.json"
    return {
        Place(
            path, entry.model.id
        ): f"sha256 {sha256_of({'metrics': entry.metrics, 'fit': [entry.scale, entry.shift]})}"
        for entry in gallery.models
    }


def _number_value(row: PublishedNumber) -> str:
    """Return a published number with all that decides where it stands and whether it is ranked."""
    shown = f"{row.value!r}, printed {row.value_as_printed}, {row.family}, {row.kind}, zero-shot {row.zero_shot}"
    return ", ".join(filter(None, (shown, row.protocol, row.flag)))


def _speed_values(speed: Speed) -> dict[Place, str]:
    path = f"speed/{speed.device}/{speed.model}.json"
    return {
        Place(path, " ".join(map(str, case.identity))): f"sha256 {sha256_of(case.model_dump(mode='json'))}"
        for case in speed.cases
    }


def _disagreement_values(store: Store) -> dict[Place, str]:
    values: dict[Place, str] = {}
    for case in store.disagreements.values():
        told: dict[str, list[str]] = defaultdict(list)
        for value in case.values:
            parts = (value.label, value.setting, value.model, value.dataset, value.metric, value.source)
            told[" | ".join(filter(None, parts))].append(f"{value.value!r}, printed {value.value_as_printed}")
        path = f"disagreements/{case.id}.yaml"
        values |= {Place(path, name): "; ".join(sorted(texts)) for name, texts in told.items()}
    return values


def _cards(store: Store) -> dict[Place, str]:
    """Return that a card is there; its words may change, since the reviewer reads what changed of them."""
    names = [f"models/{name}.yaml" for name in store.models] + [f"datasets/{name}.yaml" for name in store.datasets]
    names += [f"sources/{name}.yaml" for name in store.sources]
    return {Place(name): "a card" for name in names}


def _silent_changes(before: Store, after: Store) -> Iterator[Finding]:
    """Yield an error for each value of the base that is another one or gone without a correction that says so."""
    old_values, new_values = published_values(before), published_values(after)
    broken = {finding.path for finding in after.errors} - {place.path for place in new_values}
    gone = [place for place in old_values if place not in new_values and place.path not in broken]
    changed = [place for place, value in old_values.items() if new_values.get(place, value) != value]
    said = {(entry.path, entry.row, entry.old, entry.new) for entry in after.corrections}
    withdrawn = {entry.path for entry in after.corrections if entry.new is None and not entry.row}
    for place in sorted([*gone, *changed]):
        old, new = old_values[place], new_values.get(place)
        covered = new is None and place.path in withdrawn and not (after.root / place.path).exists()
        if (place.path, place.row, old, new) not in said and not covered:
            yield _silent(place, old, new)


def _silent(place: Place, old: str, new: str | None) -> Finding:
    what = f"was '{old}' and is gone" if new is None else f"was '{old}' and is '{new}'"
    entry = {"id": "…", "date": "YYYY-MM-DD", "path": place.path, "row": place.row, "old": old, "new": new}
    entry |= {"reason": "…", "source": "…"}
    text = yaml.safe_dump([entry], sort_keys=False, allow_unicode=True, width=1000).rstrip()
    mend = f"put it back, or add to {CORRECTIONS}:\n{text}"
    return Finding("error", place.path, "/", f"{place.row or 'the record'} {what}, without a correction", mend=mend)


def _correction_faults(before: Store, after: Store) -> Iterator[Finding]:
    """Yield where corrections of the base were touched, or new ones say what did not happen."""
    old_values, new_values = published_values(before), published_values(after)
    known = {entry.id: entry for entry in before.corrections}
    now = {entry.id: (index, entry) for index, entry in enumerate(after.corrections)}
    for name, entry in known.items():
        if name not in now or now[name][1] != entry:
            yield Finding("error", CORRECTIONS, "/corrections", f"'{name}' was changed or removed; corrections stay")
    for name, (index, entry) in now.items():
        if name not in known and not _happened(entry, old_values, new_values):
            message = f"'{name}' says of {Place(entry.path, entry.row)} what this change does not do"
            yield Finding("error", CORRECTIONS, f"/corrections/{index}", message, mend="say old and new as they are")


def _happened(entry: Correction, old: Mapping[Place, str], new: Mapping[Place, str]) -> bool:
    place = Place(entry.path, entry.row)
    if not entry.row and entry.new is None:
        return any(p.path == entry.path for p in old) and not any(p.path == entry.path for p in new)
    return old.get(place) == entry.old and new.get(place) == entry.new and entry.old != entry.new


# ---------------------------------------------------------------------------------------------------------------------
# Files


def _file_findings(changes: list[_Change], results: Path) -> Iterator[Finding]:
    """Yield what git tells of changed files that the folder alone does not: modes, journals, how much it is."""
    added = [change for change in changes if change.mode]
    for change in added:
        if change.mode != _PLAIN_FILE:
            what = _MODES.get(change.mode, f"of mode {change.mode}")
            yield Finding("error", change.path, "/", f"is {what}; records are plain files (chmod 644)")
        for fault in name_faults(change.path):
            yield Finding("error", change.path, "/", fault)
        if JOURNALS in change.path.split("/"):
            yield Finding("error", change.path, "/", "belongs to a run that goes on", mend="do not commit it")
    size = sum(_size(results / change.path) for change in added)
    if len(added) > MAX_FILES or size > MAX_TOTAL_BYTES:
        message = f"{len(added):,} files with {size:,} bytes at once; at most {MAX_FILES:,} and {MAX_TOTAL_BYTES:,}"
        yield Finding("error", "", "/", message, mend="make several changes of it")


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:
        return 0


def _guarded(changed: set[str]) -> Iterator[Finding]:
    for path in sorted(changed):
        if path.startswith(GUARDED):
            yield Finding("warning", path, "/", "is for maintainers to change", mend="say in the pull request why")


def _elsewhere(results: Path, base: str, changed: set[str]) -> Iterator[Finding]:
    """Yield a warning where a change of records also changes what checks and shows them."""
    top = Path(git(results, "rev-parse", "--show-toplevel").strip())
    inside = results.resolve().relative_to(top.resolve()).as_posix()
    names = git(results, "diff", "--name-only", "-z", "--no-renames", base, "--", ":/").split("\0")
    outside = sorted(name for name in names if name and inside != "." and not name.startswith(f"{inside}/"))
    if changed and outside:
        message = f"records and {len(outside)} other files change together, such as {outside[0]}"
        yield Finding("warning", "", "/", message, mend="make two changes of it: one of records, one of the rest")


# ---------------------------------------------------------------------------------------------------------------------
# Git


def _changes(results: Path, base: str) -> list[_Change]:
    """Return the files of the results folder that differ from a commit, those that git does not know yet included."""
    raw = git(results, "diff", "--raw", "-z", "--no-renames", "--relative", base, "--", ".").split("\0")
    changes = []
    for head, path in zip(raw[::2], raw[1::2], strict=False):
        found = re.match(r":\d{6} (\d{6}) \S+ \S+ (\w)", head)
        if found:
            changes.append(_Change(path, "" if found.group(2) == "D" else found.group(1)))
    unknown = git(results, "ls-files", "-z", "--others", "--exclude-standard", "--", ".").split("\0")
    return changes + [_Change(path, _PLAIN_FILE) for path in unknown if path]
