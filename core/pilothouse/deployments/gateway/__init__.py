"""The server's side of serving: requests in, predictions and labels out."""
