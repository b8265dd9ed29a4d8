"""What the team knows, kept findable."""
