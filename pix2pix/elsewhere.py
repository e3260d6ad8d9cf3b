"""What other implementations of pix2pix call the options that there are here, for those who type what they know."""

#        theirs               ours, and the words beside it. Of several rows, the first whose option the command has
ROWS = [('--dataroot',         '--dataset'),            # junyanz/pytorch-CycleGAN-and-pix2pix, today's and older names
        ('--gpu_ids',          '--devices'),
        ('--input_nc',         '--source_channels'),
        ('--output_nc',        '--target_channels'),
        ('--loadSize',         '--load_size'),
        ('--fineSize',         '--crop_size'),
        ('--batchSize',        '--batch_size'),
        ('--no_dropout',       '--keep_prob 1'),
        ('--lambda_L1',        '--l1_weight'),
        ('--lambda_A',         '--l1_weight'),
        ('--n_epochs',         '--epochs'),
        ('--niter',            '--epochs'),
        ('--n_epochs_decay',   '--decay_from'),
        ('--niter_decay',      '--decay_from'),
        ('--continue_train',   'the same command again: it carries on'),
        ('--print_freq',       '--log_every'),
        ('--save_epoch_freq',  '--save_every'),
        ('--save_latest_freq', '--save_minutes'),
        ('--update_html_freq', '--sample_every (epochs)'),
        ('--epoch',            '--checkpoint checkpoints/NAME/model-STEP'),
        ('--which_epoch',      '--checkpoint checkpoints/NAME/model-STEP'),
        ('--load_iter',        '--checkpoint checkpoints/NAME/model-STEP'),
        ('--phase',            '--split'),
        ('--results_dir',      '--output'),
        ('--num_test',         '--limit'),
        ('--how_many',         '--limit'),
        ('--eval',             '--no_dropout --statistics moving'),
        ('--input_dir',        '--dataset'),            # affinelayer/pix2pix-tensorflow
        ('--output_dir',       '--output'),
        ('--output_dir',       '--name'),
        ('--checkpoint',       'the same command again: it carries on'),
        ('--which_direction',  '--direction'),
        ('--scale_size',       '--load_size'),
        ('--flip',             '--no_flip, or neither: pairs are mirrored'),
        ('--max_epochs',       '--epochs'),
        ('--progress_freq',    '--log_every'),
        ('--summary_freq',     '--log_every'),
        ('--save_freq',        '--save_every (epochs)'),
        ('--ngf',              '--base_filters'),       # both
        ('--ndf',              '--base_filters'),
        ('--lr',               '--learning_rate'),
        ('--display_freq',     '--sample_every (epochs)')]


def ours(flag, options):
    """What a flag of theirs is called in a command that has these options, or None."""
    # A row without an option of ours is of trainings.
    needed = lambda words: {word.strip(',') for word in words.split() if word.startswith('--')} or {'--epochs'}
    return next((words for theirs, words in ROWS if theirs == flag and needed(words) <= set(options)), None)
