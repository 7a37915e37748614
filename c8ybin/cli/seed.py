"""`c8ybin seed`."""

import json
from contextlib import closing
from pathlib import Path

import click

from c8ybin.bodies import Intake
from c8ybin.cli.options import config_option, data_option, option
from c8ybin.cli.problems import Problem, require_writable, using
from c8ybin.domain.errors import Refusal
from c8ybin.store import Store

OWNER = "c8ybin"


@click.command()
@click.argument("source", type=click.Path(path_type=Path, exists=True))
@option("--json", "as_json", is_flag=True, help="Write which event has which ID as JSON.")
@data_option
@config_option
def seed(source: Path, as_json: bool, data: Path) -> None:
    """Create events with their files from a folder or a tar, also while servers run.

    A directory with an event.json is one event, and the other file in it, if there is one, its attachment; any
    other file is an event of its own. What an event.json does not say is made up. Names that begin with a dot
    are passed over. Exit code 0: done; 1: SOURCE is not acceptable, and nothing was created; 2: the data
    directory cannot be used.
    """
    from c8ybin.seeds.sowing import sow_path  # here, for other commands do without it

    with using(data), closing(Store.open(data)) as store, closing(Intake(store.folder)) as intake:
        require_writable(store, data)
        try:
            planted = sow_path(store, intake, source, OWNER)
        except Refusal as error:
            raise Problem(f"{source}: {error.message}") from None
    if as_json:
        click.echo(json.dumps({"events": [each.document() for each in planted]}, ensure_ascii=False))
        return
    for each in planted:
        click.echo(f"{each.id}  {each.path}" + (f"  {each.binary.name}" if each.binary else ""))
