"""Lists as one has filtered them and put them in order, under names of their own."""

from collections.abc import Iterable

from textual import work

from mlops_tui.errors import BadInput, NotFound, nearest
from mlops_tui.tui.parts.helped import Helped
from mlops_tui.tui.screens.ask import Ask
from mlops_tui.tui.screens.section import SectionScreen
from mlops_tui.tui.sections import SECTIONS

VERBS, KEPT = ("save", "forget"), "view/"


class Viewed(Helped):
    """An app that keeps views: a part of the dashboard with its filter, its order and its side."""

    def views(self) -> Iterable[str]:
        """What may follow `:view`."""
        names = sorted(self._views())
        return *names, *(f"forget {name}" for name in names)

    def _views(self) -> dict[str, dict[str, str]]:
        return {name: {key: value for key, value in view.items() if isinstance(value, str)}
                for name, view in self.kept.under(KEPT).items()
                if isinstance(view, dict) and str(view.get("mode")) in SECTIONS}

    def action_save_view(self) -> None:
        """Ask for the name of the list as it is seen."""
        self.write("view save ")

    def action_view(self, *words: str) -> None:
        """Show a list as it was saved; without a name, ask for one of those there are."""
        if words[:1] in (("save",), ("forget",)):
            self._save(" ".join(words[1:])) if words[0] == "save" else self._forget(" ".join(words[1:]))
        elif words:
            name = " ".join(words)
            self._show_view(self._known_view(name))
        else:
            self._choose()

    @work
    async def _choose(self) -> None:
        views = self._views()
        choices = [("", "Stay here"), *((name, f"{name}   {told(view)}") for name, view in sorted(views.items()))]
        question = "Which view?" if views else "No view is saved yet: ctrl+s saves a list as it is filtered."
        name = await self.push_screen_wait(Ask(question, choices))
        if name:
            self._show_view(views[name])

    def _known_view(self, name: str) -> dict[str, str]:
        views = self._views()
        if name not in views:
            raise NotFound(f"No view '{name}' is saved.",
                           next=nearest(name, views) or "ctrl+s saves a list as it is filtered.")
        return views[name]

    def _save(self, name: str) -> None:
        section = self.screen
        if not isinstance(section, SectionScreen):
            raise BadInput("There is no list here to save.", next="Go to one of 2 to 8.")
        if not name or name.split()[0] in VERBS:
            raise BadInput("A view has a name.", next="Write :view save NAME")
        view = {**section.memory(), "row": "", "mode": self.current_mode}
        self._keep(KEPT + name, view)
        self._say(f"saved: {told(view)}   :view {name} shows it again")

    def _forget(self, name: str) -> None:
        self._known_view(name)
        self._keep(KEPT + name, None)
        self._say(f"forgotten: {name}")

    def _show_view(self, view: dict[str, str]) -> None:
        self.action_mode(view["mode"])
        while len(self.screen_stack) > 1:
            self.pop_screen()
        self._sections[view["mode"]].resume(view)


def told(view: dict[str, str]) -> str:
    """What a view shows, in a line."""
    return "  ".join(filter(None, (view["mode"], f"/ {view['filter']}" if view.get("filter") else "",
                                   f"sorted {view['sort']}" if view.get("sort") else "", view.get("side", ""))))
