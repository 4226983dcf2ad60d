"""The small languages in a configuration: durations, rates, dates, predicates, labels, templates."""
