"""Files that are there whole or not at all: those of :mod:`sitegen.files`, under the name that runners know."""

from sitegen.files import replace_folder, write_aside

__all__ = ["replace_folder", "write_aside"]
