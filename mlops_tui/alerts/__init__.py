"""When people are told: the rules of alerts, silences, paging and repeats. Pure."""
