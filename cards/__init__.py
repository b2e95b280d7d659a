"""The pages about the shipped models: a card for each, and their rank among published ones."""
