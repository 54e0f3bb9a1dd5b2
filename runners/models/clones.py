"""Code of a model that is a repository and no package: a clone on this machine, whose commit the record keeps."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from runners.environment import checkout_state
from runners.models.errors import ModelError

__all__ = ["Clone", "open_clone"]


@dataclass(frozen=True)
class Clone:
    """A clone of a repository.

    Attributes:
        folder: Where it is.
        origin: ``owner/name at commit``, and whether tracked files were changed; for the record.
    """

    folder: Path
    origin: str


def open_clone(model_id: str, repo: str, path: str, must_hold: str) -> Clone:
    """Return a clone that somebody named in a setting. None of its code is run here.

    Args:
        model_id: For the sentences.
        repo: ``owner/name``, as the record calls it.
        path: Where the clone is.
        must_hold: A file in it without which it is no clone of this repository.

    Raises:
        ModelError: If it is none, or its commit cannot be told.
    """
    folder = Path(path).expanduser().resolve()
    get_it = f"get it by: git clone https://github.com/{repo}"
    if not (folder / must_hold).is_file():
        raise ModelError(f"model '{model_id}': '{path}' is no clone of {repo} (it holds no {must_hold}); {get_it}")
    # Without a .git of its own, git would tell the commit of whatever checkout lies around the folder.
    commit, changed = checkout_state(folder) if (folder / ".git").exists() else (None, None)
    if commit is None:
        raise ModelError(
            f"model '{model_id}': the commit of '{path}' cannot be told, and a record has to name the code that ran; "
            f"{get_it}"
        )
    return Clone(folder, f"{repo} at {commit}{', with changes' if changed else ''}")
