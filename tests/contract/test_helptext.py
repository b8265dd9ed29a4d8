"""What questions in words are matched with is the command tree as it is, though nothing of it is imported."""

from pathlib import Path

import click

import mlops_tui
from mlops_tui.capability import Noun
from mlops_tui.commands import root
from mlops_tui.core._helptext import commands


def nouns():
    """Those of the product; what another test added to the tree of this process is none."""
    home = Path(mlops_tui.__file__).parent
    return [root.get_command(click.Context(root), name) for name, file in root.files.items() if home in file.parents]


def test_the_help_that_is_read_off_the_files_is_that_of_the_command_tree():
    real = {}
    for made in nouns():
        real |= {(made.name, verb): each for verb, each in made.commands.items()} if isinstance(made, Noun) else {
            (made.name,): made}
    told = commands()
    assert set(told) == set(real)
    assert {key: str(each.shape) for key, each in real.items()} == {key: each.shape for key, each in told.items()}
    assert {key for key, each in real.items() if each.fold} == {key for key, each in told.items() if each.fold}
    assert {key: each.looks for key, each in real.items()} == {key: each.looks for key, each in told.items()}
    meant = {(each.name, how, verb) for each in nouns() if isinstance(each, Noun) for how in ("bare", "subject")
             if (verb := getattr(each, how))}
    assert meant == {(key[0], how, key[1]) for key, each in told.items() for how in each.stands}
    assert [key for key, each in told.items() if not each.examples or not each.first.endswith((".", "?"))] == []
