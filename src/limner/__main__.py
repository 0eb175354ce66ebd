"""`python -m limner`: the command line, for processes that start others with their own interpreter."""

from limner.cli.main import main

main()
