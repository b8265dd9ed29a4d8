"""What alerts say to the outside beside Slack, and what the outside says back: a sender and an ear for each route."""
