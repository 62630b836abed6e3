"""A worker process with fake engines: `python -m tests.support.fake_worker`, settings from the environment."""

import os
import re
from datetime import UTC, datetime
from types import SimpleNamespace

from models.engines.fake import FakeEngine
from streams.app import create_app
from streams.chat.templates import load_templates
from streams.run_worker import run_worker
from streams.settings import load_settings


class Names:
    """Finds E00..E99."""

    def find(self, text: str) -> list[SimpleNamespace]:
        return [
            SimpleNamespace(entity=m.group(), name=m.group(), start=m.start(), end=m.end())
            for m in re.finditer(r"E\d\d", text)
        ]


def main() -> None:
    settings, templates = load_settings(os.environ), load_templates()
    run_worker(
        settings,
        lambda registry: create_app(
            settings,
            news_engine=FakeEngine.news(),
            intents_engine=FakeEngine.intents(*sorted(templates.answers)),
            threshold=0.5,
            gazetteer=Names(),  # type: ignore[arg-type]
            templates=templates,
            clock=lambda: datetime.now(UTC),
            registry=registry,
        ),
    )


if __name__ == "__main__":
    main()
