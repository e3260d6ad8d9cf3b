"""How good pictures are: pixel by pixel, to the eye, as a crowd, and the one pass over pairs that both scripts make."""

BEST_BY = ('l1', 'ssim', 'perceptual')      # the metrics by which a checkpoint is kept and picked
