"""What training and drawing cost on a machine, beside the same networks in PyTorch: python -m benchmarks --help"""
