"""The command line as it was typed, for recipes and for what to type next."""

import shlex


def own_command(arguments: list[str]) -> str:
    """The command line as it can be typed again, without what other commands it was told of."""
    kept = [n for n, each in enumerate(arguments) if "--recipe" not in (each, *arguments[max(0, n - 1) : n])]
    return shlex.join(["gretchen", *(arguments[n] for n in kept)])
