"""Other load tools, each beside drumpost on one private server. A file for each peer; `measure` runs the rounds, `tools` runs programs."""
