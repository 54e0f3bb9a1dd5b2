"""Lets ``python -m runners`` be the command."""

from runners.cli import main

main()
