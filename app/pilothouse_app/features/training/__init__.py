"""Training: the dialog that starts one, and its result on the page of its job."""
