"""Lips to content tokens: crop, visual encoder, Conformer, token projector, error detector (DESIGN section 2)."""
