"""Scripts that make, not that users import."""
