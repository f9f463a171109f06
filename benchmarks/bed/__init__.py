"""What every figure stands on: a cloud, databases, sides that race, and how figures are told."""
