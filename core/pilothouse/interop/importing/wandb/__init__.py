"""Reading the files of Weights & Biases' offline runs, without its library."""
