"""Ctrl-C between two steps: an exception in the midst of one can take the process down."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType

import keras


class Interruption(keras.callbacks.Callback):  # type: ignore[misc]
    """Ends a `fit` behind the step in which Ctrl-C was pressed; pressed again, at once.

    A context manager around `fit`, and the first of its callbacks. TensorFlow fetches batches in
    threads of its own, and a training that was interrupted in the midst of a step once ended with
    SIGSEGV instead of a word.
    """

    def __init__(self) -> None:
        super().__init__()
        self.is_asked = False
        self._is_set = False

    def __enter__(self) -> Interruption:
        is_main = threading.current_thread() is threading.main_thread()
        if is_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._ask)
            self._is_set = True
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        if self._is_set:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        if self.is_asked:
            self.model.stop_training = True

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Before anybody takes the unfinished epoch for a finished one.

        Raises:
            KeyboardInterrupt: it was asked for.
        """
        if self.is_asked:
            raise KeyboardInterrupt

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self.is_asked = True
        signal.signal(signal.SIGINT, signal.default_int_handler)
