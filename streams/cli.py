"""The command line: `gretchen VERB`. A verb's module is imported only when it is asked for."""

import gc
import importlib
import os
import sys

import click

from models.errors import GretchenError

VERBS = {
    "demo": "play the sample news and chat through Kafka and the models, on this machine",
    "worker": "run the agents that score news, watch entities, raise alerts and answer questions",
    "notify": "deliver alerts by webhook, Slack, e-mail and Alertmanager",
    "top": "show who stands worst, best, is busiest, has moved most",
    "trend": "show how one entity, topic or sector stands, over a day, a week, a month",
    "alerts": "show alerts, ack an episode, mute an entity",
    "rules": "check the rules file that says what is watched for, or show an example",
    "page": "serve the live page",
    "feed": "read RSS and Atom feeds into the news topic",
    "replay": "put a file of news (JSONL, CSV, plain lines) into the news topic",
    "score": "score texts from a file without Kafka, JSONL in, JSONL out",
    "ask": "answer a question, or a file of them, without Kafka",
    "chat": "talk with Gretchen in the terminal, without Kafka",
    "documents": "add, remove, list and search the documents that questions are answered from",
    "backtest": "say what alerts a file of history would have raised",
    "topics": "create the topics, or show what they hold",
    "tune": "measure this machine and say what settings are best on it",
    "doctor": "say what is wrong with this installation, and what to do",
    "models": "fine-tune, export, evaluate and verify models",
}


class LazyGroup(click.Group):
    """Lists all verbs without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in VERBS:
            return None
        gc.disable()  # nothing that an import makes is garbage, and to look for it takes a tenth of the time
        try:
            command: click.Command = importlib.import_module(f"streams.commands.{name}").command
        finally:
            gc.enable()
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="gretchen", message="%(prog)s %(version)s")
def group() -> None:
    """Gretchen reads the news and answers the chat: Kafka, Faust and fine-tuned transformers.

    Settings are environment variables: see docs/settings.md.
    """


def main() -> None:
    """Entry point: one line and an exit code for every error that is the user's to mend."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        group(prog_name="gretchen", standalone_mode=True)
    except GretchenError as error:
        click.echo(f"gretchen: {error}", err=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # `gretchen score | head`
        sys.stderr.close()
        sys.exit(141)
