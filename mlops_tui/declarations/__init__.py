"""What a project declares: the schema of every kind of file, and how it is read."""
