"""What a Keras model consists of, and which device there is for it."""

import json
import re
import sys

import numpy as np

from drillcore.base.errors import InputError
from drillcore.frameworks.keras import check_names, keras, observe, tf
from stages.rig.images import check_outputs, fits
from stages.rig.keras.network import build, complete
from stages.rig.user_defined import as_script, oneline

__all__ = ["best_device", "build", "inspect", "scored"]

PADDING = " Its input may be larger than the images and, where they are grey, have 3 channels."

PRECISIONS = "float32", "float16", "bfloat16"


def best_device():
    """The device that `device: auto` stands for; TensorFlow has Apple's by a plugin."""
    if not tf.config.list_physical_devices("GPU"):
        return "cpu"
    return "mps" if sys.platform == "darwin" else "cuda"


def inspect(model, card, classes):
    """Return the layers of `model` as a list of `Layer`, in its own order.

    Raises an `InputError` if the model does not take images of the card's input to
    (samples, `classes`), or cannot be recorded or saved.
    """
    context = f"params.yaml: networks.{card.name}"
    check_scale(card, context)
    for count in (2, 3):
        images = np.zeros((count, *card.input), np.int32 if card.kind == "tokens" else np.float32)
        try:
            with as_script():
                model = complete(model, card)
                output = model(images, training=False)
        except InputError:
            raise
        except Exception as error:  # a user's code can raise anything
            padding = PADDING if card.kind == "images" else ""
            raise InputError(f"{context} cannot take {card.kind} of {card.input}: {oneline(error)}.{padding}") from None
        check_outputs(card, list(getattr(output, "shape", [0])), count, classes)
    if card.kind != "tokens":
        check_types(model, context)
    check_names(model.weights, model)
    check_saving(model, context)
    return observe(model, images).layers


def scored(model, card, classes):
    """Whether the outputs of a `model` that was inspected are those that the data ask for, so that they can be scored."""
    outputs = complete(model, card).outputs
    return len(outputs) == 1 and fits(card, [2, *outputs[0].shape[1:]], 2, classes)


def check_scale(card, context):
    """Refuse those of keras.applications that divide by 255 themselves and cannot be told not to, for images in [0, 1]."""
    if re.fullmatch("keras:EfficientNetB[0-7]", getattr(card, "build", None) or "") and not card.normalize:
        raise InputError(
            f"{context}.build is {card.build!r}, which divides images by 255 itself: "
            "add normalize: {mean: [0], std: [0.00392157]}, so that they come to it from 0 to 255."
        )


def check_types(model, context):
    """Refuse an input that images in [0, 1] are cut off to, and weights of a precision that the recorder does not count."""
    dtype = keras.backend.standardize_dtype(model.inputs[0].dtype)
    if not keras.backend.is_float_dtype(dtype):
        raise InputError(
            f"{context} takes images as {dtype}, of which 0 would remain, for they come as floats from 0 to 1 or as "
            "normalize makes them: leave dtype out of its keras.Input."
        )
    for weight in model.weights:
        if keras.backend.is_float_dtype(weight.dtype) and weight.dtype not in PRECISIONS:
            raise InputError(
                f"{context} has a weight {weight.path} of {weight.dtype}, but weights should be {' or '.join(PRECISIONS)}: "
                "change the dtype of its layer."
            )


def check_saving(model, context):
    """Refuse a model that Keras cannot write as JSON, as it does in every checkpoint."""
    try:
        model.to_json()
    except Exception as error:  # a user's code can raise anything
        reason = oneline(error).partition(". Example:")[0]
        raise InputError(f"{context} cannot be saved{unsaved(model)}: {reason}.") from None


def unsaved(model):
    """Which layer of `model` it is that cannot be saved: ` for its layer 'mine' (Mine)`, or nothing."""
    for layer in model.layers:
        try:
            json.dumps(keras.saving.serialize_keras_object(layer))
        except Exception:
            return f" for its layer {layer.name!r} ({type(layer).__name__})"
    return ""
