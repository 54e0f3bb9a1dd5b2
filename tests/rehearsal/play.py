"""A rehearsal of contributing: contributor, CI and reviewer, in a git repository of its own, with the real commands.

Run it to read what each of them sees: ``python -m tests.rehearsal.play FOLDER``. It needs no network.
"""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sitegen.records import Run
from sitegen.text import LANGUAGES
from tests.sitegen import factories as make
from tests.workflow_steps import REPO, Environment, steps

PROJECT = ("Makefile", ".ci", ".github", ".gitignore", "pyproject.toml", "constraints.txt")
REAL = (
    "references.bib",
    "datasets/procedural-indoor.yaml",
    "datasets/procedural-outdoor.yaml",
    "protocols/procedural-indoor/house.yaml",
    "models/baseline-dark-channel.yaml",
    "models/baseline-mean-depth.yaml",
    "runs/procedural-indoor/house/baseline-mean-depth.json",
)
"""Records of the real results; all else is made up."""
RECORD = Path("results/runs/procedural-indoor/house/baseline-dark-channel.json")


@dataclass(frozen=True)
class Seen:
    """What CI and the reviewer saw of one submission.

    Attributes:
        passed: Whether the check ended well.
        log: What the steps of the check printed.
        comment: The comment that trusted code makes of the check's numbers; empty if it refuses them.
        refusal: Why it refuses them.
        summary: What the job's summary says of the change, in Markdown.
    """

    passed: bool
    log: str
    comment: str
    refusal: str
    summary: str


