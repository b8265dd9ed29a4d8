"""Rules about incidents that several parts of the product need: values in, values out."""
