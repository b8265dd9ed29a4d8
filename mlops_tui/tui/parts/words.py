"""The dashboard's own words on the `:` line; everything else there is a command of the terminal."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Word:
    """How it is typed, what it does in one line, and the app's action that does it.

    The action is the app's method `action_NAME`, called with each word typed after this one; what cannot be done with
    them it says by raising a Refusal. `choices` names the app's method that lists what may follow, to complete it.
    """

    usage: str
    effect: str
    action: str
    choices: str = ""


QUIT = Word("quit", "Leave the dashboard; :q is the same", "quit")

# By the word itself. None is the name of a command: what is typed in a terminal means the same here.
WORDS: dict[str, Word] = {
    "at": Word("at TIME", "Show everything as of 2013-09-14, '2h ago', when INC-3 began, the row's time, or now", "at",
               "moments"),
    "mark": Word("mark", "Mark the moment that is seen; at another, show what changed between", "mark"),
    "projects": Word("projects [NAME]", "Projects side by side; with a name, go to that one", "projects"),
    "view": Word("view [[save|forget] NAME]", "Show a list as it was saved; ctrl+s saves the one that is seen", "view",
                 "views"),
    "quit": QUIT,
    "q": QUIT,
    "theme": Word("theme [NAME]", "Choose the colours; auto suits the terminal", "theme", "themes"),
    "link": Word("link", "Copy the link that leads here again", "link"),
    "shot": Word("shot [NAME]", "A picture of the screen, and its text, as files", "shot"),
}
