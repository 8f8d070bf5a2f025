"""People as the slowest microservice: what waits for a review, and what the reviews are worth."""
