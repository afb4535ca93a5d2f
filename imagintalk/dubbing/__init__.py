"""What `Pipeline` is made of: options, loaded networks, each stage's glue, report and output files."""
