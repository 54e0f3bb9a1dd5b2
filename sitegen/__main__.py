"""Lets ``python -m sitegen`` be the command."""

from sitegen.cli import main

main()
