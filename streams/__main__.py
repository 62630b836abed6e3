"""`python -m streams` is `gretchen`."""

from streams.cli import main

if __name__ == "__main__":
    main()
