"""Templates and the project skeletons shipped with the product; nothing here is code."""
