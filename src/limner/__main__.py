"""`python -m limner` is the same as `limner`. Nothing else lives here."""

from limner.cli.main import main

main()
