"""Every limit of protocol trainer/1, each with its reason. docs/protocol/trainer.md lists them."""

LINE_BYTES = 1 << 20
"""Of one line with its line feed: a peer can make the reader keep no more than this."""

INTEGER = 1 << 53
"""Whole numbers stay below, in both directions: every JSON reader keeps them exactly."""

SEED = 1 << 32
"""Seeds stay below: NumPy and scikit-learn take 32 bits."""

SETTINGS = 64
"""Entries of a task's settings."""

SETTINGS_BYTES = 4096
"""Of a task's settings, as JSON without spaces."""

METRICS = 32
"""Numbers that a training may report."""

METRIC_NAME_BYTES = 64

PROGRESS_A_SECOND = 4
"""Progress events in any second; what is above is dropped here."""

ALIVE_SECONDS = 2.0
"""Between two signs of life while a request is at work."""

TEXT_CHARACTERS = 500
"""Of a text in an error or a warning; longer ones are cut."""

FAULTS = 50
"""Faults and warnings in one answer; the last one says how many were left out."""

TENSORS = 100_000
"""Tensors of a model, as in the node's parameter manifest."""

TENSOR_NAME_BYTES = 512
TENSOR_RANK = 8
TENSOR_VALUES = 1 << 31
"""Values of all tensors of a model together."""

HEADER_BYTES = 100_000_000
"""Of the JSON header of a tensor file: what 100,000 names of 512 bytes need, with room."""

STATE_METADATA_BYTES = 1 << 20
"""Of the texts that an adapter keeps in a state file beside its tensors."""

APP_FILES = 1000
APP_BYTES = 10_000_000
"""Of an app's hashed files: code, not data."""

ROW_FILE_BYTES = 1 << 33
"""Of one file of rows."""

CONFUSION_CLASSES = 100
"""A confusion matrix of more classes would not fit a line, and nobody reads it."""
