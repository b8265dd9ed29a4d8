"""Where everything is kept: the history of entries, the data files, the models."""
