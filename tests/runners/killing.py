"""Kills a run with SIGKILL at random points until it is through, again and again.

``test_resume.py`` calls it with few kills; by hand it takes any number of them:

    python -m tests.runners.killing FOLDER KILLS [SEED] [save]

Every part is a process of its own, forked from one that has imported everything, so that it begins at once. Each goes
through the command line. With ``save`` the predictions are saved, too, in shards of a few members each. Prints what
came of it as JSON.
"""

import json
import os
import random
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import yaml
from click.testing import CliRunner

import runners.models
from runners import shards
from runners.cli import main
from runners.datasets import open_manifest
from runners.environment import describe
from runners.journal import headers
from runners.models.base import Image, Model
from runners.prediction import Prediction
from sitegen.records import Run, sha256_of
from tests.runners import factories as make

IMAGES, BATCH, LONGEST_S = 48, 2, 0.25
PROTOCOLS = [make.protocol(id="plain"), make.protocol(id="flipped", flip_average=True), make.capped(3.0, id="capped")]


def run(folder: Path, out: Path, *, save: bool) -> int:
    """Run the command in this process; return its exit code."""
    options = ["--save-predictions", str(saved(out))] if save else []
    words = ["evaluate", "--model", "baseline-dark-channel", "--manifest", str(folder / "toy" / "index.json")]
    words += ["--name", "toy", "--protocol", "toy/*", "--device", "cpu", "--batch", str(BATCH), "--no-cache"]
    result = CliRunner().invoke(main, [*words, "--results", str(folder / "results"), "--out", str(out), *options])
    return result.exit_code


def spied(spy: Path) -> None:
    """Have every prediction written down, by the image that it is of, before it is made."""
    load = runners.models.load

    def loaded(*args: object, **kwargs: object) -> Model:
        model = load(*args, **kwargs)  # type: ignore[arg-type]
        predict = model.predict

        def noted(images: Sequence[Image], *more: object) -> list[Prediction]:
            with spy.open("a", encoding="utf-8") as file:
                file.writelines(f"{sha256_of(image.tolist())}\n" for image in images)
            return predict(images, *more)  # type: ignore[arg-type]

        model.predict = noted  # type: ignore[method-assign, assignment]
        return model

    runners.models.load = loaded


def begin(folder: Path, out: Path, spy: Path, *, save: bool) -> int:
    """Return the process of one part of the run."""
    if child := os.fork():
        return child
    spied(spy)
    os._exit(run(folder, out, save=save))


def saved(out: Path) -> Path:
    """Return where the predictions of a run are."""
    return out.with_name(f"{out.name}-predictions")


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def finished(out: Path) -> set[str]:
    """Return the ids that the journal says are finished, read as anybody would."""
    ids: set[str] = set()
    for header in headers(out):
        for line in header.path.read_bytes().splitlines()[1:]:
            try:
                protocols = json.loads(line.partition(b" ")[2])["protocols"]
            except ValueError:
                continue
            ids |= {entry["id"] for done in protocols.values() for entry in done["entries"]}
    return ids


def digests(out: Path) -> dict[str, str]:
    """Return the digest of every record, which the timings are no part of."""
    paths = sorted(out.rglob("*.json"))
    return {path.parent.name: Run.model_validate_json(path.read_text(encoding="utf-8")).sha256 for path in paths}


def prepare(folder: Path) -> dict[str, str]:
    """Write the images and protocols; return the image of each id, and of its mirror image."""
    path = make.write_toy(folder / "toy", IMAGES)
    for protocol in PROTOCOLS:
        place = folder / "results" / "protocols" / "toy" / f"{protocol.id}.yaml"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(yaml.safe_dump(protocol.model_dump(mode="json")), encoding="utf-8")
    samples = list(open_manifest(path, "toy"))
    straight = {sha256_of(sample.image.tolist()): sample.id for sample in samples}
    return straight | {sha256_of(sample.image[:, ::-1].tolist()): sample.id for sample in samples}


def kill(folder: Path, kills: int, seed: int = 0, *, save: bool = False) -> dict[str, object]:
    """Kill so many times, over as many runs as that takes; return what was seen."""
    shards.SHARD_BYTES = 10 * 2**10
    chance, ids = random.Random(seed), prepare(folder)  # noqa: S311 - no secret
    describe("cpu")  # asks git, once for all parts
    assert run(folder, folder / "whole", save=save) == 0
    wanted, kept = digests(folder / "whole"), contents(saved(folder / "whole"))
    seen = {"files": len(kept), "kills": 0, "runs": 0, "left": 0, "mid": 0, "repeated": 0, "unequal": 0}
    while seen["kills"] < kills or seen["runs"] == 0:
        out, status = folder / f"out-{seen['runs']}", 0
        for part in range(10_000):
            if digests(out) == wanted and not headers(out):
                break  # killed when nothing was left to do
            before, spy = finished(out), folder / f"spy-{seen['runs']}-{part}"
            child = begin(folder, out, spy, save=save)
            time.sleep(chance.uniform(0, LONGEST_S * (1 + part / 8)))  # longer each time: a busy machine gets on, too
            os.kill(child, signal.SIGKILL)
            status = os.waitpid(child, 0)[1]
            predicted = {ids[line] for line in spy.read_text().splitlines() if line in ids} if spy.exists() else set()
            seen["repeated"] += len(predicted & before)
            if not os.WIFSIGNALED(status):
                break
            seen["kills"] += 1
            seen["mid"] += bool(predicted)
        assert os.WEXITSTATUS(status) == 0
        seen["runs"] += 1
        seen["unequal"] += digests(out) != wanted or contents(saved(out)) != kept
        seen["left"] += bool(headers(out))
    return seen


if __name__ == "__main__":
    words = [word for word in sys.argv[1:] if word != "save"]
    print(json.dumps(kill(Path(words[0]), *map(int, words[1:]), save="save" in sys.argv)))
