"""The laws of fleet-scale machine learning, small enough to read."""
