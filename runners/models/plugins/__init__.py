"""Adapters around packages that are no part of this project's requirements: each says what has to be installed."""
