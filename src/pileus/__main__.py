"""`python -m pileus` is `pileus`."""

from pileus.cli import main

main()
