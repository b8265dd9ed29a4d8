"""What the dashboard is made of: each part is an app that can do one thing more."""