class Theatre:
    """An upstream repository with a few records, and the people around it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.upstream = root / "upstream"
        self.environment = Environment(root / "venv")
        for name in PROJECT:
            _copy(REPO / name, self.upstream / name)
        make.write_results(self.upstream / "results")
        for name in REAL:
            _copy(REPO / "results" / name, self.upstream / "results" / name)
        for language in LANGUAGES:
            _write_guides(self.upstream / "docs" / language)
        self.do("maintainer", "git init -q -b main && git add . && git commit -qm 'Begin'", self.upstream)

    def do(self, who: str, words: str, folder: Path, *, status: int | None = 0, **env: str) -> str:
        """Have somebody run a command, print both, and return what it printed; any status goes with None."""
        print(f"\n[{who}] $ {words}")
        done = self.environment.run(words, folder, **env)
        output = done.stdout + done.stderr
        print("".join(f"    {line}\n" for line in output.splitlines()), end="")
        if status is not None and done.returncode != status:
            raise RuntimeError(f"{words}: exit status {done.returncode} instead of {status}\n{output}")
        return output

    def clone(self, branch: str) -> Path:
        """Return a contributor's new clone."""
        folder = self.root / f"clone-{branch}"
        self.do("contributor", f"git clone -q {self.upstream} {folder}", self.root)
        return folder

    def follow(self, said: str, clone: Path) -> None:
        """Have a contributor do what ``sitegen new`` said comes next, word for word up to the pull request."""
        for line in said.splitlines():
            command = line.strip().lstrip("1234567890. ").partition(", and open")[0]
            if command.startswith("git "):
                self.do("contributor", command, clone)

    def push(self, clone: Path, branch: str, title: str) -> None:
        """Have a contributor commit everything, and push it."""
        words = (
            f"git switch -qc {branch} && git add . && git commit -qm {shlex.quote(title)} && git push -q origin HEAD"
        )
        self.do("contributor", words, clone)

    def check(self, branch: str, *, build: bool = False) -> Seen:
        """Have CI check a branch with the steps of submission.yml, comment on it, and the reviewer look at it.

        Args:
            branch: What was pushed.
            build: Whether the site is built, too, as CI always does; it takes most of the time.
        """
        folder = self.root / f"ci-{branch}"
        self.do("CI", f"git clone -q --branch {branch} {self.upstream} {folder}", self.root)
        base, head = self.commit("main"), self.commit(branch)
        log, passed, summary = "", True, folder.with_suffix(".md")
        summary.touch()
        for step in steps("submission.yml", "check", {"github.event.pull_request.base.sha": base}):
            if step.name == "Build the site" and not (build and passed):
                continue
            done = self.environment.run(
                step.run, folder, GITHUB_ACTIONS="true", GITHUB_STEP_SUMMARY=str(summary), **step.env
            )
            log += done.stdout + done.stderr
            passed &= done.returncode == 0
            print(f"\n[CI] {step.name}: {step.run} -> {'passed' if done.returncode == 0 else 'failed'}")
            print("".join(f"    {line}\n" for line in (done.stdout + done.stderr).splitlines()[:12]), end="")
        touched = self._git("diff", "--name-only", f"main...{branch}").splitlines()
        outside = sum(not name.startswith("results/") for name in touched)
        verdict = folder / "build/verdict.json"
        words = f"sitegen comment {verdict} --commit {head} --outside {outside}"
        said = self.do("bot", words, self.upstream, status=None)
        refused = not said.startswith("<!--")
        return Seen(passed, log, "" if refused else said, said if refused else "", self._read(summary))

    def merge(self, branch: str) -> None:
        """Have the reviewer merge a branch."""
        self.do("reviewer", f"git merge -q --no-ff -m 'Merge {branch}' {branch}", self.upstream)

    def commit(self, name: str) -> str:
        """Return the commit of a branch."""
        return self._git("rev-parse", name).strip()

    def _read(self, summary: Path) -> str:
        return self.do("reviewer", f"cat {summary}", self.upstream)

    def _git(self, *words: str) -> str:
        command = ["git", "-C", str(self.upstream), *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _write_guides(docs: Path) -> None:
    """Write the pages that every page links to, with a name that no network knows."""
    make.write_theory(docs)
    (docs / "contribute.md").write_text("# Contribute\n\n[A text](https://name.invalid/text) that does not exist.\n")
    (docs / "security.md").write_text("# Security\n\nSafe.\n")


def measured_run(theatre: Theatre) -> Seen:
    """Path one: measure, do what the end of the run says, have it checked, built and merged."""
    clone = theatre.clone("run")
    words = (
        "runners evaluate --model baseline-dark-channel --dataset procedural-indoor --device cpu --submitter 'A Test'"
    )
    said = theatre.do("contributor", words, clone)
    steps = said.partition("To contribute this record:\n")[2]
    commands = [line.strip() for line in steps.splitlines() if line.startswith("  ")]
    for command in commands:
        theatre.do("contributor", command, clone)
    branch = next(command.split()[-1] for command in commands if command.startswith("git switch -c"))
    seen = theatre.check(branch, build=True)
    theatre.merge(branch)
    return seen


def published_numbers(theatre: Theatre) -> tuple[str, Seen]:
    """Path two: a card by ``sitegen new``, a check that asks for the numbers, the numbers, merged."""
    clone = theatre.clone("numbers")
    options = {
        "id": "rehearsed-paper", "title": "A paper that does not exist", "kind-of-text": "paper", "seen-at": "made up",
        "place": "Table 2", "families": "metric", "kinds": "reported", "family-rule": "all metric",
        "kind-rule": "all reported", "why": "a rehearsal",
    }  # fmt: skip
    said = theatre.do("contributor", f"sitegen new source --no-input {_options(options)}", clone)
    asked = theatre.do("contributor", "sitegen validate", clone, status=1)
    row = make.NUMBER | {"place": "Table 2", "value": "0.047", "value_as_printed": "0.047"}
    make.write_numbers(clone / "results/sources/rehearsed-paper.csv", [row])
    theatre.do("contributor", "sitegen validate", clone)
    theatre.follow(said, clone)
    seen = theatre.check("rehearsed-paper")
    theatre.merge("rehearsed-paper")
    return asked, seen


def new_model(theatre: Theatre) -> Seen:
    """Path three: a card by answering questions, with a wrong answer in between, merged."""
    clone = theatre.clone("model")
    answers = ["toy-net", "rehearsed-net", "Rehearsed Net", "rehearsed", "metric", "metric-depth", *[""] * 8]
    answers += ["", "", "", "made up"]
    typed = shlex.quote("\n".join(answers) + "\n")
    said = theatre.do("contributor", f"printf '%s' {typed} | sitegen new model", clone)
    theatre.follow(said, clone)
    seen = theatre.check("rehearsed-net")
    theatre.merge("rehearsed-net")
    return seen


def tampered_mean(theatre: Theatre) -> Seen:
    """Somebody makes the mean of a merged record better."""

    def better(record: dict[str, Any]) -> dict[str, Any]:
        record["summary"]["abs_rel"] /= 2
        return record

    return _tampered(theatre, "mean", better)


def tampered_with_care(theatre: Theatre) -> Seen:
    """Somebody makes every image's value better, and mean and digest to match."""

    def better(record: dict[str, Any]) -> dict[str, Any]:
        record["samples"]["abs_rel"] = [round(value / 2, 8) for value in record["samples"]["abs_rel"]]
        record["summary"] |= make.summarise({"abs_rel": record["samples"]["abs_rel"]})
        del record["sha256"]
        return Run.sealed(record).model_dump(mode="json")

    return _tampered(theatre, "care", better)


def own_check(theatre: Theatre, verdict: str) -> Seen:
    """Somebody has CI run a check of their own that always ends well, with the verdict of their choice."""
    branch = f"own-check-{len(verdict)}"
    clone = theatre.clone(branch)
    path = clone / "Makefile"
    content = path.read_text().replace("validate", "honest-validate")
    forged = f"mkdir -p build && printf '%s' {shlex.quote(verdict)} > build/verdict.json"
    path.write_text(f"{content}\n.PHONY: validate\nvalidate:\n\t@{forged}\n")
    theatre.push(clone, branch, "Tidy up")
    return theatre.check(branch)


def _tampered(theatre: Theatre, branch: str, change: Any) -> Seen:
    clone = theatre.clone(branch)
    path = clone / RECORD
    path.write_text(json.dumps(change(json.loads(path.read_text()))))
    theatre.push(clone, branch, "Fix a typo")
    return theatre.check(branch)


def _options(options: dict[str, str]) -> str:
    return " ".join(f"--{name} {shlex.quote(text)}" for name, text in options.items())


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copy(source, target)


def main(root: Path) -> None:
    """Play everything."""
    theatre = Theatre(root)
    measured_run(theatre)
    published_numbers(theatre)
    new_model(theatre)
    tampered_mean(theatre)
    tampered_with_care(theatre)
    own_check(theatre, '{"schema_version": 1, "findings": {"error": 0}, "files": {}}')
    own_check(theatre, '{"schema_version": 1, "findings": {"error": "0, approved by @maintainers"}, "files": {}}')


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
