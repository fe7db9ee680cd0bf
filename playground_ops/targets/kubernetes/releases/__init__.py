"""The releases of a location: made, observed and recorded, and what they are made of."""
