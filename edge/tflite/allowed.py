"""The operators that a picture classifier may be made of; all others are refused by name.

Each of TFLite's operators is either in or out on purpose. What is in computes numbers of one
picture from numbers of one picture. What is out keeps a state from one picture to the next, decides
what is run, makes memory as large as its data says, or belongs to other work; a model that needs it
may be honest, and is still no model for this.
"""

from __future__ import annotations

from edge.errors import ModelError
from edge.tflite.structure import Structure

_IN = {
    "layers": "CONV_2D DEPTHWISE_CONV_2D TRANSPOSE_CONV FULLY_CONNECTED BATCH_MATMUL "
    "AVERAGE_POOL_2D MAX_POOL_2D L2_POOL_2D L2_NORMALIZATION LOCAL_RESPONSE_NORMALIZATION",
    "activations": "RELU RELU6 RELU_N1_TO_1 RELU_0_TO_1 LEAKY_RELU PRELU ELU GELU HARD_SWISH "
    "LOGISTIC TANH SOFTMAX LOG_SOFTMAX",
    "arithmetic": "ADD ADD_N SUB MUL DIV NEG ABS SIGN SQUARE SQUARED_DIFFERENCE SQRT RSQRT POW EXP "
    "LOG SIN COS ZEROS_LIKE FLOOR CEIL ROUND MAXIMUM MINIMUM",
    "reductions": "MEAN SUM REDUCE_PROD REDUCE_MAX REDUCE_MIN",
    "choices, number by number": "EQUAL NOT_EQUAL LESS LESS_EQUAL GREATER GREATER_EQUAL "
    "LOGICAL_AND LOGICAL_OR LOGICAL_NOT SELECT SELECT_V2",
    "shapes": "SHAPE RANK RESHAPE SQUEEZE EXPAND_DIMS TRANSPOSE CONCATENATION SPLIT SPLIT_V PACK "
    "UNPACK SLICE STRIDED_SLICE GATHER REVERSE_V2 TILE BROADCAST_TO BROADCAST_ARGS PAD PADV2 "
    "MIRROR_PAD SPACE_TO_DEPTH DEPTH_TO_SPACE SPACE_TO_BATCH_ND BATCH_TO_SPACE_ND RESIZE_BILINEAR "
    "RESIZE_NEAREST_NEIGHBOR",
    "numbers": "QUANTIZE DEQUANTIZE FAKE_QUANT CAST",
}
_OUT = {
    "it decides what is run": "IF WHILE CALL CALL_ONCE",
    "it is not the runtime's own": "CUSTOM DELEGATE PLACEHOLDER_FOR_GREATER_OP_CODES",
    "it keeps a state": "VAR_HANDLE READ_VARIABLE ASSIGN_VARIABLE HASHTABLE HASHTABLE_FIND "
    "HASHTABLE_IMPORT HASHTABLE_SIZE HASHTABLE_LOOKUP",
    "it draws lots": "RANDOM_STANDARD_NORMAL RANDOM_UNIFORM MULTINOMIAL "
    "STABLEHLO_RNG_BIT_GENERATOR",
    "it is for sequences and words": "RNN LSTM SVDF UNIDIRECTIONAL_SEQUENCE_RNN "
    "UNIDIRECTIONAL_SEQUENCE_LSTM BIDIRECTIONAL_SEQUENCE_RNN BIDIRECTIONAL_SEQUENCE_LSTM "
    "EMBEDDING_LOOKUP EMBEDDING_LOOKUP_SPARSE CONCAT_EMBEDDINGS LSH_PROJECTION SKIP_GRAM "
    "REVERSE_SEQUENCE CUMSUM BUCKETIZE",
    "it is for detectors, sounds or volumes": "NON_MAX_SUPPRESSION_V4 NON_MAX_SUPPRESSION_V5 "
    "RFFT2D IMAG REAL COMPLEX_ABS CONV_3D CONV_3D_TRANSPOSE",
    "its result is as large as its data says": "FILL RANGE WHERE UNIQUE ONE_HOT SPARSE_TO_DENSE "
    "DENSIFY MATRIX_DIAG MATRIX_SET_DIAG",
    "it reads or writes where its data says": "GATHER_ND SCATTER_ND DYNAMIC_UPDATE_SLICE "
    "SEGMENT_SUM UNSORTED_SEGMENT_PROD UNSORTED_SEGMENT_MAX UNSORTED_SEGMENT_SUM "
    "UNSORTED_SEGMENT_MIN",
    "it gives no scores": "ARG_MAX ARG_MIN TOPK_V2 REDUCE_ANY REDUCE_ALL FLOOR_DIV FLOOR_MOD ATAN2 "
    "BITCAST BITWISE_XOR RIGHT_SHIFT",
    "no runtime here is known to run it": "DILATE REDUCE_WINDOW STABLEHLO_LOGISTIC STABLEHLO_ADD "
    "STABLEHLO_DIVIDE STABLEHLO_MULTIPLY STABLEHLO_MAXIMUM STABLEHLO_RESHAPE STABLEHLO_CLAMP "
    "STABLEHLO_CONCATENATE STABLEHLO_BROADCAST_IN_DIM STABLEHLO_CONVOLUTION STABLEHLO_SLICE "
    "STABLEHLO_CUSTOM_CALL STABLEHLO_REDUCE STABLEHLO_ABS STABLEHLO_AND STABLEHLO_COSINE "
    "STABLEHLO_EXPONENTIAL STABLEHLO_FLOOR STABLEHLO_LOG STABLEHLO_MINIMUM STABLEHLO_NEGATE "
    "STABLEHLO_OR STABLEHLO_POWER STABLEHLO_REMAINDER STABLEHLO_RSQRT STABLEHLO_SELECT "
    "STABLEHLO_SUBTRACT STABLEHLO_TANH STABLEHLO_SCATTER STABLEHLO_COMPARE STABLEHLO_CONVERT "
    "STABLEHLO_DYNAMIC_SLICE STABLEHLO_DYNAMIC_UPDATE_SLICE STABLEHLO_PAD STABLEHLO_IOTA "
    "STABLEHLO_DOT_GENERAL STABLEHLO_REDUCE_WINDOW STABLEHLO_SORT STABLEHLO_WHILE "
    "STABLEHLO_GATHER STABLEHLO_TRANSPOSE STABLEHLO_COMPOSITE STABLEHLO_SHIFT_LEFT "
    "STABLEHLO_CBRT STABLEHLO_CASE",
}
ALLOWED = frozenset(" ".join(_IN.values()).split())
REFUSED = {name: reason for reason, names in _OUT.items() for name in names.split()}
"""Operator -> why it is out."""


def check_operators(structure: Structure, where: str) -> None:
    """Refuses a model that has other operators, or more than one network.

    Raises:
        ModelError: names the operator, and why it is out.
    """
    if structure.subgraphs != 1:
        raise ModelError(
            f"{where}: expected one network in the model, got {structure.subgraphs}: more are for "
            "control flow, which no picture classifier here may have"
        )
    for name in structure.custom:
        raise ModelError(
            f"{where}: expected the runtime's own operators, it needs the custom operator "
            f"{name!r}{_remedy(name)}"
        )
    for name in structure.operators:
        if name not in ALLOWED:
            reason = REFUSED.get(name, "it is newer than this edgeproof")
            raise ModelError(
                f"{where}: expected the operators of a picture classifier, got {name}: {reason}"
            )


def _remedy(operator: str) -> str:
    if operator.startswith("edgetpu"):
        return ", for the Edge TPU; adopt the file that it was compiled from"
    if operator.startswith("Flex"):
        return ", a part of TensorFlow; convert the model without SELECT_TF_OPS"
    return ""
