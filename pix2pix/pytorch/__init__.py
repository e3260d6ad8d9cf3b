"""The weights of the PyTorch port (junyanz/pytorch-CycleGAN-and-pix2pix) in and out, without torch:
python -m pix2pix.pytorch FILE.pth --name NEW"""
