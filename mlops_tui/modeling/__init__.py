"""Models: trained, evaluated, compared."""
