"""`c8ybin completion`."""

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print what lets SHELL complete commands and options.

    \b
    bash: eval "$(c8ybin completion bash)"    in ~/.bashrc
    zsh:  eval "$(c8ybin completion zsh)"     in ~/.zshrc, after compinit
    fish: c8ybin completion fish > ~/.config/fish/completions/c8ybin.fish
    """
    program = click.get_current_context().find_root()
    kind = get_completion_class(shell)
    if kind is None:
        raise click.ClickException(f"This version of click knows no completion for {shell}.")
    click.echo(kind(program.command, {}, "c8ybin", "_C8YBIN_COMPLETE").source())
