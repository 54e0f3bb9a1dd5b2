"""Lets ``python -m runners.cli`` be the command."""

from runners.cli import main

main()
