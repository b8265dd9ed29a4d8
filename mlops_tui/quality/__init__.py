"""What data must keep: contracts compiled to rules, calendars, and what a contract knows to be odd."""
