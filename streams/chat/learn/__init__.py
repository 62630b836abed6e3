"""From past conversations to proposed answers: read, pair, group, propose. Pure; `gretchen chat learn` calls it."""
