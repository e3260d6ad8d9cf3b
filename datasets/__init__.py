"""The data sets of pix2pix: where they come from, and tools that make and check folders of pairs."""
