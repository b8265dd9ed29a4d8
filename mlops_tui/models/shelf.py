"""The store that features are read from when a model is asked."""

from mlops_tui.errors import need_extra
from mlops_tui.session import Session
from store.online import Shelf, open_shelf


def shelf_of(session: Session) -> Shelf:
    """The project's online store; MissingExtra where it is Redis and its library is not installed."""
    project = session.declared()
    url = project.settings.stores.online
    if url.startswith(("redis://", "rediss://", "unix://")):
        need_extra("redis", "redis")
    return open_shelf(url, project.root, project.settings.project)
