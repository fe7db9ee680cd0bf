"""The releases of a location: made, looked at, recorded, and what they are made of."""
