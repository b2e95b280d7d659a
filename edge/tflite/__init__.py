"""What a .tflite from anywhere says of itself, read without a runtime: bytes, operators, shapes."""
