"""Measures speech: what each row of the README's table says, and the meters behind them."""
