"""Where the (input, target) pairs come from."""
