"""Training: labelled pictures to a Keras model and the record of how it was made."""

import os

# Before anything imports Keras. Models are saved alike by every backend; TensorFlow is the one
# that the train extra installs. Level 2 silences TensorFlow's start-up chatter, not its errors.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
