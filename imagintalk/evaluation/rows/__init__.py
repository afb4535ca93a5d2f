"""The rows of the README's table, one file each; what makes the speech comes in as a plain callable."""
