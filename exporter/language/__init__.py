"""The small languages of a configuration: durations, rates, dates, predicates, labels, templates."""
