"""Reading data: files, uploads and frames of every supported format."""
