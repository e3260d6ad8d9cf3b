"""How good pictures are: pixel by pixel, as a crowd, and the one pass over pairs that both scripts make."""
