"""Content tokens corrected by masked language modelling, and their hidden states c_lip (DESIGN section 2)."""
