"""Export: a trained run to .tflite variants, each proven by the accuracy gate or not shipped."""
