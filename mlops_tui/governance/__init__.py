"""Who may promote what, on which evidence."""
