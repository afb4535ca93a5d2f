"""Absorbing discrete diffusion over codec codes: schedule, corruption, loss, network, guidance, sampler, windows."""
