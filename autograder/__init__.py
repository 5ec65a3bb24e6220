"""From one lab script to grades that can be trusted: build, collect, grade, report."""
